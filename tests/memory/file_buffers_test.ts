import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { AioContext, type AioFile, allocate } from "../../mod.ts";
import { pattern, sameBytes } from "../support/bytes.ts";
import { DIRECT_GROUNDS, onGrounds, Scene } from "../support/file_grounds.ts";
import { SlowKernel } from "../support/file_kernels.ts";
import { kernelName } from "../support/real_kernel.ts";

const PAGE = 4096;
const MIB = 1 << 20;
const CONTENT = pattern(MIB + 3 * PAGE + 777);

/** Ways to lose the memory under a view, of whatever length it is. */
const LOSSES: Record<string, (length: number) => [view: Uint8Array, lose: () => void]> = {
  "transferred": (length) => {
    const buffer = new ArrayBuffer(length);
    return [new Uint8Array(buffer), () => void structuredClone(buffer, { transfer: [buffer] })];
  },
  "cut short": (length) => {
    const buffer = new ArrayBuffer(length, { maxByteLength: 2 * length });
    return [new Uint8Array(buffer, 0, length), () => buffer.resize(10)];
  },
  "cut short, with a view that follows,": (length) => {
    const buffer = new ArrayBuffer(length, { maxByteLength: 2 * length });
    return [new Uint8Array(buffer), () => buffer.resize(10)];
  },
  "memory of WebAssembly that grew": (length) => {
    const memory = new WebAssembly.Memory({ initial: Math.ceil(length / 65536), maximum: 100 });
    return [new Uint8Array(memory.buffer, 0, length), () => void memory.grow(1)];
  },
};

/** In one request, in a broken block, in several parts. */
const LENGTHS = [PAGE, 5003, MIB + 5];

for (const [loss, losable] of Object.entries(LOSSES)) {
  onGrounds(`reads into memory that is ${loss} meanwhile are refused`, async (ground) => {
    await using scene = new Scene(ground);
    const file = await scene.holding(CONTENT, "r");
    for (const length of LENGTHS) {
      for (const position of [0, 77, ...ground.direct && kernelName === "portable" ? [] : [null]]) {
        const [target, lose] = losable(length);
        const read = file.read(target, 0, length, position);
        lose();
        // A runtime may keep memory that its threads use where it is.
        const kept = target.length === length && !ground.direct;
        // What was cached it had read before.
        const over = position === null && !ground.direct &&
          await read.then(({ bytesRead }) => bytesRead === length, () => false);
        if (kept) assert.ok((await read).bytesRead > 0);
        else if (!over) await assert.rejects(read, TypeError, `${length} at ${position}`);
      }
      const [part, lose] = losable(length);
      const others = [new Uint8Array(10), new Uint8Array(PAGE)];
      const read = file.readv([others[0]!, part, others[1]!], 5);
      lose();
      if (part.length === length && !ground.direct) assert.ok((await read).bytesRead > 0);
      else await assert.rejects(read, TypeError, `readv of ${length}`);
      sameBytes(await file.readAt(PAGE, length), CONTENT.subarray(PAGE, PAGE + length));
    }
  });

  onGrounds(
    `writes from memory that is ${loss} meanwhile write what it held, or nothing`,
    async (ground) => {
      await using scene = new Scene(ground);
      // What stood in the stand-ins before: none of it may ever get to the file
      const stale = await scene.holding("", "w+");
      for (const length of LENGTHS) {
        await stale.write(new Uint8Array(length).fill(0xee), { position: 0 });
      }
      for (const length of LENGTHS) {
        const isLong = length > MIB;
        for (const position of [...isLong ? [] : [0], 2 * PAGE + 77, CONTENT.length - 100]) {
          for (const turns of isLong ? [0, 9] : [0, 1, 3, 9]) {
            const file = await scene.holding(CONTENT, "r+");
            const [source, lose] = losable(length);
            const what = `${length} at ${position}, ${turns} turns`;
            await loseWhileWriting(file, position, source, lose, turns, what);
            await file.close();
          }
        }
      }
    },
  );
}

/** Writes, loses the memory after some turns, and looks at what the file became. */
async function loseWhileWriting(
  file: AioFile,
  position: number,
  source: Uint8Array,
  lose: () => void,
  turns: number,
  what: string,
): Promise<void> {
  const { length } = source;
  const bytes = pattern(length, 0x55);
  source.set(bytes);
  // Two, so that one may have to wait for the other
  const writes = [file.write(source, 0, length, position), file.write("x", position)];
  for (let turn = 0; turn < turns; turn++) await Promise.resolve();
  if (turns > 5) await setImmediate();
  lose();
  const [result, second] = await Promise.allSettled(writes);
  assert.equal(second!.status, "fulfilled", what);
  let written = 0;
  if (result!.status === "fulfilled") written = result!.value.bytesWritten;
  else assert.ok(result!.reason instanceof TypeError, `${what}: ${result!.reason}`);
  const content = readFileSync(file.path);
  // The other write, of one byte, may have come before or after
  if (content[position] === 0x78) bytes[0] = 0x78;
  const held = commonLength(content.subarray(position), bytes);
  if (result!.status === "fulfilled") assert.equal(held, written, what);
  const expected = new Uint8Array(Math.max(CONTENT.length, position + held));
  expected.set(CONTENT);
  expected.set(bytes.subarray(0, held), position);
  sameBytes(content, expected, what);
}

/** How many bytes at the beginning are the same. */
function commonLength(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at++) if (a[at] !== b[at]) return at;
  return length;
}

