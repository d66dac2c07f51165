import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { readFileSync, writeSync } from "node:fs";
import { setImmediate } from "node:timers";
import { AioContext, type AioFile, allocate, open } from "../../mod.ts";
import {
  IOCB_CMD_FDSYNC,
  IOCB_CMD_FSYNC,
  IOCB_CMD_PREAD,
  IOCB_CMD_PWRITE,
} from "../../src/abi/opcodes.ts";
import { RWF_NOWAIT } from "../../src/abi/rw_flags.ts";
import { pattern, sameBytes } from "../support/bytes.ts";
import { ColdKernel } from "../support/file_cold_kernel.ts";
import {
  type Ground,
  GROUNDS,
  POSITION_GROUNDS,
  Scene,
  testWithin,
} from "../support/file_grounds.ts";
import { bytesOf, memoryOf } from "../support/iovecs.ts";
import { linuxOnly } from "../support/real_kernel.ts";

const [BUFFERED, DIRECT] = GROUNDS as [Ground, Ground];
const LINUX = linuxOnly("never waits in io_submit");
const CONTENT = pattern(2_500_000);

/** All ways to change a file. */
async function change(file: AioFile): Promise<void> {
  await file.write(CONTENT, 0, CONTENT.length, 0);
  await file.write("text", 10);
  await file.writev([Buffer.from("one"), Buffer.from("two")], 3_000_000);
  await file.write(allocate(8192).fill(9), 0, 8192, 8192);
  await file.writeFile("at the current position");
  await Promise.all(
    Array.from({ length: 50 }, (_, i) => file.write(Buffer.alloc(999, i), 0, 999, i * 5000)),
  );
  await file.truncate(2_999_999);
}

testWithin("buffered writes never go through io_submit, syncs do", async () => {
  using cold = new ColdKernel(() => "all");
  await using scene = new Scene(BUFFERED);
  await using context = new AioContext({ kernel: cold.kernel, entries: 16 });
  const file = await scene.holding("", "w+", { context });
  const appended = await scene.open(scene.file("a"), "a", { context });
  await change(file);
  await appended.write("b");
  await appended.write(Buffer.alloc(3_000_000, "c"));
  await file.sync();
  await file.datasync();
  assert.deepEqual(cold.seen.map(({ opcode }) => opcode), [IOCB_CMD_FSYNC, IOCB_CMD_FDSYNC]);
  assert.equal(readFileSync(appended.path, "latin1"), "ab" + "c".repeat(3_000_000));
}, LINUX);

testWithin("buffered and direct writes leave the same file", async () => {
  const files: Uint8Array[] = [];
  for (const ground of POSITION_GROUNDS) {
    await using scene = new Scene(ground);
    const file = await scene.holding("", "w+");
    await change(file);
    files.push(readFileSync(file.path));
  }
  for (const file of files) sameBytes(file, files[0]!);
});

testWithin(
  "direct reads are submitted as they are, direct writes so that they need not wait",
  async () => {
    using cold = new ColdKernel(() => "all");
    await using scene = new Scene(DIRECT);
    await using context = new AioContext({ kernel: cold.kernel, entries: 16 });
    const file = await scene.holding(pattern(100_000), "r+", { context });
    await file.readAt(1, 50_000);
    assert.deepEqual(cold.seen.map(({ rwFlags }) => rwFlags), [0]);
    await change(file);
    for (const { opcode, rwFlags } of cold.seen) {
      // Behind the last whole block there may be bytes that the page cache has yet to write
      if (opcode === IOCB_CMD_PREAD) assert.equal(rwFlags & ~RWF_NOWAIT, 0);
      else if (opcode === IOCB_CMD_PWRITE) assert.equal(rwFlags, RWF_NOWAIT);
    }
    assert.ok(cold.seen.some(({ opcode }) => opcode === IOCB_CMD_PWRITE));
    const expected = await scene.holding("", "w+", { direct: false });
    await change(expected);
    sameBytes(readFileSync(file.path), readFileSync(expected.path));
  },
  LINUX,
);

testWithin("the rest of a direct read may wait where only its beginning must not", async () => {
  using cold = new ColdKernel(() => "all");
  await using scene = new Scene(DIRECT);
  await using context = new AioContext({ kernel: cold.kernel, entries: 16 });
  const file = await scene.holding(pattern(131_000), "r+", { context });
  // The page cache has the last bytes now, up to a boundary at which the file then ends.
  await file.write(Buffer.alloc(50), 0, 50, 131_000);
  await file.truncate(131_072);
  await file.sync();
  cold.seen.length = 0;
  assert.equal((await file.readAt(130_000, 20_000)).length, 1072);
  assert.deepEqual(cold.seen.map(({ rwFlags }) => rwFlags), [RWF_NOWAIT, 0]);
}, LINUX);

for (const cached of ["nothing", "half", "unsupported"] as const) {
  testWithin(`direct writes of which ${cached} is done without waiting are whole`, async () => {
    using cold = new ColdKernel(() => cached);
    await using scene = new Scene(DIRECT);
    await using context = new AioContext({ kernel: cold.kernel, entries: 16 });
    const file = await scene.holding(pattern(100_000), "r+", { context });
    await change(file);
    const attempts = cold.attempts;
    // Those that share a block of the disk are made together.
    assert.ok(cached === "unsupported" ? attempts <= 3 : attempts > 20, `${attempts} attempts`);
    const expected = await scene.holding(pattern(100_000), "r+", { direct: false });
    await change(expected);
    sameBytes(readFileSync(file.path), readFileSync(expected.path));
  }, LINUX);
}

