import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { existsSync, readFileSync } from "node:fs";
import { open as openHandle } from "node:fs/promises";
import { setImmediate, setTimeout } from "node:timers/promises";
import { AioContext, AioError, type AioFile } from "../../mod.ts";
import { pattern, sameBytes } from "../support/bytes.ts";
import { onGrounds, Scene } from "../support/file_grounds.ts";
import { SlowKernel } from "../support/file_kernels.ts";

const CONTENT = pattern(4_000_037);

onGrounds("close waits for a hundred reads, and then nothing goes", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.holding(CONTENT, "r");
  const reads = Array.from({ length: 100 }, (_, i) => file.readAt(i * 39_000, 10_000));
  const closing = file.close();
  assert.equal(file.fd, -1);
  await assert.rejects(file.readAt(0, 1), { code: "EBADF" });
  for (const [i, read] of reads.entries()) {
    sameBytes(await read, CONTENT.subarray(i * 39_000, i * 39_000 + 10_000));
  }
  await closing;
  await assert.rejects(file.readAt(0, 1), (error) => {
    assert.ok(error instanceof AioError);
    assert.equal(error.code, "EBADF");
    assert.match(error.message, /closed/);
    return true;
  });
});

/** What takes several steps, and what comes of it. */
const OPERATIONS: Record<string, (file: AioFile) => Promise<unknown>[]> = {
  "readAt": (file) => [file.readAt(5, 3_000_000).then((bytes) => bytes.length)],
  "readFile": (file) => [file.readFile().then((bytes) => bytes.length)],
  "stat": (file) => [file.stat().then(({ size }) => size)],
  "truncate": (file) => [file.truncate(100).then(() => file.path.length > 0)],
  "sync": (file) => [file.sync(), file.datasync()],
  "write with a position": (file) => [
    file.write(CONTENT.subarray(1000), 0, 3_000_000, 777).then((result) => result.bytesWritten),
  ],
  "writes of whole blocks": (file) =>
    [0, 1, 2, 400].map((block) =>
      file.write(CONTENT.subarray(1000), 0, 65_536, block * 65_536).then((it) => it.bytesWritten)
    ),
  "writes without a position": (file) =>
    [1, 2, 3].map((fill) => file.write(Buffer.alloc(1000, fill)).then((it) => it.bytesWritten)),
  "reads without a position": (file) =>
    [1, 2, 3].map(() => file.read(Buffer.alloc(1000)).then((it) => it.bytesRead)),
  "readv without a position": (file) => [
    file.readv([Buffer.alloc(10), Buffer.alloc(10)]).then((it) => it.bytesRead),
    file.readv([Buffer.alloc(10), Buffer.alloc(10)]).then((it) => it.bytesRead),
  ],
  "writeFile of a slow iterable": (file) => [
    file.writeFile(async function* () {
      for (const text of ["one", "two", "three"]) {
        await setTimeout(5);
        yield text;
      }
    }()).then(() => readFileSync(file.path, "latin1").slice(0, 11)),
  ],
};

for (const [name, begin] of Object.entries(OPERATIONS)) {
  onGrounds(`close waits for ${name}`, async (ground) => {
    await using scene = new Scene(ground);
    for (const turns of [0, 1, 3]) {
      // What is expected: the same without closing in between
      const undisturbed = await scene.holding(CONTENT);
      const expected = await Promise.all(begin(undisturbed));
      const file = await scene.holding(CONTENT);
      const results = begin(file);
      for (let turn = 0; turn < turns; turn++) await Promise.resolve();
      const closing = file.close();
      assert.deepEqual(await Promise.all(results), expected);
      await closing;
      sameBytes(readFileSync(file.path), readFileSync(undisturbed.path));
    }
  });
}

onGrounds("nothing is written to a descriptor that is another file's by now", async (ground) => {
  await using scene = new Scene(ground);
  const innocent = scene.file("innocent");
  for (let round = 0; round < 10; round++) {
    const file = await scene.holding("content");
    const { fd } = file;
    const { promise, resolve } = Promise.withResolvers<void>();
    const writing = file.writeFile(async function* () {
      yield "first";
      await promise;
      yield "second";
    }());
    writing.catch(() => {});
    await setTimeout(2);
    const closing = file.close();
    await setTimeout(2);
    // The number is free now if close did not wait
    const other = await openHandle(innocent, "r+");
    resolve();
    await writing.catch(() => {});
    await closing;
    const reused = other.fd === fd;
    await other.close();
    assert.equal(readFileSync(innocent, "latin1"), "innocent", `reused: ${reused}`);
  }
});