/** Memory of every kind that a program may come with, of this length. */
function kinds(length: number): Record<string, Uint8Array> {
  const pages = Math.ceil(length / 65536);
  const { buffer: wasm } = new WebAssembly.Memory({ initial: pages });
  const { buffer: sharedWasm } = new WebAssembly.Memory({
    initial: pages,
    maximum: pages,
    shared: true,
  });
  const growable = new SharedArrayBuffer(length, { maxByteLength: 2 * length });
  const resizable = new ArrayBuffer(length + 5, { maxByteLength: 2 * length });
  return {
    "shared": new Uint8Array(new SharedArrayBuffer(length + 10), 3, length),
    "shared, growable": new Uint8Array(growable),
    "resizable": new Uint8Array(resizable, 5),
    "of WebAssembly": new Uint8Array(wasm, 0, length),
    "of WebAssembly, shared": new Uint8Array(sharedWasm as ArrayBufferLike, 0, length),
    "allocated": allocate(length),
    "allocated, at an odd offset": allocate(length + 13).subarray(13),
  };
}

onGrounds("files read into and write from memory of every kind", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.holding(CONTENT, "r+");
  for (const length of LENGTHS) {
    let seed = 1;
    for (const [kind, memory] of Object.entries(kinds(length))) {
      const what = `${kind}, ${length}`;
      const { bytesRead } = await file.read(memory, 0, length, 777);
      assert.equal(bytesRead, length, what);
      sameBytes(memory, await file.readAt(777, length), what);
      const bytes = pattern(length, seed++);
      memory.set(bytes);
      assert.equal((await file.write(memory, 0, length, 777)).bytesWritten, length, what);
      sameBytes(readFileSync(file.path).subarray(777, 777 + length), bytes, what);
      memory.fill(0);
      assert.equal((await file.readv([memory, new Uint8Array(1)], 777)).bytesRead, length + 1);
      sameBytes(memory, bytes, what);
    }
  }
});

onGrounds("memory that grows meanwhile gets what was asked for, and no more", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.holding(CONTENT, "r+");
  for (const length of LENGTHS) {
    const shared = new SharedArrayBuffer(length, { maxByteLength: 2 * length });
    const own = new ArrayBuffer(length, { maxByteLength: 2 * length });
    for (
      const [target, grow] of [
        [new Uint8Array(shared), () => void shared.grow(2 * length)],
        [new Uint8Array(own), () => void own.resize(2 * length)],
      ] as const
    ) {
      const read = file.read(target, 0, length, 11);
      grow();
      assert.equal((await read).bytesRead, length);
      sameBytes(target.subarray(0, length), CONTENT.subarray(11, 11 + length));
      assert.ok(target.subarray(length).every((byte) => byte === 0), "bytes beyond the range");
    }
  }
});

onGrounds("memory that is lost while the kernel works is not written to", async (ground) => {
  await using scene = new Scene(ground);
  const slow = new SlowKernel();
  await using context = new AioContext({ kernel: slow.kernel, entries: 16 });
  const file = await scene.holding(CONTENT, "r", { context });
  for (const losable of Object.values(LOSSES)) {
    const [target, lose] = losable(PAGE);
    slow.holding = true;
    const read = file.read(target, 0, PAGE, 0);
    while (slow.held === 0) await setImmediate();
    lose();
    // Where the lost memory lay there may be somebody else's now
    const others = Array.from({ length: 50 }, () => new Uint8Array(PAGE).fill(0x55));
    slow.release();
    await assert.rejects(read, TypeError);
    for (const other of others) assert.ok(other.every((byte) => byte === 0x55));
    assert.equal(target[0] ?? 0, 0);
  }
});

onGrounds(
  "memory that is lost while the blocks around a write are read is not written",
  async (ground) => {
    await using scene = new Scene(ground);
    const slow = new SlowKernel();
    await using context = new AioContext({ kernel: slow.kernel, entries: 16 });
    const stale = await scene.holding("", "w+", { context });
    await stale.write(new Uint8Array(4 * PAGE).fill(0xee), { position: 0 });
    for (const losable of Object.values(LOSSES)) {
      const file = await scene.holding(CONTENT, "r+", { context });
      const [source, lose] = losable(3 * PAGE);
      source.fill(0x55);
      slow.holding = true;
      const write = file.write(source, 0, 3 * PAGE, 77);
      while (slow.held === 0) await setImmediate();
      lose();
      slow.release();
      await assert.rejects(write, TypeError);
      sameBytes(readFileSync(file.path), CONTENT);
      await file.close();
    }
  },
  DIRECT_GROUNDS,
);

onGrounds("a class of the user's over Uint8Array is memory like any other", async (ground) => {
  class Page extends Uint8Array {
    constructor() {
      super(4096);
    }
  }
  await using scene = new Scene(ground);
  const file = await scene.holding(new Uint8Array(3 * 4096), "r+");
  const page = new Page();
  page.set(pattern(4096));
  await file.write(page, { position: 0 });
  await file.write(page, 0, 4096, 4096);
  await file.write(page, { position: 2 * 4096 });
  const expected = Buffer.concat([page, page, page]);
  sameBytes(readFileSync(file.path), expected);
  for (const position of [0, 4096, 100]) {
    const target = new Page();
    assert.equal((await file.read(target, 0, 4096, position)).bytesRead, 4096);
    sameBytes(target, expected.subarray(position, position + 4096));
  }
});
