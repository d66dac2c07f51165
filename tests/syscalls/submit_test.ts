import assert from "node:assert/strict";
import { closeSync, constants, openSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { EAGAIN, EBADF, EFAULT, EFBIG, EINVAL, EOPNOTSUPP } from "../../src/abi/errno.ts";
import { writeIovec } from "../../src/abi/iovec.ts";
import {
  IOCB_CMD_FDSYNC,
  IOCB_CMD_FSYNC,
  IOCB_CMD_NOOP,
  IOCB_CMD_POLL,
  IOCB_CMD_PREAD,
  IOCB_CMD_PREADV,
  IOCB_CMD_PREADX,
  IOCB_CMD_PWRITE,
  IOCB_CMD_PWRITEV,
} from "../../src/abi/opcodes.ts";
import { IOCB_DATA, IOCB_RESERVED2 } from "../../src/abi/iocb.ts";
import { POLLIN, POLLOUT } from "../../src/abi/poll.ts";
import { pattern, sameBytes } from "../support/bytes.ts";
import { RawContext } from "../support/raw_context.ts";
import { real } from "../support/real_kernel.ts";
import { O_DIRECT, TempFile } from "../support/temp.ts";

const BYTES = pattern(3 * 4096);

test("a read by hand brings the bytes, and its event the data and the address of the iocb", () => {
  using file = new TempFile(BYTES, { flags: constants.O_RDONLY | O_DIRECT });
  using context = new RawContext(8);
  context.iocb(5, {
    data: Number.MAX_SAFE_INTEGER,
    opcode: IOCB_CMD_PREAD,
    fildes: file.fd,
    buf: context.dataAddress,
    nbytes: 4096,
    offset: 4096,
  });
  assert.equal(context.submit(5), 1);
  assert.deepEqual(context.events(1), [
    { data: Number.MAX_SAFE_INTEGER, obj: context.iocbAddress(5), res: 4096, res2: 0 },
  ]);
  sameBytes(context.data.subarray(0, 4096), BYTES.subarray(4096, 8192));
});

test("a write by hand changes the file", () => {
  using file = new TempFile(BYTES);
  using context = new RawContext(1);
  context.data.fill(0xab, 0, 100);
  const res = context.run({
    opcode: IOCB_CMD_PWRITE,
    fildes: file.fd,
    buf: context.dataAddress,
    nbytes: 100,
    offset: 50,
  });
  assert.equal(res, 100);
  const expected = BYTES.slice();
  expected.fill(0xab, 50, 150);
  sameBytes(readFileSync(file.path), expected);
});

test("vectored requests take their bytes from iovecs, and count them all", () => {
  using file = new TempFile(BYTES);
  using context = new RawContext(2);
  const iovecs = new DataView(context.data.buffer, context.data.byteOffset);
  writeIovec(iovecs, 0, context.dataAddress + 1000, 10);
  writeIovec(iovecs, 16, context.dataAddress + 2000, 20);
  const vector = { fildes: file.fd, buf: context.dataAddress, nbytes: 2, offset: 7 };
  assert.equal(context.run({ ...vector, opcode: IOCB_CMD_PREADV }), 30);
  sameBytes(context.data.subarray(1000, 1010), BYTES.subarray(7, 17));
  sameBytes(context.data.subarray(2000, 2020), BYTES.subarray(17, 37));

  context.data.fill(1, 1000, 1010);
  context.data.fill(2, 2000, 2020);
  assert.equal(context.run({ ...vector, opcode: IOCB_CMD_PWRITEV }), 30);
  const expected = BYTES.slice();
  expected.fill(1, 7, 17).fill(2, 17, 37);
  sameBytes(readFileSync(file.path), expected);
});

test("both syncs complete with 0", () => {
  using file = new TempFile(BYTES);
  using context = new RawContext(2);
  assert.equal(context.run({ opcode: IOCB_CMD_FSYNC, fildes: file.fd }), 0);
  assert.equal(context.run({ opcode: IOCB_CMD_FDSYNC, fildes: file.fd }), 0);
});

test("a poll of a regular file is ready at once", () => {
  using file = new TempFile(BYTES);
  using context = new RawContext(1);
  const res = context.run({ opcode: IOCB_CMD_POLL, fildes: file.fd, buf: POLLIN | POLLOUT });
  assert.equal(res, POLLIN | POLLOUT);
});

test("all 64 bits of data survive", () => {
  using file = new TempFile(BYTES);
  using context = new RawContext(1);
  context.iocb(0, { opcode: IOCB_CMD_FSYNC, fildes: file.fd });
  context.iocbView(0).setBigUint64(IOCB_DATA, 0xfedc_ba98_7654_3210n, true);
  assert.equal(context.submit(0), 1);
  context.events(1);
  assert.equal(context.firstEvent.getBigUint64(0, true), 0xfedc_ba98_7654_3210n);
});

test("io_submit writes 0 to aio_key", () => {
  using file = new TempFile(BYTES);
  using context = new RawContext(1);
  const iocb = context.iocb(0, { opcode: IOCB_CMD_FSYNC, fildes: file.fd, key: 99 });
  assert.equal(context.submit(0), 1);
  assert.equal(iocb.key, 0);
  context.events(1);
});

test("opcodes without an implementation are EINVAL", () => {
  using file = new TempFile(BYTES);
  using context = new RawContext(1);
  for (const opcode of [IOCB_CMD_PREADX, IOCB_CMD_NOOP, 9, 10, 0xffff]) {
    assert.equal(context.run({ opcode, fildes: file.fd }), -EINVAL, `opcode ${opcode}`);
  }
});

test("a bad file descriptor is EBADF", () => {
  using file = new TempFile(BYTES, { flags: constants.O_RDONLY });
  using context = new RawContext(1);
  const closed = openSync(file.path, "r");
  closeSync(closed);
  const memory = { buf: context.dataAddress, nbytes: 1 };
  assert.equal(context.run({ opcode: IOCB_CMD_PREAD, fildes: closed, ...memory }), -EBADF);
  assert.equal(context.run({ opcode: IOCB_CMD_PREAD, fildes: -1, ...memory }), -EBADF);
  assert.equal(context.run({ opcode: IOCB_CMD_PWRITE, fildes: file.fd, ...memory }), -EBADF);
});

test("arguments that io_submit looks at itself give its own error", () => {
  using file = new TempFile(BYTES);
  using context = new RawContext(1);
  const read = { opcode: IOCB_CMD_PREAD, fildes: file.fd, buf: context.dataAddress, nbytes: 1 };
  assert.equal(context.run({ ...read, offset: -1 }), -EINVAL);
  assert.equal(context.run({ ...read, rwFlags: 1 << 30 }), -EOPNOTSUPP);
  assert.equal(context.run({ ...read, opcode: IOCB_CMD_FSYNC }), -EINVAL);
  context.iocb(0, read);
  context.iocbView(0).setUint8(IOCB_RESERVED2, 1);
  assert.equal(context.submit(0), -EINVAL);
});

test("memory that is not there is EFAULT in the event", () => {
  using file = new TempFile(BYTES);
  using context = new RawContext(1);
  context.iocb(0, { opcode: IOCB_CMD_PREAD, fildes: file.fd, buf: 0, nbytes: 4096 });
  assert.equal(context.submit(0), 1);
  assert.equal(context.events(1)[0]!.res, -EFAULT);
});

test("a write beyond the largest file is EFBIG in the event", () => {
  using file = new TempFile(BYTES);
  using context = new RawContext(1);
  context.iocb(0, {
    opcode: IOCB_CMD_PWRITE,
    fildes: file.fd,
    buf: context.dataAddress,
    nbytes: 4096,
    offset: Number.MAX_SAFE_INTEGER,
  });
  assert.equal(context.submit(0), 1);
  assert.equal(context.events(1)[0]!.res, -EFBIG);
});

test("io_submit stops at the first iocb that it refuses, and tells only when that comes first", () => {
  using file = new TempFile(BYTES);
  using context = new RawContext(4);
  const sync = { opcode: IOCB_CMD_FSYNC, fildes: file.fd };
  context.iocb(0, sync);
  context.iocb(1, { ...sync, opcode: IOCB_CMD_NOOP });
  context.iocb(2, sync);
  assert.equal(context.submit(0, 1, 2), 1);
  assert.equal(context.submit(1, 2), -EINVAL);
  assert.equal(context.submit(2), 1);
  assert.deepEqual(context.events(2).map(({ data }) => data).sort(), [0, 2]);
});

test("an iocb that is not there is EFAULT, after those before it were accepted", () => {
  using file = new TempFile(BYTES);
  using context = new RawContext(4);
  context.iocb(0, { opcode: IOCB_CMD_FSYNC, fildes: file.fd });
  assert.equal(context.submitAddresses(context.iocbAddress(0), 0), 1);
  assert.equal(context.submitAddresses(0), -EFAULT);
  assert.equal(context.events(1).length, 1);
});

test("io_submit of nothing is 0, of fewer EINVAL", () => {
  using context = new RawContext(1);
  assert.equal(real.io_submit(context.id, 0, 0), 0);
  assert.equal(real.io_submit(context.id, -1, 0), -EINVAL);
});

test("io_submit to no context is EINVAL", () => {
  using context = new RawContext(1);
  const { id } = context;
  context.destroy();
  assert.equal(real.io_submit(id, 0, 0), -EINVAL);
  assert.equal(real.io_submit(0, 0, 0), -EINVAL);
});

test("a full ring is EAGAIN until events are taken from it", () => {
  using file = new TempFile(BYTES);
  using context = new RawContext(1);
  context.iocb(0, { opcode: IOCB_CMD_FSYNC, fildes: file.fd });
  // The kernel gives more room than it was asked for: as much as its pages of memory hold
  let accepted = 0;
  let errno = 0;
  while (accepted < 4096 && (errno = context.submit(0)) === 1) accepted++;
  assert.equal(errno, -EAGAIN);
  let taken = 0;
  while (taken < accepted) taken += context.events(1).length;
  assert.equal(taken, accepted);
  assert.equal(context.submit(0), 1);
  context.events(1);
});