testWithin("a kernel that can write by another thread does so", async () => {
  let writes = 0;
  const pwritev = (fd: number, iov: number, iovcnt: number, position: number) => {
    // Every third fails, and is made by node:fs
    if (++writes % 3 === 0) return Promise.resolve(-1);
    let count = 0;
    for (const bytes of memoryOf(iov, iovcnt)) {
      count += writeSync(fd, bytes, 0, bytes.length, position + count);
    }
    return Promise.resolve(count);
  };
  for (const ground of [BUFFERED, DIRECT]) {
    using cold = new ColdKernel(() => "nothing", { pwritev });
    await using scene = new Scene(ground);
    await using context = new AioContext({ kernel: cold.kernel, entries: 16 });
    const file = await scene.holding(pattern(100_000), "r+", { context });
    writes = 0;
    await change(file);
    // Those that share a block of the disk are made together.
    assert.ok(writes > 20, `${writes} writes`);
    const expected = await scene.holding(pattern(100_000), "r+", { direct: false });
    await change(expected);
    sameBytes(readFileSync(file.path), readFileSync(expected.path));
  }
}, LINUX);

/** Has writes made as where threads are done before the callbacks of a turn are; counts the turns. */
async function turnsOfInstantWrites(work: (file: AioFile) => Promise<unknown>): Promise<number> {
  const pwritev = (_: number, iov: number, count: number) => Promise.resolve(bytesOf(iov, count));
  using cold = new ColdKernel(() => "nothing", { pwritev });
  await using scene = new Scene(BUFFERED);
  await using context = new AioContext({ kernel: cold.kernel, entries: 16 });
  const file = await scene.holding("", "w+", { context });
  let turns = 0;
  let on = true;
  const count = () => {
    turns++;
    if (on) setImmediate(count);
  };
  setImmediate(count);
  await work(file);
  on = false;
  return turns;
}

testWithin("writes that are done at once leave the event loop its turns", async () => {
  const buffer = new Uint8Array(10);
  let left = 3200;
  const turns = await turnsOfInstantWrites((file) =>
    Promise.all(Array.from({ length: 64 }, async () => {
      while (left-- > 0) await file.write(buffer, 0, 10, 0);
    }))
  );
  assert.ok(turns >= 50, `${turns} turns`);
}, LINUX);

testWithin("what a thread brings back does not keep the turn from ending", async () => {
  const turns = await turnsOfInstantWrites(async (file) => {
    // So few that the threads would be done with all of them in one turn are not counted.
    const write = async (chain: number) => {
      for (let i = 0; i < 50; i++) await file.write("0123456789", (i * 8 + chain) * 100);
    };
    await Promise.all(Array.from({ length: 8 }, (_, chain) => write(chain)));
  });
  assert.ok(turns >= 20, `${turns} turns`);
}, LINUX);

testWithin("a write from memory of any kind", async () => {
  await using scene = new Scene(BUFFERED);
  const file = await scene.holding("", "w+");
  const memory = allocate(3 * 5000);
  const plain = new Uint8Array(5000);
  const writes = [];
  memory.subarray(7, 5007).set(pattern(5000));
  writes.push(file.write(memory, 7, 5000, 0));
  plain.set(pattern(5000));
  writes.push(file.write(plain, 0, 5000, 5000));
  writes.push(file.write(new DataView(pattern(5000).buffer, 1, 4999), 0, 4999, 10_000));
  for (const { bytesWritten } of await Promise.all(writes)) assert.ok(bytesWritten >= 4999);
  const content = readFileSync(file.path);
  sameBytes(content.subarray(0, 5000), pattern(5000));
  sameBytes(content.subarray(5000, 10_000), pattern(5000));
  sameBytes(content.subarray(10_000), pattern(5000).subarray(1));
});

testWithin("a write that finds no room says so in the usual way", async () => {
  await using file = await open("/dev/full", "r+");
  for (const durable of [false, true]) {
    await assert.rejects(file.write(Buffer.alloc(10), { position: 5, durable }), {
      name: "AioError",
      code: "ENOSPC",
      errno: -28,
      syscall: "pwrite",
      path: "/dev/full",
      position: 5,
      length: 10,
    });
  }
}, LINUX);

testWithin("closing waits for writes that are under way elsewhere", async () => {
  await using scene = new Scene(BUFFERED);
  for (let round = 0; round < 20; round++) {
    const file = await scene.holding("", "w+");
    const writes = Array.from(
      { length: 20 },
      (_, i) => file.write(Buffer.alloc(10_000, i), 0, 10_000, i * 10_000),
    );
    await file.close();
    const content = readFileSync(file.path);
    assert.equal(content.length, 200_000);
    for (let i = 0; i < 20; i++) assert.equal(content[i * 10_000 + 9999], i);
    await Promise.all(writes);
  }
});
