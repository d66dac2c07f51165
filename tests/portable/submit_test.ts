import assert from "node:assert/strict";
import { closeSync, constants, openSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { EAGAIN, EBADF, EFAULT, EINVAL, EOPNOTSUPP } from "../../src/abi/errno.ts";
import { IOCB_NBYTES, IOCB_RESERVED2 } from "../../src/abi/iocb.ts";
import { writeIovec } from "../../src/abi/iovec.ts";
import {
  IOCB_CMD_FDSYNC,
  IOCB_CMD_FSYNC,
  IOCB_CMD_NOOP,
  IOCB_CMD_POLL,
  IOCB_CMD_PREAD,
  IOCB_CMD_PREADV,
  IOCB_CMD_PWRITE,
  IOCB_CMD_PWRITEV,
  IOCB_FLAG_RESFD,
} from "../../src/abi/opcodes.ts";
import { pattern, sameBytes } from "../support/bytes.ts";
import { PortableContext } from "../support/portable_context.ts";
import { TempFile } from "../support/temp.ts";

const BYTES = pattern(10_000);
const NOWHERE = 4096;
const BEYOND = 2 ** 47;
const CLOSED = 987_654;

test("an iocb is checked in the kernel's order, fd before room in 3.4 and after it today", () => {
  using file = new TempFile(BYTES);
  for (const release of ["6.18", "3.4"] as const) {
    const context = new PortableContext({ release, cpus: 2 }, 1);
    const check = (errno: number) => assert.equal(context.submit(1), -errno, release);
    context.iocb(0, { fildes: file.fd });
    while (context.submit(0) === 1);
    // Each with what the next complains of
    const bad = { fildes: CLOSED, opcode: 99, flags: IOCB_FLAG_RESFD, resfd: CLOSED };
    context.iocb(1, bad);
    context.iocbView(1).setUint8(IOCB_RESERVED2, 1);
    check(EINVAL);
    context.iocbView(1).setUint8(IOCB_RESERVED2, 0);
    context.iocbView(1).setUint8(IOCB_NBYTES + 7, 0x80);
    check(EINVAL);
    context.iocb(1, bad);
    check(release === "3.4" ? EBADF : EAGAIN);
    context.iocb(1, { ...bad, fildes: file.fd });
    check(EAGAIN);
    assert.ok(context.events(1).length > 0);
    check(EBADF);
    context.iocb(1, { ...bad, fildes: file.fd, resfd: file.fd });
    check(EINVAL);
    assert.equal(context.submitAddresses(NOWHERE), -EFAULT);
  }
});

test("the word of the flags had to be 0 before there were flags", () => {
  using file = new TempFile(BYTES);
  const iocb = { fildes: file.fd, rwFlags: 1 };
  assert.equal(new PortableContext({ release: "3.4" }).run(iocb), -EINVAL);
  assert.equal(new PortableContext().run(iocb), 0);
  assert.equal(new PortableContext().run({ ...iocb, rwFlags: 1 << 20 }), -EOPNOTSUPP);
});

test("each opcode is set up for its file: mode, memory, position, and what there is to do", () => {
  using file = new TempFile(BYTES, { flags: constants.O_RDONLY });
  using writable = new TempFile(BYTES, { flags: constants.O_WRONLY });
  for (const release of ["6.18", "3.4"] as const) {
    const context = new PortableContext({ release });
    const memory = { buf: context.dataAddress, nbytes: 100 };
    const read = { ...memory, fildes: file.fd, opcode: IOCB_CMD_PREAD };
    const write = { ...memory, fildes: writable.fd, opcode: IOCB_CMD_PWRITE };
    assert.equal(context.run({ ...read, offset: 9950 }), 50, release);
    assert.equal(context.run({ ...write, offset: 1 }), 100);
    assert.equal(context.run({ ...read, opcode: IOCB_CMD_PWRITE }), -EBADF);
    assert.equal(context.run({ ...write, opcode: IOCB_CMD_PREAD }), -EBADF);
    assert.equal(context.run({ ...read, buf: BEYOND }), -EFAULT);
    assert.equal(context.run({ ...read, offset: -1 }), -EINVAL);
    for (const opcode of [4, IOCB_CMD_NOOP, 9]) {
      assert.equal(context.run({ ...read, opcode }), -EINVAL);
    }
    const directory = openSync("/", "r");
    assert.equal(context.run({ ...read, fildes: directory }), -EINVAL);
    closeSync(directory);
    const sync = release === "3.4" ? -EINVAL : 0;
    for (const opcode of [IOCB_CMD_FSYNC, IOCB_CMD_FDSYNC]) {
      assert.equal(context.run({ fildes: file.fd, opcode }), sync);
    }
    const poll = { fildes: file.fd, opcode: IOCB_CMD_POLL, buf: 5 };
    assert.equal(context.run(poll), release === "3.4" ? -EINVAL : 5);
  }
});

test("memory that is not there is EFAULT in the event, and ends a transfer that has begun", () => {
  using file = new TempFile(BYTES);
  const context = new PortableContext();
  const read = { fildes: file.fd, opcode: IOCB_CMD_PREAD, nbytes: 100 };
  context.iocb(0, { ...read, buf: NOWHERE });
  assert.equal(context.submit(0), 1);
  assert.equal(context.events(1)[0]!.res, -EFAULT);
  const end = context.dataAddress + context.data.length;
  assert.equal(context.run({ ...read, buf: end - 30 }), 30);
  assert.equal(context.run({ ...read, buf: NOWHERE, offset: 10_000 }), 0);
});

test("vectored requests count iovecs, at most 1024, each checked in turn", () => {
  for (const release of ["6.18", "3.4"] as const) {
    using file = new TempFile(BYTES);
    const context = new PortableContext({ release });
    const { dataAddress, data } = context;
    const view = new DataView(data.buffer, data.byteOffset);
    const vector = { fildes: file.fd, opcode: IOCB_CMD_PREADV, buf: dataAddress, offset: 7 };
    writeIovec(view, 0, dataAddress + 60_000, 10);
    writeIovec(view, 16, dataAddress + 70_000, 0);
    writeIovec(view, 32, dataAddress + 70_000, 20);
    assert.equal(context.run({ ...vector, nbytes: 3 }), 30, release);
    sameBytes(data.slice(60_000, 60_010), BYTES.slice(7, 17));
    sameBytes(data.slice(70_000, 70_020), BYTES.slice(17, 37));
    assert.equal(context.run({ ...vector, nbytes: 0 }), 0);
    assert.equal(context.run({ ...vector, nbytes: 1024 }), 30);
    assert.equal(context.run({ ...vector, nbytes: 1025 }), -EINVAL);
    assert.equal(context.run({ ...vector, nbytes: 1, buf: NOWHERE }), -EFAULT);
    view.setInt32(44, -1, true);
    assert.equal(context.run({ ...vector, nbytes: 3 }), -EINVAL);
    writeIovec(view, 32, BEYOND, 20);
    assert.equal(context.run({ ...vector, nbytes: 3 }), -EFAULT);
    data.fill(9, 60_000, 60_010);
    assert.equal(context.run({ ...vector, opcode: IOCB_CMD_PWRITEV, nbytes: 1 }), 10);
    sameBytes(readFileSync(file.path).subarray(7, 17), new Uint8Array(10).fill(9));
  }
});

test("io_submit takes what comes before the first error, which shows when it comes first", () => {
  using file = new TempFile(BYTES);
  const context = new PortableContext({ cpus: 2 }, 1);
  context.iocb(0, { fildes: file.fd });
  context.iocb(1, { fildes: CLOSED });
  assert.equal(context.submit(0, 1, 0), 1);
  assert.equal(context.submit(1, 0), -EBADF);
  assert.equal(context.submitAddresses(context.iocbAddress(0), NOWHERE), 1);
  const { kernel, id, dataAddress } = context;
  assert.equal(kernel.io_submit(id, -1, dataAddress), -EINVAL);
  assert.equal(kernel.io_submit(id, 0, 0), 0);
  assert.equal(kernel.io_submit(id, 1, 0), -EFAULT);
  assert.equal(kernel.io_submit(0, 0, 0), -EINVAL);
  // No more are looked at than there are places
  const many = Array.from({ length: 300 }, () => 0);
  assert.equal(context.submit(...many), 118);
});

test("a context is found by its id, while it lives, and in no other process", () => {
  const context = new PortableContext();
  const { kernel, id, eventsAddress } = context;
  const other = kernel.spawn();
  assert.equal(other.io_submit(id, 0, 0), -EINVAL);
  assert.equal(kernel.io_submit(id + 8, 0, 0), -EINVAL);
  assert.equal(kernel.io_submit(id, 0, 0), 0);
  assert.equal(kernel.io_destroy(id), 0);
  assert.equal(kernel.io_submit(id, 0, 0), -EINVAL);
  assert.equal(kernel.io_getevents(id, 0, 1, eventsAddress, 0), -EINVAL);
  assert.equal(kernel.io_destroy(id), -EINVAL);
});
