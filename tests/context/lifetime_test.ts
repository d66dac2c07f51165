import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { bothWays } from "../support/both_ways.ts";
import { pattern, sameBytes } from "../support/bytes.ts";
import { Fifo } from "../support/fifo.ts";
import { runScript } from "../support/script.ts";
import { O_DIRECT, TempFile } from "../support/temp.ts";

/** What ends well: by itself, with nothing said. */
const WELL = { code: 0, signal: null, stderr: "" };

bothWays("a process whose context is open, its loop over, ends by itself", async ({ reap }) => {
  using file = new TempFile(pattern(4096));
  const result = await runScript(
    `
    const aio = new AioContext({ entries: 4, reap });
    const fd = fs.openSync(argument, "r");
    for (let i = 0; i < 20; i++) aio.read(fd, new Uint8Array(8), { position: i });
    let count = 0;
    for await (const { res } of aio) count += res;
    console.log(count);
    `,
    file.path,
    reap,
  );
  assert.deepEqual(result, { ...WELL, stdout: "160" });
});

bothWays("a process whose loop had to wait for long ends by itself after it", async ({ reap }) => {
  using fifo = new Fifo();
  const result = await runScript(
    `
    const aio = new AioContext({ entries: 4, reap });
    const fd = pollable(argument, 300);
    aio.poll(fd, abi.POLLIN);
    console.log("waiting");
    for await (const { res } of aio) console.log(res & abi.POLLIN);
    `,
    fifo.path,
    reap,
    () => setTimeout(() => fifo.fill(), 100),
  );
  assert.deepEqual(result, { ...WELL, stdout: "waiting\n1" });
});

bothWays("a process that never sends what it queued ends by itself", async ({ reap }) => {
  using file = new TempFile(pattern(4096));
  const result = await runScript(
    `
    const aio = new AioContext({ entries: 1, reap });
    const fd = fs.openSync(argument, "r+");
    aio.write(fd, new Uint8Array(8));
    aio.write(fd, new Uint8Array(8));
    console.log(aio.queued);
    `,
    file.path,
    reap,
  );
  assert.deepEqual(result, { ...WELL, stdout: "2" });
  sameBytes(readFileSync(file.path), pattern(4096));
});

bothWays("a process with requests in flight stays until they are done", async ({ reap }) => {
  const LENGTH = 8 << 20;
  using file = new TempFile(new Uint8Array(LENGTH));
  writeFileSync(`${file.path}.new`, pattern(LENGTH, 1));
  const result = await runScript(
    `
    const aio = new AioContext({ entries: 4, reap });
    const fd = fs.openSync(argument, fs.constants.O_RDWR | ${O_DIRECT});
    const memory = allocate(${LENGTH});
    memory.set(fs.readFileSync(argument + ".new"));
    process.on("exit", () => console.log(aio.inFlight));
    aio.write(fd, memory);
    console.log(aio.submit());
    `,
    file.path,
    reap,
  );
  assert.deepEqual(result, { ...WELL, stdout: "1\n0" });
  sameBytes(readFileSync(file.path), pattern(LENGTH, 1));
});

bothWays(
  "a process stays until all that it submitted is done, beyond the entries too",
  async ({ reap }) => {
    using file = new TempFile(pattern(4096));
    const result = await runScript(
      `
    const aio = new AioContext({ entries: 2, reap });
    const fd = fs.openSync(argument, "r+");
    process.on("exit", () => console.log(aio.queued, aio.inFlight));
    for (let i = 0; i < 20; i++) aio.write(fd, new Uint8Array(8).fill(i), { position: 8 * i });
    console.log(aio.submit());
    `,
      file.path,
      reap,
    );
    assert.deepEqual(result, { ...WELL, stdout: "2\n0 0" });
    const expected = pattern(4096);
    for (let i = 0; i < 20; i++) expected.fill(i, 8 * i, 8 * (i + 1));
    sameBytes(readFileSync(file.path), expected);
  },
);

