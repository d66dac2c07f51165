import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { constants, readFileSync } from "node:fs";
import { test } from "node:test";
import { AioContext, type AioFile } from "../../mod.ts";
import { EFAULT } from "../../src/abi/errno.ts";
import { IOCB_CMD_PREAD, IOCB_CMD_PWRITE } from "../../src/abi/opcodes.ts";
import { pattern, sameBytes } from "../support/bytes.ts";
import { type Ground, GROUNDS, Scene } from "../support/file_grounds.ts";
import { allocateGuarded, guarded } from "../support/guarded_kernel.ts";
import { RawContext } from "../support/raw_context.ts";
import { linuxOnly } from "../support/real_kernel.ts";
import { O_DIRECT, TempFile } from "../support/temp.ts";
import { within } from "../support/within.ts";

const LINUX = linuxOnly("its memory is JavaScript's own");
const PAGE = 4096;
const MIB = 1 << 20;
/** All pieces of an arena, so that the first and the last of them lie at its guards. */
const ALL = MIB / PAGE;
const CONTENT = pattern(3 * MIB + 777);

/** Around whole pages, arenas and what is asked for at once. */
const LENGTHS = [1, 511, PAGE - 1, PAGE, PAGE + 1, 65536, MIB - 1, MIB, MIB + 1, 2 * MIB];

test("a request that runs over guarded memory is stopped at its guards", LINUX, () => {
  using file = new TempFile(pattern(4 * PAGE));
  using raw = new RawContext(4);
  const { address, buffer, free } = allocateGuarded(PAGE);
  const run = (opcode: number, buf: number, nbytes: number) =>
    raw.run({ opcode, fildes: file.fd, buf, nbytes });
  assert.equal(run(IOCB_CMD_PREAD, address, PAGE), PAGE);
  sameBytes(new Uint8Array(buffer), pattern(PAGE));
  assert.equal(run(IOCB_CMD_PREAD, address, PAGE + 1), PAGE);
  assert.equal(run(IOCB_CMD_PREAD, address - 1, 1), -EFAULT);
  assert.equal(run(IOCB_CMD_PREAD, address + PAGE, 1), -EFAULT);
  assert.ok(run(IOCB_CMD_PWRITE, address, PAGE + 1) <= PAGE);
  free();
  assert.equal(run(IOCB_CMD_PREAD, address, PAGE), -EFAULT);
  assert.equal(buffer.byteLength, 0);
});

for (const [name, flags] of [["buffered", 0], ["direct", O_DIRECT]] as const) {
  for (const reap of ["ring", "syscall"] as const) {
    test(`requests stay within guarded memory (${name}, reap: ${reap})`, LINUX, async () => {
      using file = new TempFile(CONTENT, { flags: constants.O_RDWR | flags });
      const { kernel, allocated } = guarded();
      await using aio = new AioContext<number>({ kernel, reap, entries: ALL });
      // A direct request has whole blocks
      const lengths = LENGTHS.map((length) =>
        flags === 0 ? length : Math.ceil(length / PAGE) * PAGE
      );
      await within(reads(aio, file.fd, lengths));
      await within(writes(aio, file, lengths));
      assert.ok(allocated.length > 5, `only ${allocated} was handed out`);
    });
  }
}

async function reads(aio: AioContext<number>, fd: number, lengths: number[]): Promise<void> {
  for (const length of [...lengths, ...Array.from({ length: ALL }, () => PAGE)]) {
    aio.read(fd, new Uint8Array(length), { position: PAGE, data: length });
  }
  for (const length of lengths) {
    const cut = Math.ceil(length / 3);
    aio.readv(fd, [new Uint8Array(cut), new Uint8Array(length - cut)], {
      position: PAGE,
      data: length,
    });
  }
  let count = 0;
  for await (const { data, res, buffer, buffers } of aio) {
    assert.equal(res, data);
    const bytes = buffers === undefined ? buffer : Buffer.concat(buffers);
    sameBytes(bytes, CONTENT.subarray(PAGE, PAGE + data), `read of ${data}`);
    count++;
  }
  assert.equal(count, 2 * lengths.length + ALL);
}

async function writes(
  aio: AioContext<number>,
  file: TempFile,
  lengths: number[],
): Promise<void> {
  for (const [seed, length] of lengths.entries()) {
    for (const vectored of [false, true]) {
      const bytes = pattern(length, seed + (vectored ? 100 : 1));
      const cut = Math.ceil(length / 3);
      if (vectored) {
        aio.writev(file.fd, [bytes.subarray(0, cut), bytes.subarray(cut)], { data: length });
      } else aio.write(file.fd, bytes, { data: length });
      for await (const { data, res } of aio) assert.equal(res, data);
      sameBytes(readFileSync(file.path).subarray(0, length), bytes, `write of ${length}`);
    }
  }
  // The whole arena at once
  const bytes = pattern(MIB, 200);
  for (let page = 0; page < ALL; page++) {
    const position = page * PAGE;
    aio.write(file.fd, bytes.subarray(position, position + PAGE), { position, data: PAGE });
  }
  for await (const { res } of aio) assert.equal(res, PAGE);
  sameBytes(readFileSync(file.path).subarray(0, MIB), bytes);
}

