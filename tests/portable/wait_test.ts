import assert from "node:assert/strict";
import { test } from "node:test";
import {
  EAGAIN,
  EDEADLK,
  EFAULT,
  EINPROGRESS,
  EINTR,
  EINVAL,
  ENOSYS,
} from "../../src/abi/errno.ts";
import { IO_EVENT_SIZE } from "../../src/abi/io_event.ts";
import { IOCB_CMD_POLL, IOCB_CMD_PREAD, IOCB_FLAG_RESFD } from "../../src/abi/opcodes.ts";
import { POLLIN } from "../../src/abi/poll.ts";
import { type KernelRelease, PortableKernel } from "../../src/portable/mod.ts";
import { PortableContext } from "../support/portable_context.ts";
import { TempFile } from "../support/temp.ts";

const RELEASES: readonly KernelRelease[] = ["6.18", "3.4"];

/** A context with so many reads of a file in flight. */
function busy(release: KernelRelease, file: TempFile, count: number): PortableContext {
  const context = new PortableContext({ release });
  const { dataAddress } = context;
  for (let index = 0; index < count; index++) {
    context.iocb(index, { fildes: file.fd, buf: dataAddress + 8 * index, nbytes: 8 });
    assert.equal(context.submit(index), 1);
  }
  return context;
}

/** A read of a pipe that nobody writes to. */
function stuck(kernel: PortableKernel, context: PortableContext, index = 0) {
  const pipe = kernel.pipe({ blocking: true });
  context.iocb(index, { fildes: pipe.readFd, buf: context.dataAddress, nbytes: 8 });
  assert.equal(context.submit(index), 1);
  return pipe;
}

test("io_getevents returns as soon as min_nr are there, and never more than nr", () => {
  for (const release of RELEASES) {
    using file = new TempFile(new Uint8Array(8));
    const context = busy(release, file, 5);
    assert.equal(context.getevents(5, 5), 5);
    assert.deepEqual(context.taken(5).map(({ data }) => data), [0, 1, 2, 3, 4]);
    assert.equal(context.getevents(0, 5), 0);
    const again = busy(release, file, 5);
    assert.equal(again.getevents(2, 2), 2);
    assert.equal(again.getevents(3, 8), 3);
  }
});

test("io_getevents refuses a minimum below 0 or above nr, and no context", () => {
  for (const release of RELEASES) {
    const context = new PortableContext({ release });
    const { kernel, eventsAddress } = context;
    assert.equal(context.getevents(-1, 1, 0), -EINVAL);
    assert.equal(context.getevents(2, 1, 0), -EINVAL);
    assert.equal(context.getevents(0, -1, 0), -EINVAL);
    assert.equal(kernel.io_getevents(0, 0, 1, eventsAddress, 0), -EINVAL);
    assert.equal(context.getevents(0, 0, 0), 0);
  }
});

test("io_getevents at the end of its time returns what came, and none at once without time", () => {
  for (const release of RELEASES) {
    const kernel = new PortableKernel({ release });
    const context = new PortableContext(kernel);
    const pipe = stuck(kernel, context);
    assert.equal(context.getevents(1, 1, 0), 0);
    const end = performance.now() + 20;
    assert.equal(context.getevents(1, 1, 20), 0);
    assert.ok(performance.now() > end - 1, "it gave up before its time");
    pipe.write(new Uint8Array(3));
    assert.equal(context.getevents(1, 2, 20), 1);
    assert.equal(context.taken(1)[0]!.res, 3);
  }
});

test("the timeout is always read today, in 3.4 only where there is something to wait for", () => {
  const nowhere = 8;
  using file = new TempFile(new Uint8Array(8));
  for (const release of RELEASES) {
    const context = busy(release, file, 1);
    const { kernel, id, eventsAddress } = context;
    const call = (min: number) => kernel.io_getevents(id, min, 1, eventsAddress, nowhere);
    assert.equal(call(0), release === "3.4" ? 0 : -EFAULT);
    assert.equal(call(1), -EFAULT);
  }
});

test("an event that cannot be copied stays in the ring today, and is lost in 3.4", () => {
  for (const release of RELEASES) {
    const kernel = new PortableKernel({ release });
    const context = new PortableContext(kernel);
    const { id, dataAddress } = context;
    const pipe = kernel.pipe();
    pipe.write(new Uint8Array(3));
    context.iocb(0, { fildes: pipe.readFd, buf: dataAddress, nbytes: 1 });
    assert.equal(context.submit(0, 0, 0), 3);
    // Room for two of the three
    const { address } = kernel.allocate(2 * IO_EVENT_SIZE);
    const res = kernel.io_getevents(id, 3, 3, address, 0);
    assert.equal(res, -EFAULT);
    assert.equal(context.getevents(0, 3, 0), release === "3.4" ? 0 : 3);
  }
});

