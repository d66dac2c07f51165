import assert from "node:assert/strict";
import { test } from "node:test";
import { EFAULT, EINPROGRESS, EINVAL } from "../../src/abi/errno.ts";
import { IOCB_CMD_FSYNC, IOCB_CMD_POLL } from "../../src/abi/opcodes.ts";
import { POLLIN } from "../../src/abi/poll.ts";
import { Pollable } from "../support/pollable.ts";
import { RawContext } from "../support/raw_context.ts";
import { real } from "../support/real_kernel.ts";
import { TempFile } from "../support/temp.ts";

test("io_cancel of a poll is EINPROGRESS, and its event comes by the ring", () => {
  using fifo = new Pollable();
  using context = new RawContext(2);
  context.iocb(1, { opcode: IOCB_CMD_POLL, fildes: fifo.fd, buf: POLLIN, data: 42 });
  assert.equal(context.submit(1), 1);
  const cancel = () => real.io_cancel(context.id, context.iocbAddress(1), context.eventsAddress);
  assert.equal(cancel(), -EINPROGRESS);
  assert.equal(cancel(), -EINVAL);
  assert.deepEqual(context.events(1), [
    { data: 42, obj: context.iocbAddress(1), res: 0, res2: 0 },
  ]);
  assert.deepEqual(context.events(0), []);
});

test("io_cancel of what has completed, or never was submitted, is EINVAL", () => {
  using file = new TempFile(new Uint8Array(1));
  using context = new RawContext(2);
  for (const index of [0, 1]) context.iocb(index, { opcode: IOCB_CMD_FSYNC, fildes: file.fd });
  assert.equal(context.submit(0), 1);
  context.events(1);
  for (const index of [0, 1]) {
    assert.equal(
      real.io_cancel(context.id, context.iocbAddress(index), context.eventsAddress),
      -EINVAL,
    );
  }
});

test("io_cancel wants aio_key to be 0", () => {
  using fifo = new Pollable();
  using context = new RawContext(1);
  const iocb = context.iocb(0, { opcode: IOCB_CMD_POLL, fildes: fifo.fd, buf: POLLIN });
  assert.equal(context.submit(0), 1);
  const cancel = () => real.io_cancel(context.id, context.iocbAddress(0), context.eventsAddress);
  iocb.key = 1;
  assert.equal(cancel(), -EINVAL);
  iocb.key = 0;
  assert.equal(cancel(), -EINPROGRESS);
  context.events(1);
});

test("io_cancel of an iocb that is not there is EFAULT, in no context EINVAL", () => {
  using context = new RawContext(1);
  context.iocb(0, {});
  assert.equal(real.io_cancel(context.id, 0, context.eventsAddress), -EFAULT);
  assert.equal(real.io_cancel(0, context.iocbAddress(0), context.eventsAddress), -EINVAL);
});

test("io_destroy ends a poll that nothing else would end", () => {
  using fifo = new Pollable();
  const context = new RawContext(1);
  context.iocb(0, { opcode: IOCB_CMD_POLL, fildes: fifo.fd, buf: POLLIN });
  assert.equal(context.submit(0), 1);
  assert.equal(context.destroy(), 0);
});
