import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { EPERM } from "../../src/abi/errno.ts";
import { POLLIN } from "../../src/abi/poll.ts";
import { AioContext, AioError, open } from "../../mod.ts";
import { bothWays } from "../support/both_ways.ts";
import { pattern, sameBytes } from "../support/bytes.ts";
import { decorate } from "../support/decorated_kernel.ts";
import { Fifo } from "../support/fifo.ts";
import { runFileScript } from "../support/file_script.ts";
import { Pollable } from "../support/pollable.ts";
import { linuxOnly, real } from "../support/real_kernel.ts";
import { TempFile } from "../support/temp.ts";

const DECORATED = new URL("../support/decorated_kernel.ts", import.meta.url).href;
const BYTES = pattern(1000);

/** Refuses what a seccomp filter does that is installed when contexts have been made. */
const kernel = () => decorate({ io_cancel: () => -EPERM });

bothWays("closing ends polls that io_cancel is refused for", async (way) => {
  using fifo = new Pollable();
  for (const submitted of [true, false]) {
    const aio = new AioContext({ ...way, kernel: kernel(), entries: 2 });
    for (let i = 0; i < 5; i++) aio.poll(fifo.fd, POLLIN);
    if (submitted) aio.submit();
    await aio.close();
    assert.deepEqual([aio.inFlight, aio.queued], [0, 0]);
  }
});

bothWays("a loop gets polls that io_cancel is refused for as cancelled", async (way) => {
  using fifo = new Pollable();
  const aio = new AioContext({ ...way, kernel: kernel(), entries: 2 });
  aio.poll(fifo.fd, POLLIN);
  const codes: (string | undefined)[] = [];
  const loop = (async () => {
    for await (const { error } of aio) codes.push(error?.code);
  })();
  await sleep(10);
  await aio.close();
  await loop;
  assert.deepEqual(codes, ["ECANCELED"]);
});

bothWays("what else is under way beside such polls is waited for", async (way) => {
  using fifo = new Pollable();
  using file = new TempFile(BYTES);
  const aio = new AioContext({ ...way, kernel: kernel(), entries: 3 });
  const buffers = Array.from({ length: 6 }, () => new Uint8Array(16));
  aio.poll(fifo.fd, POLLIN);
  for (const buffer of buffers) aio.read(file.fd, buffer, { position: 5 });
  aio.submit();
  await aio.close();
  for (const buffer of buffers) sameBytes(buffer, BYTES.subarray(5, 21));
});

bothWays("closing is an error where such polls cannot be ended at all", async (way) => {
  using fifo = new Pollable();
  const contexts: number[] = [];
  const refusing = decorate({
    io_cancel: () => -EPERM,
    io_destroy(ctx_id) {
      contexts.push(ctx_id);
      return -EPERM;
    },
  });
  const aio = new AioContext({ ...way, kernel: refusing, entries: 2 });
  aio.poll(fifo.fd, POLLIN);
  aio.submit();
  await assert.rejects(
    () => aio.close(),
    (error) =>
      error instanceof AioError && error.code === "EPERM" && /io_cancel/.test(error.message),
  );
  assert.deepEqual([aio.inFlight, aio.queued], [0, 0]);
  // The test's own end of it.
  for (const ctx_id of contexts) real.io_destroy(ctx_id);
});

const options = linuxOnly("asks no poll of a FIFO, but a thread");

bothWays("a file whose aborted poll cannot be cancelled is closed all the same", async (way) => {
  using fifo = new Fifo();
  const aio = new AioContext({ ...way, kernel: kernel(), entries: 2 });
  const file = await open(fifo.path, "r", { context: aio });
  const reason = new Error("enough");
  for (let i = 0; i < 2; i++) {
    const aborter = new AbortController();
    const read = file.readAt(0, 5, { signal: aborter.signal });
    await sleep(10);
    aborter.abort(reason);
    await assert.rejects(read, reason);
  }
  await file.close();
  await aio.close();
  assert.deepEqual([aio.inFlight, aio.queued], [0, 0]);
}, options);

bothWays("what comes of a poll that was given up is of no other file", async (way) => {
  using fifo = new Fifo();
  using regular = new TempFile(BYTES);
  const aio = new AioContext({ ...way, kernel: kernel(), entries: 2 });
  const file = await open(fifo.path, "r", { context: aio });
  const aborter = new AbortController();
  const read = file.readAt(0, 5, { signal: aborter.signal });
  await sleep(10);
  aborter.abort();
  await assert.rejects(read);
  await file.close();
  const other = await open(regular.path, "r", { context: aio });
  fifo.fill();
  for (let i = 0; i < 10; i++) sameBytes(await other.readAt(5, 16), BYTES.subarray(5, 21));
  await other.close();
  await aio.close();
}, options);

test("a poll that was given up keeps no process alive", options, async () => {
  using fifo = new Fifo();
  const { code, stdout, stderr } = await runFileScript(
    `
    const { decorate } = await import(${JSON.stringify(DECORATED)});
    const context = new AioContext({ kernel: decorate({ io_cancel: () => -1 }), entries: 2 });
    const file = await open(argument, "r", { context });
    await file.readAt(0, 5, { signal: AbortSignal.timeout(50) }).catch(({ name }) => {
      console.log(name);
    });
    await file.close();
    console.log("closed");
    `,
    { argument: fifo.path },
  );
  assert.deepEqual([code, stdout, stderr], [0, "TimeoutError\nclosed", ""]);
});