/** Registers a test once for each ground, with files on guarded memory. */
function onGuarded(
  name: string,
  body: (scene: Scene, context: AioContext) => Promise<void>,
): void {
  for (const ground of GROUNDS) {
    test(`${name} (${ground.name})`, LINUX, () => within(run(ground, body)));
  }
}

async function run(
  ground: Ground,
  body: (scene: Scene, context: AioContext) => Promise<void>,
): Promise<void> {
  const { kernel, allocated } = guarded();
  await using scene = new Scene(ground);
  await using context = new AioContext({ kernel, entries: ALL });
  await body(scene, context);
  // The context's own, and at least one arena, if not all is done by threads in the caller's memory.
  assert.ok(allocated.length >= (ground.direct ? 2 : 1), `only ${allocated} was handed out`);
}

/** Ranges that begin and end anywhere, at the borders above all, and behind the end of the file. */
function* ranges(): Generator<[position: number, length: number]> {
  for (const length of LENGTHS) {
    for (const position of [0, 1, 511, PAGE - 1, PAGE, 2 * PAGE + 13]) yield [position, length];
    yield [CONTENT.length - length, length];
    yield [CONTENT.length - length + 1, length];
  }
}

function expected(position: number, length: number): Uint8Array {
  return CONTENT.subarray(position, position + length);
}

onGuarded("reads of files stay within guarded memory", async (scene, context) => {
  const file = await scene.holding(CONTENT, "r", { context });
  for (const [position, length] of ranges()) {
    const what = `${position}+${length}`;
    sameBytes(await file.readAt(position, length), expected(position, length), what);
    const target = new Uint8Array(length + 2);
    const { bytesRead } = await file.read(target, 1, length, position);
    sameBytes(target.subarray(1, 1 + bytesRead), expected(position, length), what);
    assert.deepEqual([target[0], target[length + 1]], [0, 0], what);
  }
  const parts = [new Uint8Array(100), new Uint8Array(PAGE), new Uint8Array(MIB + 5)];
  await file.readv(parts, 77);
  sameBytes(Buffer.concat(parts), expected(77, 100 + PAGE + MIB + 5));
  sameBytes(await file.readFile(), CONTENT);
});

onGuarded("iterations over files stay within guarded memory", async (scene, context) => {
  const file = await scene.holding(CONTENT, "r", { context });
  const requests = [...ranges()].map(([position, length]) => ({ position, length }));
  for (const depth of [1, 8, 64]) {
    let count = 0;
    for await (const { position, bytes } of file.readMany(requests, { depth })) {
      sameBytes(bytes, CONTENT.subarray(position, position + bytes.length), `${position}`);
      count++;
    }
    assert.equal(count, requests.length);
  }
  for (const blockSize of [PAGE, 5003, 65536, MIB]) {
    let total = 0;
    // Blocks of a page at this depth take an arena from end to end
    for await (const { position, bytes } of file.scan({ blockSize, depth: ALL })) {
      sameBytes(bytes, expected(position, blockSize), `block of ${blockSize} at ${position}`);
      total += bytes.length;
    }
    assert.equal(total, CONTENT.length);
  }
});

onGuarded("writes of files stay within guarded memory", async (scene, context) => {
  const file = await scene.holding(CONTENT, "r+", { context });
  const model = Buffer.alloc(CONTENT.length + 8 * MIB);
  model.set(CONTENT);
  let size = CONTENT.length;
  let seed = 1;
  const write = async (position: number, length: number) => {
    const bytes = pattern(length, seed++ % 255);
    const done = seed % 2 === 0
      ? await file.write(bytes, 0, length, position)
      : await file.writev([bytes.subarray(0, 1), bytes.subarray(1)], position);
    assert.equal(done.bytesWritten, length);
    model.set(bytes, position);
    size = Math.max(size, position + length);
  };
  for (const [position, length] of ranges()) await write(position, length);
  sameBytes(readFileSync(file.path), model.subarray(0, size));
  // All at once: every piece of an arena is in use
  await Promise.all(Array.from({ length: ALL }, (_, page) => write(page * PAGE, PAGE)));
  await Promise.all(Array.from({ length: 64 }, (_, i) => write(MIB + i * 1000, 1000)));
  await write(size + 12_345, 2 * MIB + 1);
  await endsOfFiles(file, model.subarray(0, size));
});

async function endsOfFiles(file: AioFile, content: Uint8Array): Promise<void> {
  await file.sync();
  sameBytes(readFileSync(file.path), content);
  sameBytes(await file.readFile(), content);
}

onGuarded("appends stay within guarded memory", async (scene, context) => {
  const file = await scene.open(scene.file(CONTENT.subarray(0, 777)), "a", { context });
  const parts = LENGTHS.map((length, seed) => pattern(length, seed + 1));
  for (const part of parts) assert.equal((await file.write(part)).bytesWritten, part.length);
  sameBytes(readFileSync(file.path), Buffer.concat([CONTENT.subarray(0, 777), ...parts]));
});