/** What is read step by step. */
const ITERATIONS: Record<string, (file: AioFile) => AsyncIterator<{ bytes: Uint8Array }>> = {
  "scan": (file) => file.scan({ blockSize: 7 }),
  "scan of a part": (file) => file.scan({ start: 1, end: 2 }),
  "scan of a generated file": (file) => file.scan({ blockSize: 7 }),
  "readMany": (file) => file.readMany([{ position: 0, length: 7 }, { position: 7, length: 7 }]),
  "readMany of nothing": (file) => file.readMany([]),
};

for (const [name, iterate] of Object.entries(ITERATIONS)) {
  const isGenerated = name.includes("generated");
  onGrounds(`${name} is stepped after close: EBADF, and no other file is read`, async (ground) => {
    if (isGenerated && (ground.direct || !existsSync("/proc/version"))) return;
    await using scene = new Scene(ground);
    const innocent = scene.file("innocent");
    const open = () => isGenerated ? scene.open("/proc/version") : scene.holding("content of it");
    for (const steps of name === "scan" || name === "readMany" || isGenerated ? [0, 1] : [0]) {
      const file = await open();
      const { fd } = file;
      const iterator = iterate(file);
      for (let step = 0; step < steps; step++) assert.equal((await iterator.next()).done, false);
      await file.close();
      // Most often it gets the number
      const other = await openHandle(innocent, "r");
      await assert.rejects(
        iterator.next(),
        { code: "EBADF" },
        `${steps} steps, ${fd === other.fd}`,
      );
      assert.equal((await iterator.next()).done, true);
      await other.close();
    }
  });
}

onGrounds("a signal that closes the file as it is asked reads no other file", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.holding("content");
  const { signal } = new AbortController();
  Object.defineProperty(signal, "aborted", { get: () => void file.close() });
  await assert.rejects(file.readAt(0, 7, { signal }), { code: "EBADF" });
});

onGrounds("close waits as long as the kernel needs", async (ground) => {
  await using scene = new Scene(ground);
  const slow = new SlowKernel();
  await using context = new AioContext({ kernel: slow.kernel, entries: 8 });
  const file = await scene.holding(CONTENT, "r", { context });
  slow.holding = true;
  const read = file.readAt(0, 100);
  let closed = false;
  const closing = file.close().then(() => closed = true);
  for (let turn = 0; turn < 20; turn++) await setImmediate();
  assert.equal(closed, false);
  slow.release();
  sameBytes(await read, CONTENT.subarray(0, 100));
  await closing;
});

onGrounds("close can be called again and again", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.holding("content");
  const read = file.readAt(0, 7);
  await Promise.all([file.close(), file.close(), file[Symbol.asyncDispose]()]);
  await file.close();
  assert.equal((await read).length, 7);
});

onGrounds("await using closes", async (ground) => {
  await using scene = new Scene(ground);
  const path = scene.file("content");
  let file: AioFile;
  let fd: number;
  {
    await using opened = await scene.open(path);
    file = opened;
    fd = opened.fd;
    assert.ok(fd > 2);
    opened.readAt(0, 3);
  }
  assert.equal(file.fd, -1);
  await assert.rejects(file.readAt(0, 1), { code: "EBADF" });
  await assert.rejects(
    async () => {
      await using opened = await scene.open(path);
      file = opened;
      throw new Error("thrown inside");
    },
    /thrown inside/,
  );
  assert.equal(file.fd, -1);
});

onGrounds("everything fails with EBADF once the file is closed", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.holding("content");
  await file.close();
  const rejected: Promise<unknown>[] = [
    file.readAt(0, 0),
    file.readAt(0, 1),
    file.readAt(0, 2 ** 30),
    file.read(),
    file.readv([Buffer.alloc(1)]),
    file.write("x"),
    file.writev([Buffer.alloc(1)]),
    file.readFile(),
    file.writeFile("x"),
    file.stat(),
    file.truncate(),
    file.sync(),
    file.datasync(),
  ];
  for (const [index, promise] of rejected.entries()) {
    await assert.rejects(promise, { code: "EBADF" }, String(index));
  }
  for (const call of [() => file.scan(), () => file.readMany([])]) {
    assert.throws(call, { code: "EBADF" });
  }
  // As FileHandle does.
  const closed = { code: "ERR_INVALID_STATE", message: /the file is closed$/ };
  assert.throws(() => file.readableWebStream(), closed);
  assert.equal(readFileSync(file.path, "latin1"), "content");
});
