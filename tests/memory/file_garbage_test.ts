import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { AioContext, type AioFile, allocate } from "../../mod.ts";
import { pattern, sameBytes } from "../support/bytes.ts";
import { onGrounds, Scene } from "../support/file_grounds.ts";
import { SlowKernel } from "../support/file_kernels.ts";
import { collectGarbage } from "../support/gc.ts";

const PAGE = 4096;
const MIB = 1 << 20;
const CONTENT = pattern(MIB + 777);

/** Collects what nobody holds, and has others take the memory that became free. */
async function collect(): Promise<Uint8Array[]> {
  for (let round = 0; round < 2; round++) {
    await setImmediate();
    collectGarbage();
  }
  return Array.from(
    { length: 16 },
    (_, i) => (i % 2 === 0 ? allocate(PAGE) : new Uint8Array(PAGE)).fill(0x55),
  );
}

function untouched(others: readonly Uint8Array[]): void {
  for (const other of others) assert.ok(other.every((byte) => byte === 0x55), "written to");
}

onGrounds("files read under pressure of the garbage collector", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.holding(CONTENT, "r");
  const length = (i: number) => 1 + (i * 3301) % 20_000;
  const position = (i: number) => (i * 7919) % (CONTENT.length - 20_000);
  const check = (i: number, bytes: Uint8Array) =>
    sameBytes(bytes, CONTENT.subarray(position(i), position(i) + length(i)), `read ${i}`);
  const one = async (i: number) => {
    if (i % 3 === 0) return check(i, await file.readAt(position(i), length(i)));
    // Nobody but the read has the buffer
    const target = () => i % 3 === 1 ? new Uint8Array(length(i)) : allocate(length(i));
    check(i, (await file.read(target(), 0, length(i), position(i))).buffer);
  };
  for (let round = 0; round < 3; round++) {
    const reads = Array.from({ length: 40 }, (_, i) => one(round * 40 + i));
    collectGarbage();
    await setImmediate();
    collectGarbage();
    await Promise.all(reads);
  }
});

/** Begins reads into memory that nobody else knows of. */
function readsInPlace(file: AioFile, count: number): Promise<Uint8Array>[] {
  return Array.from(
    { length: count },
    (_, i) => file.read(allocate(PAGE), 0, PAGE, i * PAGE).then(({ buffer }) => buffer),
  );
}

onGrounds("allocated memory that only the read of a file knows of stays", async (ground) => {
  await using scene = new Scene(ground);
  const slow = new SlowKernel();
  await using context = new AioContext({ kernel: slow.kernel, entries: 32 });
  const file = await scene.holding(CONTENT, "r", { context });
  for (let round = 0; round < 2; round++) {
    slow.holding = true;
    const reads = readsInPlace(file, 20);
    while (slow.held < 20) await setImmediate();
    const others = await collect();
    slow.release();
    for (const [i, read] of reads.entries()) {
      sameBytes(await read, CONTENT.subarray(i * PAGE, (i + 1) * PAGE), `read ${i}`);
    }
    untouched(others);
  }
});

/** Begins writes from memory that nobody else knows of. */
function writesFrom(
  file: AioFile,
  seed: number,
  make: (length: number) => Uint8Array,
): Promise<unknown>[] {
  return Array.from({ length: 20 }, (_, i) => {
    const source = make(PAGE + i % 2);
    source.set(pattern(source.length, seed + i));
    return file.write(source, 0, source.length, i * 3 * PAGE);
  });
}

onGrounds("memory that only the write of a file knows of stays", async (ground) => {
  await using scene = new Scene(ground);
  let seed = 1;
  for (const make of [allocate, (length: number) => new Uint8Array(length)]) {
    const file = await scene.holding(new Uint8Array(60 * PAGE), "r+");
    const writes = writesFrom(file, seed, make);
    const others = await collect();
    await Promise.all(writes);
    untouched(others);
    const content = readFileSync(file.path);
    for (let i = 0; i < 20; i++) {
      const length = PAGE + i % 2;
      const at = i * 3 * PAGE;
      sameBytes(content.subarray(at, at + length), pattern(length, seed + i), `write ${i}`);
    }
    seed += 20;
  }
});

/** Begins reads and aborts them; nobody keeps anything of it. */
async function abandon(file: AioFile, slow: SlowKernel): Promise<void> {
  const before = slow.held;
  const controller = new AbortController();
  const { signal } = controller;
  const reads: Promise<unknown>[] = [0, 1, 2, 3].map((i) =>
    file.readAt(i * PAGE, PAGE, { signal })
  );
  reads.push(file.readMany([{ position: 0, length: PAGE }], { signal }).next());
  while (slow.held < before + 5) await setImmediate();
  controller.abort();
  await Promise.allSettled(reads);
}

onGrounds("the memory of reads that everybody gave up is not collected", async (ground) => {
  await using scene = new Scene(ground);
  const slow = new SlowKernel();
  await using context = new AioContext({ kernel: slow.kernel, entries: 32 });
  const file = await scene.holding(CONTENT, "r", { context });
  for (let round = 0; round < 2; round++) {
    slow.holding = true;
    await abandon(file, slow);
    await abandon(file, slow);
    const others = await collect();
    slow.release();
    // Behind those that were given up
    sameBytes(await file.readAt(77, 5000), CONTENT.subarray(77, 5077));
    while (context.inFlight > 0) await setImmediate();
    untouched(others);
  }
});

onGrounds("iterations go on while garbage is collected", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.holding(CONTENT, "r");
  let total = 0;
  for await (const { position, bytes } of file.scan({ blockSize: 20_011, depth: 16 })) {
    if (total % 9 === 0) collectGarbage();
    sameBytes(bytes, CONTENT.subarray(position, position + bytes.length), `at ${position}`);
    total += bytes.length;
  }
  assert.equal(total, CONTENT.length);
});
