import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { EAGAIN, EDEADLK, EINTR, EPIPE } from "../../src/abi/errno.ts";
import { IOCB_CMD_PWRITE } from "../../src/abi/opcodes.ts";
import { EIOCBRETRY } from "../../src/portable/file.ts";
import { Kiocb } from "../../src/portable/kiocb.ts";
import { PortableKernel } from "../../src/portable/mod.ts";
import { RunList } from "../../src/portable/run_list.ts";
import { PortableContext } from "../support/portable_context.ts";

const CAPACITY = 65536;

/** A context of Linux 3.4 with a pipe whose ends wait. */
function contextWithPipe() {
  const kernel = new PortableKernel({ release: "3.4" });
  return { context: new PortableContext(kernel), pipe: kernel.pipe({ blocking: true }), kernel };
}

test("a short read of a pipe is not followed by another", () => {
  const { context, pipe } = contextWithPipe();
  pipe.write(new Uint8Array(5));
  const read = { fildes: pipe.readFd, buf: context.dataAddress, nbytes: 100 };
  assert.equal(context.run(read), 5);
});

test("a short write goes on until all is written, in the order of the bytes", () => {
  const { context, pipe } = contextWithPipe();
  pipe.write(new Uint8Array(CAPACITY - 6000));
  context.data.set(Uint8Array.from({ length: 10_000 }, (_, index) => index));
  const write = { opcode: IOCB_CMD_PWRITE, fildes: pipe.writeFd };
  context.iocb(0, { ...write, buf: context.dataAddress, nbytes: 10_000 });
  assert.equal(context.submit(0), 1);
  assert.equal(context.getevents(1, 1, 0), 0);
  pipe.read(CAPACITY - 6000);
  assert.equal(context.events(1)[0]!.res, 10_000);
  assert.deepEqual(pipe.read(CAPACITY), context.data.slice(0, 10_000));
});

test("an error after a part was written is hidden behind the part", () => {
  const { context, pipe } = contextWithPipe();
  pipe.write(new Uint8Array(CAPACITY - 6000));
  const write = { opcode: IOCB_CMD_PWRITE, fildes: pipe.writeFd };
  context.iocb(0, { ...write, buf: context.dataAddress, nbytes: 10_000 });
  assert.equal(context.submit(0), 1);
  pipe.close("read");
  // The pipe had one page left, and room for the end of the write behind its last bytes.
  assert.equal(context.events(1)[0]!.res, 4096 + 10_000 % 4096);
  assert.equal(context.run({ ...write, buf: context.dataAddress, nbytes: 1 }), -EPIPE);
});

test("a request that got nowhere runs again when it is kicked, by the one who waits", () => {
  for (const release of ["3.4", "6.18"] as const) {
    const kernel = new PortableKernel({ release });
    const context = new PortableContext(kernel);
    const pipe = kernel.pipe({ blocking: true });
    context.iocb(0, { fildes: pipe.readFd, buf: context.dataAddress, nbytes: 8 });
    assert.equal(context.submit(0), 1);
    assert.equal(context.getevents(0, 1, 0), 0);
    pipe.write(new Uint8Array(8).fill(9));
    assert.equal(context.unread, 0);
    assert.equal(context.events(1)[0]!.res, 8);
    assert.equal(context.data[7], 9);
  }
});

test("who submits helps those that were kicked", () => {
  const { context, pipe, kernel } = contextWithPipe();
  context.iocb(0, { fildes: pipe.readFd, buf: context.dataAddress, nbytes: 8 });
  assert.equal(context.submit(0), 1);
  pipe.write(new Uint8Array(8));
  const other = kernel.pipe();
  context.iocb(1, { fildes: other.readFd, buf: context.dataAddress, nbytes: 1 });
  assert.equal(context.unread, 0);
  assert.equal(context.submit(1), 1);
  assert.equal(context.unread, 2);
  const results = context.events(2).map(({ data, res }) => [data, res]);
  assert.deepEqual(results.sort(), [[0, 8], [1, -EAGAIN]]);
});

test("the work queue takes a kicked request over where nobody waits", async () => {
  const { context, pipe } = contextWithPipe();
  context.iocb(0, { fildes: pipe.readFd, buf: context.dataAddress, nbytes: 8 });
  assert.equal(context.submit(0), 1);
  pipe.write(new Uint8Array(8));
  assert.equal(context.unread, 0);
  await turn();
  await turn();
  assert.equal(context.unread, 1);
});

/** A request whose runs are what a test says. */
function scripted(
  list: RunList,
  run: (time: number) => number,
): { request: Kiocb; runs: number[] } {
  const owner = { kick_iocb: (request: Kiocb) => list.kick_iocb(request), progressed: () => {} };
  const request = new Kiocb(owner, undefined, 0);
  const runs: number[] = [];
  request.retry = () => {
    runs.push(runs.length);
    return run(runs.length);
  };
  return { request, runs };
}

test("one run at a time: a kick during a run is remembered, and the next follows it", () => {
  const results: number[] = [];
  const list = new RunList((_, res) => results.push(res));
  let depth = 0;
  const { request, runs } = scripted(list, (time) => {
    depth++;
    request.kick();
    request.kick();
    list.aio_run_iocbs();
    assert.equal(depth--, 1);
    return time < 3 ? -EIOCBRETRY : time;
  });
  list.aio_run_iocb(request);
  assert.deepEqual([runs.length, results], [1, []]);
  assert.equal(list.aio_run_iocbs(), true);
  assert.equal(runs.length, 2);
  assert.equal(list.aio_run_iocbs(), true);
  assert.deepEqual(results, [3]);
});

test("a request is on the run list once, however often it is kicked", () => {
  const list = new RunList(() => {});
  const { request, runs } = scripted(list, () => -EIOCBRETRY);
  list.aio_run_iocb(request);
  for (let time = 0; time < 5; time++) request.kick();
  assert.equal(list.aio_run_iocbs(), true);
  assert.equal(runs.length, 2);
  assert.equal(list.aio_run_iocbs(), false);
});

test("a run that would be started again is EINTR, and so is one that was cancelled", () => {
  const results: number[] = [];
  const list = new RunList((_, res) => results.push(res));
  for (const code of [512, 513, 514, 516]) list.aio_run_iocb(scripted(list, () => -code).request);
  const { request, runs } = scripted(list, () => 7);
  request.cancelled = true;
  list.aio_run_iocb(request);
  assert.equal(runs.length, 0);
  assert.deepEqual(results, [-EINTR, -EINTR, -EINTR, -EINTR, -EINTR]);
});

test("the synchronous path runs a request without a context, and waits for it", () => {
  const { context, pipe, kernel } = contextWithPipe();
  context.iocb(0, { fildes: pipe.readFd, buf: context.dataAddress, nbytes: 8 });
  kernel.after(5, () => pipe.write(new Uint8Array(6)));
  assert.equal(kernel.run(context.iocbAddress(0)), 6);
  assert.equal(kernel.run(context.iocbAddress(0)), -EDEADLK);
  assert.equal(context.unread, 0);
});

test("a request that is over is let go of once: its place comes back, and its iocb is free", () => {
  const { context, pipe } = contextWithPipe();
  const read = { fildes: pipe.readFd, buf: context.dataAddress, nbytes: 1 };
  for (let time = 0; time < 500; time++) {
    context.iocb(0, read);
    assert.equal(context.submit(0), 1);
    pipe.write(new Uint8Array(1));
    assert.deepEqual(context.events(1), [{ data: 0, iocb: 0, res: 1 }]);
  }
  assert.equal(context.kernel.io_cancel(context.id, context.iocbAddress(0), 0), -22);
});