bothWays("a process with a poll in flight stays until it is ready", async ({ reap }) => {
  using fifo = new Fifo();
  const result = await runScript(
    `
    const aio = new AioContext({ entries: 4, reap });
    const fd = pollable(argument, 300);
    aio.poll(fd, abi.POLLIN);
    process.on("exit", () => console.log(aio.inFlight));
    console.log(aio.submit());
    `,
    fifo.path,
    reap,
    () => setTimeout(() => fifo.fill(), 200),
  );
  assert.deepEqual(result, { ...WELL, stdout: "1\n0" });
});

bothWays("a process that left its loop stays until what is in flight is done", async ({ reap }) => {
  using fifo = new Fifo();
  using file = new TempFile(pattern(4096));
  const result = await runScript(
    `
    const aio = new AioContext({ entries: 4, reap });
    const fd = pollable(argument, 300);
    const file = fs.openSync(${JSON.stringify(file.path)}, "r");
    process.on("exit", () => console.log(aio.inFlight));
    aio.read(file, new Uint8Array(8), { data: 1 });
    for await (const { data } of aio) {
      if (data === 2) break;
      aio.poll(fd, abi.POLLIN, { data: 3 });
      aio.read(file, new Uint8Array(8), { data: 2 });
    }
    console.log(aio.inFlight);
    `,
    fifo.path,
    reap,
    () => setTimeout(() => fifo.fill(), 200),
  );
  assert.deepEqual(result, { ...WELL, stdout: "1\n0" });
});

bothWays("a process whose wait gave up stays until what is in flight is done", async ({ reap }) => {
  using fifo = new Fifo();
  const result = await runScript(
    `
    const aio = new AioContext({ entries: 4, reap });
    const fd = pollable(argument, 300);
    aio.poll(fd, abi.POLLIN);
    process.on("exit", () => console.log(aio.inFlight));
    console.log(aio.wait(1, { timeout: 5 }).length);
    `,
    fifo.path,
    reap,
    () => setTimeout(() => fifo.fill(), 200),
  );
  assert.deepEqual(result, { ...WELL, stdout: "0\n0" });
});

bothWays("a process that cancels its poll ends by itself", async ({ reap }) => {
  using fifo = new Fifo();
  const result = await runScript(
    `
    const aio = new AioContext({ entries: 4, reap });
    const fd = pollable(argument, 300);
    const ticket = aio.poll(fd, abi.POLLIN);
    aio.submit();
    setTimeout(() => console.log(aio.cancel(ticket)), 20);
    `,
    fifo.path,
    reap,
  );
  assert.deepEqual(result, { ...WELL, stdout: "true" });
});

bothWays("a process that closes its context ends by itself", async ({ reap }) => {
  using fifo = new Fifo();
  const result = await runScript(
    `
    const fd = pollable(argument, 300);
    for (let round = 0; round < 3; round++) {
      const aio = new AioContext({ entries: 4, reap });
      aio.poll(fd, abi.POLLIN);
      aio.submit();
      await new Promise((resolve) => setTimeout(resolve, 10));
      await aio[Symbol.asyncDispose]();
    }
    console.log("closed");
    `,
    fifo.path,
    reap,
  );
  assert.deepEqual(result, { ...WELL, stdout: "closed" });
});

bothWays("process.exit with requests in flight ends the process cleanly", async ({ reap }) => {
  using file = new TempFile(pattern(1 << 20));
  const result = await runScript(
    `
    const aio = new AioContext({ entries: 64, reap });
    const fd = fs.openSync(argument, fs.constants.O_RDONLY | ${O_DIRECT});
    for (let i = 0; i < 64; i++) aio.read(fd, allocate(16384), { position: 16384 * i });
    console.log(aio.submit());
    process.exit(7);
    `,
    file.path,
    reap,
  );
  assert.deepEqual(result, { ...WELL, code: 7, stdout: "64" });
});