test("a signal ends the wait: EINTR with nothing, else what came; kept for the next wait", () => {
  for (const release of RELEASES) {
    const kernel = new PortableKernel({ release });
    const context = new PortableContext(kernel);
    const pipe = stuck(kernel, context);
    kernel.after(5, () => kernel.interrupt());
    assert.equal(context.getevents(1, 1), -EINTR);
    kernel.interrupt();
    assert.equal(context.getevents(1, 1), -EINTR);
    pipe.write(new Uint8Array(8));
    kernel.after(5, () => kernel.interrupt());
    assert.equal(context.getevents(2, 2), 1);
    assert.equal(context.getevents(0, 1, 0), 0);
  }
});

test("a context that ends while one waits is EINVAL with nothing, and its id is gone", () => {
  for (const release of RELEASES) {
    const kernel = new PortableKernel({ release });
    const context = new PortableContext(kernel);
    stuck(kernel, context);
    const results: number[] = [];
    kernel.after(5, () => results.push(kernel.io_destroy(context.id)));
    results.push(context.getevents(1, 1));
    assert.deepEqual(results, [0, -EINVAL]);
    assert.equal(kernel.io_destroy(context.id), -EINVAL);
    assert.equal(kernel.limits().aioNr, 0);
  }
});

test("a wait that nothing could end is EDEADLK, also one that is too long to count", () => {
  const context = new PortableContext();
  assert.equal(context.getevents(1, 1), -EDEADLK);
  const { kernel, id, eventsAddress, dataAddress, data } = context;
  for (const seconds of [2n ** 62n, -1n]) {
    new BigInt64Array(data.buffer, data.byteOffset, 2)[0] = seconds;
    assert.equal(kernel.io_getevents(id, 1, 1, eventsAddress, dataAddress), -EDEADLK);
  }
});

test("the event is there before the tail, and the eventfd is signalled after it", () => {
  using file = new TempFile(new Uint8Array(8));
  for (const release of RELEASES) {
    const kernel = new PortableKernel({ release });
    const context = new PortableContext(kernel);
    const eventfd = kernel.eventfd(0);
    const seen: number[] = [];
    const flags = { flags: IOCB_FLAG_RESFD, resfd: eventfd.fd };
    for (const index of [0, 1, 2]) {
      context.iocb(index, { fildes: file.fd, buf: context.dataAddress, nbytes: 8, ...flags });
    }
    const other = new PortableContext(kernel);
    other.iocb(0, { fildes: eventfd.fd, buf: other.dataAddress, nbytes: 8 });
    assert.equal(other.submit(0), 1);
    assert.equal(other.events(1)[0]!.res, -EAGAIN);
    assert.equal(context.submit(0, 1, 2), 3);
    assert.equal(eventfd.count, 0);
    context.getevents(1, 1);
    seen.push(eventfd.count, context.unread);
    context.getevents(2, 2);
    seen.push(eventfd.count, context.unread);
    assert.deepEqual(seen, [1, 0, 3, 0], release);
    assert.equal(other.run({ fildes: eventfd.fd, buf: other.dataAddress, nbytes: 8 }), 8);
    assert.equal(new BigUint64Array(other.data.buffer, other.data.byteOffset, 1)[0], 3n);
    assert.equal(eventfd.count, 0);
  }
});

test("whoever is woken by the eventfd finds the event in the ring", () => {
  const kernel = new PortableKernel();
  const context = new PortableContext(kernel);
  const pipe = kernel.pipe();
  const eventfd = kernel.eventfd();
  const watcher = new PortableContext(kernel);
  watcher.iocb(0, { opcode: IOCB_CMD_POLL, fildes: eventfd.fd, buf: POLLIN });
  assert.equal(watcher.submit(0), 1);
  const poll = { opcode: IOCB_CMD_POLL, fildes: pipe.readFd, buf: POLLIN };
  context.iocb(0, { ...poll, flags: IOCB_FLAG_RESFD, resfd: eventfd.fd });
  assert.equal(context.submit(0), 1);
  assert.equal(watcher.getevents(0, 1, 0), 0);
  pipe.write(new Uint8Array(1));
  assert.equal(watcher.events(1)[0]!.res, POLLIN);
  assert.equal(context.unread, 1);
});

