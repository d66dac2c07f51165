/** What the kernel with retries checks of memory in io_submit, by the text of its fs/aio.c. */
import assert from "node:assert/strict";
import { closeSync, openSync } from "node:fs";
import { test } from "node:test";
import { EFAULT, EINVAL } from "../../src/abi/errno.ts";
import { IOCB_NBYTES, IOCB_OFFSET } from "../../src/abi/iocb.ts";
import { writeIovec } from "../../src/abi/iovec.ts";
import { IOCB_CMD_PREADV, IOCB_CMD_PWRITE } from "../../src/abi/opcodes.ts";
import { PortableContext } from "../support/portable_context.ts";
import { EIGHT, kernel34, RELEASES } from "../support/kernel_3_4.ts";
import { TempFile } from "../support/temp.ts";

const BEYOND = 2 ** 47;

test("all of the memory is checked in 3.4, before the transfer is cut and the file is asked", () => {
  using file = new TempFile(EIGHT);
  const directory = openSync("/", "r");
  const nothing = { opcode: IOCB_CMD_PWRITE, nbytes: 0 };
  for (const [release, cut, folder] of [["3.4", -EFAULT, -EFAULT], ["6.18", 8, -EINVAL]] as const) {
    const context = new PortableContext({ release });
    const { dataAddress: buf, data } = context;
    for (const nbytes of [2n ** 47n, 2n ** 62n]) {
      context.iocb(0, { fildes: file.fd, buf });
      context.iocbView(0).setBigUint64(IOCB_NBYTES, nbytes, true);
      const accepted = context.submit(0);
      assert.equal(accepted < 0 ? accepted : context.events(1)[0]!.res, cut, release);
    }
    assert.equal(context.run({ fildes: directory, buf: BEYOND, nbytes: 8 }), folder, release);
    assert.equal(context.run({ fildes: directory, buf, nbytes: 8 }), -EINVAL);
    writeIovec(new DataView(data.buffer, data.byteOffset), 0, BEYOND, 8);
    const vector = { opcode: IOCB_CMD_PREADV, fildes: directory, buf, nbytes: 1 };
    assert.equal(context.run(vector), folder, release);
    assert.equal(context.run({ ...nothing, fildes: file.fd, buf: BEYOND }), -EFAULT);
    // The uncut length would end beyond the last position.
    context.iocb(0, { fildes: file.fd, buf, nbytes: 2 ** 46 });
    context.iocbView(0).setBigInt64(IOCB_OFFSET, 2n ** 63n - 2n ** 40n, true);
    assert.equal(context.submit(0), release === "3.4" ? -EINVAL : 1);
  }
  closeSync(directory);
});

test("the number of iovecs is not cut in 3.4", () => {
  using file = new TempFile(EIGHT);
  const { context } = kernel34();
  const { dataAddress: buf, data } = context;
  writeIovec(new DataView(data.buffer, data.byteOffset), 0, buf + 64, 8);
  const vector = { opcode: IOCB_CMD_PREADV, fildes: file.fd, buf };
  assert.equal(context.run({ ...vector, nbytes: 2 ** 32 }), -EINVAL);
  assert.equal(context.run({ ...vector, nbytes: 2 ** 32 + 1 }), -EINVAL);
  assert.equal(context.run({ ...vector, nbytes: 1 }), 8);
});

test("iovecs are copied before they are checked in 3.4, and each is checked in turn", () => {
  using file = new TempFile(EIGHT);
  for (const release of RELEASES) {
    const context = new PortableContext({ release });
    const { data, dataAddress } = context;
    const view = new DataView(data.buffer, data.byteOffset);
    const vector = { opcode: IOCB_CMD_PREADV, fildes: file.fd, nbytes: 2 };
    writeIovec(view, 0, BEYOND, 8);
    view.setInt32(28, -1, true);
    const errno = release === "3.4" ? EFAULT : EINVAL;
    assert.equal(context.run({ ...vector, buf: dataAddress }), -errno, release);
    // The second lies behind the end of memory.
    const last = data.length - 16;
    view.setInt32(last + 12, -1, true);
    assert.equal(context.run({ ...vector, buf: dataAddress + last }), -errno, release);
  }
});

test("io_submit checks the whole array first in 3.4, after the context today", () => {
  using file = new TempFile(EIGHT);
  for (const release of RELEASES) {
    const context = new PortableContext({ release });
    const { kernel, id, dataAddress } = context;
    const old = release === "3.4";
    assert.equal(kernel.io_submit(0, 1, BEYOND), old ? -EFAULT : -EINVAL);
    assert.equal(kernel.io_submit(id, 0, BEYOND), old ? -EFAULT : 0);
    assert.equal(kernel.io_submit(id, -1, BEYOND), -EINVAL);
    context.iocb(0, { fildes: file.fd });
    const pointers = new BigUint64Array(context.data.buffer, context.data.byteOffset, 1);
    pointers[0] = BigInt(context.iocbAddress(0));
    assert.equal(kernel.io_submit(id, 2 ** 52, dataAddress), old ? -EFAULT : 1);
    assert.equal(context.getevents(1, 1, 0), old ? 0 : 1);
  }
});

test("a read that comes to missing memory is read on in 3.4, which fails unless the file ends", () => {
  using file = new TempFile(new Uint8Array(100).fill(9));
  for (const release of RELEASES) {
    const context = new PortableContext({ release });
    const { data, dataAddress } = context;
    const buf = dataAddress + data.length - 30;
    const read = { fildes: file.fd, buf, nbytes: 60 };
    assert.equal(context.run(read), release === "3.4" ? -EFAULT : 30, release);
    assert.equal(data.at(-1), 9);
    assert.equal(context.run({ ...read, offset: 70 }), 30);
    assert.equal(context.run({ ...read, opcode: IOCB_CMD_PWRITE }), 30);
  }
});
