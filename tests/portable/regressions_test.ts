/** What random programs found to differ from the real kernel, and what was mended. */
import assert from "node:assert/strict";
import { closeSync, constants, openSync, readFileSync } from "node:fs";
import process from "node:process";
import { test } from "node:test";
import { EBADF, EFAULT, EINPROGRESS, EINVAL } from "../../src/abi/errno.ts";
import { IOCB_KEY, IOCB_NBYTES, IOCB_OFFSET } from "../../src/abi/iocb.ts";
import {
  IOCB_CMD_FSYNC,
  IOCB_CMD_POLL,
  IOCB_CMD_PREADV,
  IOCB_CMD_PWRITE,
  IOCB_FLAG_IOPRIO,
} from "../../src/abi/opcodes.ts";
import { POLLIN, POLLOUT, POLLRDNORM, POLLWRNORM } from "../../src/abi/poll.ts";
import { RWF_APPEND, RWF_DSYNC } from "../../src/abi/rw_flags.ts";
import { PortableContext } from "../support/portable_context.ts";
import { TempFile } from "../support/temp.ts";

const onLinux = { skip: process.platform === "linux" ? false : "is about files of Linux" };

test("hints between class and level of a priority are no level", () => {
  using file = new TempFile(new Uint8Array(1));
  const context = new PortableContext();
  const run = (reqprio: number) =>
    context.run({ fildes: file.fd, flags: IOCB_FLAG_IOPRIO, reqprio });
  assert.equal(run(8), 0);
  assert.equal(run(1), -EINVAL);
  assert.equal(run(4 << 13), -EINVAL);
});

test("a poll that is ready at once gives what was asked for, one that is woken all that is said", () => {
  const context = new PortableContext();
  const { kernel } = context;
  const pipe = kernel.pipe();
  const poll = { opcode: IOCB_CMD_POLL, fildes: pipe.readFd, buf: POLLIN };
  context.iocb(0, poll);
  assert.equal(context.submit(0), 1);
  pipe.write(new Uint8Array(1));
  assert.equal(context.events(1)[0]!.res, POLLIN | POLLRDNORM);
  assert.equal(context.run(poll), POLLIN);
  const both = { ...poll, fildes: pipe.writeFd, buf: POLLOUT | POLLWRNORM };
  assert.equal(context.run(both), POLLOUT | POLLWRNORM);
  const eventfd = kernel.eventfd();
  context.iocb(0, { ...poll, fildes: eventfd.fd });
  assert.equal(context.submit(0), 1);
  eventfd.signal();
  assert.equal(context.events(1)[0]!.res, POLLIN);
});

test("a write of nothing to a pipe wakes nobody", () => {
  const context = new PortableContext();
  const pipe = context.kernel.pipe();
  context.iocb(1, { opcode: IOCB_CMD_POLL, fildes: pipe.readFd, buf: POLLIN });
  assert.equal(context.submit(1), 1);
  assert.equal(context.run({ opcode: IOCB_CMD_PWRITE, fildes: pipe.writeFd }), 0);
  assert.equal(pipe.write(new Uint8Array(0)), 0);
  assert.equal(context.getevents(0, 1, 0), 0);
});

test("an eventfd has no asynchronous write", () => {
  const context = new PortableContext();
  const { fd } = context.kernel.eventfd();
  const write = { opcode: IOCB_CMD_PWRITE, fildes: fd, buf: context.dataAddress, nbytes: 8 };
  assert.equal(context.run(write), -EINVAL);
});

test("the number of iovecs is cut to 32 bits", () => {
  using file = new TempFile(new Uint8Array(1));
  const context = new PortableContext();
  const vector = { opcode: IOCB_CMD_PREADV, fildes: file.fd, buf: context.dataAddress };
  context.iocb(0, vector);
  context.iocbView(0).setUint8(IOCB_NBYTES + 7, 0x40);
  assert.equal(context.submit(0), 1);
  assert.equal(context.events(1)[0]!.res, 0);
});

test("nothing may be read at the last position, one byte may not", () => {
  using file = new TempFile(new Uint8Array(1));
  const context = new PortableContext();
  const submit = (nbytes: number) => {
    context.iocb(0, { fildes: file.fd, buf: context.dataAddress, nbytes });
    context.iocbView(0).setBigInt64(IOCB_OFFSET, 2n ** 63n - 1n, true);
    return context.submit(0);
  };
  assert.equal(submit(1), -EINVAL);
  assert.equal(submit(0), 1);
  assert.equal(context.events(1)[0]!.res, 0);
});

test("a write to the end has no position that could be too far", () => {
  using file = new TempFile(new Uint8Array(3));
  const context = new PortableContext();
  const write = { opcode: IOCB_CMD_PWRITE, fildes: file.fd, buf: context.dataAddress, nbytes: 2 };
  const offset = Number.MAX_SAFE_INTEGER;
  assert.equal(context.run({ ...write, offset, rwFlags: RWF_APPEND }), 2);
  assert.equal(readFileSync(file.path).length, 5);
});

test("io_cancel reads no more of an iocb than its key", () => {
  const context = new PortableContext();
  const { kernel, id } = context;
  const { address } = kernel.allocate(IOCB_KEY + 4);
  assert.equal(kernel.io_cancel(id, address, 0), -EINVAL);
  assert.equal(kernel.io_cancel(id, address + 4, 0), -EFAULT);
  const pipe = kernel.pipe();
  context.iocb(0, { opcode: IOCB_CMD_POLL, fildes: pipe.readFd, buf: POLLIN });
  assert.equal(context.submit(0), 1);
  assert.equal(kernel.io_cancel(id, context.iocbAddress(0), 0), -EINPROGRESS);
});

test("what was opened with O_PATH is no file", onLinux, () => {
  const context = new PortableContext();
  const fd = openSync("/", constants.O_RDONLY | 0o10000000);
  const poll = { opcode: IOCB_CMD_POLL, fildes: fd, buf: POLLIN };
  assert.equal(context.run(poll), -EBADF);
  assert.equal(context.run({ ...poll, opcode: IOCB_CMD_FSYNC, buf: 0 }), -EBADF);
  closeSync(fd);
});

test("a directory is not written to, and a device of bytes has nothing to sync", onLinux, () => {
  const context = new PortableContext();
  const { dataAddress } = context;
  const write = { opcode: IOCB_CMD_PWRITE, buf: dataAddress, nbytes: 4 };
  const directory = openSync("/", "r");
  assert.equal(context.run({ ...write, fildes: directory }), -EBADF);
  closeSync(directory);
  const fd = openSync("/dev/null", "r+");
  assert.equal(context.run({ ...write, fildes: fd, rwFlags: RWF_DSYNC }), 4);
  assert.equal(context.run({ opcode: IOCB_CMD_FSYNC, fildes: fd }), -EINVAL);
  closeSync(fd);
});