test("io_cancel: today EINPROGRESS and an event of 0 by the ring, in 3.4 the event at once", () => {
  const kernel = new PortableKernel();
  const context = new PortableContext(kernel);
  const pipe = kernel.pipe({ blocking: true });
  const poll = { opcode: IOCB_CMD_POLL, fildes: pipe.readFd, buf: POLLIN };
  const iocb = context.iocb(3, { ...poll, data: 42 });
  assert.equal(context.submit(3), 1);
  const cancel = () => kernel.io_cancel(context.id, context.iocbAddress(3), 0);
  iocb.key = 1;
  assert.equal(cancel(), -EINVAL);
  iocb.key = 0;
  assert.equal(cancel(), -EINPROGRESS);
  assert.equal(cancel(), -EINVAL);
  assert.deepEqual(context.events(1), [{ data: 42, iocb: 3, res: 0 }]);

  const old = new PortableContext({ release: "3.4" });
  stuck(old.kernel, old);
  const { id, eventsAddress } = old;
  assert.equal(old.kernel.io_cancel(id, old.iocbAddress(0), eventsAddress), 0);
  assert.deepEqual(old.taken(1), [{ data: 0, iocb: 0, res: 0 }]);
  assert.equal(old.getevents(0, 1, 0), 0);
  assert.equal(old.kernel.io_cancel(id, old.iocbAddress(0), eventsAddress), -EINVAL);
  stuck(old.kernel, old);
  assert.equal(old.kernel.io_cancel(id, old.iocbAddress(0), 0), -EFAULT);
});

test("io_cancel of a transfer is EINVAL today, of one that waits it ends it in 3.4", () => {
  const kernel = new PortableKernel();
  const context = new PortableContext(kernel);
  const pipe = stuck(kernel, context);
  const { id, eventsAddress } = context;
  assert.equal(kernel.io_cancel(id, context.iocbAddress(0), eventsAddress), -EINVAL);
  pipe.write(new Uint8Array(8));
  assert.equal(context.events(1)[0]!.res, 8);
  assert.equal(kernel.io_cancel(id, 0, eventsAddress), -EFAULT);
});

test("io_destroy ends what waits and waits for what runs; a second is EINVAL", () => {
  for (const release of RELEASES) {
    using file = new TempFile(new Uint8Array(8).fill(7));
    const kernel = new PortableKernel({ release });
    const context = new PortableContext(kernel);
    if (release === "3.4") stuck(kernel, context, 1);
    else {
      const { readFd } = kernel.pipe();
      context.iocb(1, { opcode: IOCB_CMD_POLL, fildes: readFd, buf: POLLIN });
      assert.equal(context.submit(1), 1);
    }
    const read = { opcode: IOCB_CMD_PREAD, fildes: file.fd, nbytes: 8 };
    context.iocb(0, { ...read, buf: context.dataAddress });
    assert.equal(context.submit(0), 1);
    assert.equal(context.data[0], 0);
    assert.equal(kernel.io_destroy(context.id), 0);
    assert.deepEqual([...context.data.subarray(0, 8)], [7, 7, 7, 7, 7, 7, 7, 7]);
    assert.equal(context.ring.length, 0);
    assert.equal(kernel.io_destroy(context.id), -EINVAL);
  }
});

test("at the end of a process all its contexts end, and what runs is waited for", async () => {
  using file = new TempFile(new Uint8Array(8).fill(7));
  const kernel = new PortableKernel();
  const other = new PortableContext(kernel.spawn(), 3);
  const contexts = [0, 1].map(() => new PortableContext(kernel, 5));
  for (const context of contexts) {
    context.iocb(0, { fildes: file.fd, buf: context.dataAddress, nbytes: 8 });
    assert.equal(context.submit(0), 1);
  }
  assert.equal(kernel.limits().aioNr, 13);
  await kernel.exit();
  assert.deepEqual(contexts.map(({ data }) => data[7]), [7, 7]);
  assert.deepEqual(contexts.map(({ id }) => kernel.io_destroy(id)), [-EINVAL, -EINVAL]);
  assert.equal(kernel.limits().aioNr, 3);
  assert.equal(other.getevents(0, 1, 0), 0);
});

test("io_pgetevents does not exist in 3.4", () => {
  for (const release of RELEASES) {
    const { kernel, id, eventsAddress } = new PortableContext({ release });
    const res = kernel.io_pgetevents(id, 0, 1, eventsAddress, 0, 0);
    assert.equal(res, release === "3.4" ? -ENOSYS : 0);
  }
});
