import assert from "node:assert/strict";
import { test } from "node:test";
import {
  AIO_SIGSET_SIGSETSIZE,
  AIO_SIGSET_SIZE,
  writeAioSigset,
} from "../../src/abi/aio_sigset.ts";
import { EFAULT, EINVAL } from "../../src/abi/errno.ts";
import { IOCB_CMD_FSYNC, IOCB_CMD_POLL } from "../../src/abi/opcodes.ts";
import { POLLIN, POLLRDNORM } from "../../src/abi/poll.ts";
import { Pollable } from "../support/pollable.ts";
import { RawContext } from "../support/raw_context.ts";
import { real } from "../support/real_kernel.ts";
import { TempFile } from "../support/temp.ts";

test("io_getevents takes no more events than there is room for, oldest first", () => {
  using fifo = new Pollable();
  using context = new RawContext(8);
  const poll = { opcode: IOCB_CMD_POLL, fildes: fifo.fd, buf: POLLIN };
  fifo.fill();
  for (let index = 0; index < 5; index++) {
    context.iocb(index, poll);
    assert.equal(context.submit(index), 1);
  }
  assert.deepEqual(context.events(2, 2).map(({ data }) => data), [0, 1]);
  assert.deepEqual(context.events(1, 8).map(({ data }) => data), [2, 3, 4]);
  assert.deepEqual(context.events(0, 8), []);
});

test("io_getevents returns what came when its time is up", () => {
  using fifo = new Pollable();
  using context = new RawContext(4);
  context.iocb(0, { opcode: IOCB_CMD_POLL, fildes: fifo.fd, buf: POLLIN });
  assert.equal(context.submit(0), 1);
  const wait = () => context.wait(1, 4, 30_000);
  const end = performance.now() + 30;
  assert.equal(wait(), 0);
  assert.ok(performance.now() > end - 1, "it gave up before its time");
  fifo.fill();
  assert.equal(wait(), 1);
  assert.equal(context.eventsTaken(1)[0]!.res & POLLIN, POLLIN);
});

test("io_getevents with a timeout of zero never waits", () => {
  using context = new RawContext(1);
  // It would wait for ever
  assert.equal(real.io_getevents(context.id, 1, 1, context.eventsAddress, context.timeout(0)), 0);
});

test("io_getevents without a timeout waits for as many as it was asked for", () => {
  using file = new TempFile(new Uint8Array(1));
  using context = new RawContext(3);
  for (const index of [0, 1, 2]) {
    context.iocb(index, { opcode: IOCB_CMD_FSYNC, fildes: file.fd });
  }
  assert.equal(context.submit(0, 1, 2), 3);
  assert.equal(real.io_getevents(context.id, 3, 3, context.eventsAddress, 0), 3);
});

test("io_getevents refuses a minimum below 0 or above the room, and no context", () => {
  using context = new RawContext(1);
  const { id, eventsAddress } = context;
  const now = context.timeout(0);
  assert.equal(real.io_getevents(id, -1, 1, eventsAddress, now), -EINVAL);
  assert.equal(real.io_getevents(id, 2, 1, eventsAddress, now), -EINVAL);
  assert.equal(real.io_getevents(id, 0, -1, eventsAddress, now), -EINVAL);
  assert.equal(real.io_getevents(0, 0, 1, eventsAddress, now), -EINVAL);
  assert.equal(real.io_getevents(id, 0, 0, eventsAddress, now), 0);
});

test("io_getevents to memory that is not there is EFAULT and loses nothing", () => {
  using file = new TempFile(new Uint8Array(1));
  using context = new RawContext(1);
  context.iocb(0, { opcode: IOCB_CMD_FSYNC, fildes: file.fd });
  assert.equal(context.submit(0), 1);
  assert.equal(real.io_getevents(context.id, 1, 1, 0, context.timeout(10e6)), -EFAULT);
  assert.equal(context.events(1).length, 1);
});

test("io_pgetevents takes events as io_getevents does, with and without a signal mask", () => {
  using fifo = new Pollable();
  using context = new RawContext(2);
  const { id, eventsAddress, data, dataAddress } = context;
  fifo.fill();
  for (const index of [0, 1]) {
    context.iocb(index, { opcode: IOCB_CMD_POLL, fildes: fifo.fd, buf: POLLIN });
  }
  assert.equal(context.submit(0, 1), 2);
  const timeout = context.timeout(10e6);
  assert.equal(real.io_pgetevents(id, 1, 1, eventsAddress, timeout, 0), 1);
  // All signals blocked while it waits
  data.fill(0xff, AIO_SIGSET_SIZE, AIO_SIGSET_SIZE + 8);
  const sigset = new DataView(data.buffer, data.byteOffset);
  writeAioSigset(sigset, 0, dataAddress + AIO_SIGSET_SIZE);
  assert.equal(real.io_pgetevents(id, 1, 1, eventsAddress, timeout, dataAddress), 1);
  const [event] = context.eventsTaken(1);
  assert.equal(event!.data, 1);
  assert.equal(event!.res & ~POLLRDNORM, POLLIN);
});

test("io_pgetevents refuses a mask of another size, and one that is not there", () => {
  using context = new RawContext(1);
  const { id, eventsAddress, data, dataAddress } = context;
  const sigset = new DataView(data.buffer, data.byteOffset);
  writeAioSigset(sigset, 0, dataAddress + AIO_SIGSET_SIZE);
  sigset.setUint32(AIO_SIGSET_SIGSETSIZE, 7, true);
  const now = context.timeout(0);
  assert.equal(real.io_pgetevents(id, 0, 1, eventsAddress, now, dataAddress), -EINVAL);
  assert.equal(real.io_pgetevents(id, 0, 1, eventsAddress, now, 8), -EFAULT);
  assert.equal(real.io_pgetevents(id, -1, 1, eventsAddress, now, 0), -EINVAL);
});
