/** How requests of the kernel with retries run, are cancelled and end, by the text of its fs/aio.c. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { EAGAIN, EINVAL } from "../../src/abi/errno.ts";
import { IOCB_CMD_POLL, IOCB_FLAG_RESFD } from "../../src/abi/opcodes.ts";
import { POLLIN } from "../../src/abi/poll.ts";
import { PortableKernel } from "../../src/portable/mod.ts";
import { PortableContext } from "../support/portable_context.ts";
import { EIGHT, kernel34, RELEASES, trivial, waiting } from "../support/kernel_3_4.ts";
import { TempFile } from "../support/temp.ts";

test("io_destroy cancels every request: what was kicked does not run, and nobody is signalled", () => {
  const { kernel, context } = kernel34();
  const eventfd = kernel.eventfd();
  const pipe = waiting(context, 0, { flags: IOCB_FLAG_RESFD, resfd: eventfd.fd });
  pipe.write(EIGHT);
  assert.equal(kernel.io_destroy(context.id), 0);
  assert.equal(pipe.read(100).length, 8);
  assert.equal(context.data[0], 0);
  assert.equal(eventfd.count, 0);
  assert.equal(kernel.limits().aioNr, 0);
});

test("io_destroy of requests on the disk: no eventfd in 3.4, as ever today", () => {
  for (const release of RELEASES) {
    using file = new TempFile(EIGHT);
    const kernel = new PortableKernel({ release });
    const context = new PortableContext(kernel);
    const eventfd = kernel.eventfd();
    const flags = { flags: IOCB_FLAG_RESFD, resfd: eventfd.fd };
    context.iocb(0, { fildes: file.fd, buf: context.dataAddress, nbytes: 8, ...flags });
    assert.equal(context.submit(0, 0), 2);
    assert.equal(kernel.io_destroy(context.id), 0);
    assert.equal(context.data[7], 9);
    assert.equal(eventfd.count, release === "3.4" ? 0 : 2);
    // The same objects serve requests of other contexts, which have events.
    const other = new PortableContext(kernel);
    other.iocb(0, { fildes: file.fd, buf: other.dataAddress, nbytes: 8, ...flags });
    assert.equal(other.submit(0, 0), 2);
    assert.equal(other.events(2).length, 2);
  }
});

test("io_destroy of polls signals their eventfds today", () => {
  const kernel = new PortableKernel();
  const context = new PortableContext(kernel);
  const { readFd } = kernel.pipe();
  const eventfd = kernel.eventfd();
  const flags = { flags: IOCB_FLAG_RESFD, resfd: eventfd.fd };
  context.iocb(0, { opcode: IOCB_CMD_POLL, fildes: readFd, buf: POLLIN, ...flags });
  assert.equal(context.submit(0, 0, 0), 3);
  assert.equal(kernel.io_destroy(context.id), 0);
  assert.equal(eventfd.count, 3);
});

test("io_cancel ends what was kicked and did not run; its event has obj and data alone", () => {
  const { kernel, context } = kernel34();
  const pipe = waiting(context, 3);
  context.iocb(3, { data: 42, fildes: pipe.readFd, buf: context.dataAddress, nbytes: 8 });
  assert.equal(context.submit(3), 1);
  pipe.write(EIGHT);
  const { id, eventsAddress } = context;
  assert.equal(kernel.io_cancel(id, context.iocbAddress(3), eventsAddress), 0);
  assert.deepEqual(context.taken(1), [{ data: 42, iocb: 3, res: 0 }]);
  assert.equal(kernel.io_cancel(id, context.iocbAddress(3), eventsAddress), 0);
  assert.equal(kernel.io_cancel(id, context.iocbAddress(3), eventsAddress), -EINVAL);
  assert.equal(context.getevents(0, 1, 0), 0);
  assert.equal(context.getevents(1, 1, 0), 0);
  assert.equal(pipe.read(100).length, 8);
});

test("io_cancel finds the newest request of an iocb in 3.4, the oldest today", () => {
  const { kernel, context } = kernel34();
  const { id, eventsAddress } = context;
  const old = waiting(context, 0);
  waiting(context, 0);
  assert.equal(kernel.io_cancel(id, context.iocbAddress(0), eventsAddress), 0);
  old.write(EIGHT);
  assert.equal(context.events(1)[0]!.res, 8);

  const today = new PortableContext();
  const pipe = today.kernel.pipe();
  const poll = { opcode: IOCB_CMD_POLL, fildes: pipe.readFd, buf: POLLIN };
  for (const data of [1, 2]) {
    today.iocb(0, { ...poll, data });
    assert.equal(today.submit(0), 1);
  }
  today.kernel.io_cancel(today.id, today.iocbAddress(0), 0);
  assert.equal(today.events(1)[0]!.data, 1);
});

test("io_cancel of another key is EINVAL, of what cannot be cancelled EAGAIN", () => {
  using file = new TempFile(EIGHT);
  const { kernel, context } = kernel34();
  waiting(context, 0);
  const cancel = (index: number) =>
    kernel.io_cancel(context.id, context.iocbAddress(index), context.eventsAddress);
  const iocb = context.iocb(0, {});
  iocb.key = 1;
  assert.equal(cancel(0), -EINVAL);
  iocb.key = 0;
  assert.equal(cancel(0), 0);
  context.iocb(1, { fildes: file.fd, buf: context.dataAddress, nbytes: 8 });
  assert.equal(context.submit(1), 1);
  assert.equal(cancel(1), -EAGAIN);
  assert.equal(context.events(1)[0]!.res, 8);
});

/** A read that is kicked, and whose eventfd kicks another. */
function chain(context: PortableContext): void {
  const eventfd = context.kernel.eventfd(0, { blocking: true });
  const pipe = waiting(context, 0, { flags: IOCB_FLAG_RESFD, resfd: eventfd.fd });
  context.iocb(1, { fildes: eventfd.fd, buf: context.dataAddress + 8, nbytes: 8 });
  assert.equal(context.submit(1), 1);
  pipe.write(EIGHT);
}

test("the run list is drained until it stays empty, by submissions and by waits", () => {
  const { context } = kernel34();
  chain(context);
  trivial(context, 2);
  assert.equal(context.submit(2), 1);
  assert.equal(context.unread, 3);
  const other = kernel34().context;
  chain(other);
  assert.equal(other.getevents(2, 2, 0), 2);
});

test("a submission runs what was kicked in its own context, not in another", () => {
  const { kernel, context } = kernel34();
  const other = new PortableContext(kernel);
  const pipe = waiting(context, 0);
  pipe.write(EIGHT);
  trivial(other, 0);
  assert.equal(other.submit(0), 1);
  assert.equal(other.unread, 1);
  assert.equal(context.unread, 0);
  assert.equal(other.getevents(1, 1), 1);
  assert.equal(context.unread, 0);
  trivial(context, 1);
  assert.equal(context.submit(1), 1);
  assert.equal(context.unread, 2);
});
