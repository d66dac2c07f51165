import assert from "node:assert/strict";
import { test } from "node:test";
import { AIO_RING_HEADER_SIZE, AIO_RING_MAGIC, AioRing } from "../../src/abi/aio_ring.ts";
import { IOCB_CMD_FSYNC, IOCB_CMD_POLL } from "../../src/abi/opcodes.ts";
import { POLLOUT } from "../../src/abi/poll.ts";
import { Pollable } from "../support/pollable.ts";
import { RawContext } from "../support/raw_context.ts";
import { linuxOnly, real } from "../support/real_kernel.ts";
import { TempFile } from "../support/temp.ts";
import { HANG_MILLISECONDS } from "../support/within.ts";

const LATER = linuxOnly("the event loop does the work, and stands still meanwhile");
const VIEWS = linuxOnly("the ring is one buffer, and not seen through views");

/** Submits polls that are ready at once: their events are in the ring when this returns. */
function complete(context: RawContext, fifo: Pollable, ...indexes: number[]): void {
  for (const index of indexes) {
    context.iocb(index, { opcode: IOCB_CMD_POLL, fildes: fifo.writeFd, buf: POLLOUT });
  }
  assert.equal(context.submit(...indexes), indexes.length);
}

function reap(ring: AioRing, maximum?: number): number[] {
  const data: number[] = [];
  ring.reap((event) => void data.push(event.data), maximum);
  return data;
}

test("the ring of a new context is usable, empty, and has room for what was asked for", () => {
  using context = new RawContext(100);
  const ring = new AioRing(real, context.id);
  assert.equal(ring.usable, true);
  assert.equal(ring.magic, AIO_RING_MAGIC);
  assert.equal(ring.compatFeatures, 1);
  assert.equal(ring.incompatFeatures, 0);
  assert.equal(ring.headerLength, AIO_RING_HEADER_SIZE);
  assert.ok(ring.nr > 100);
  assert.deepEqual([ring.head, ring.tail, ring.available()], [0, 0, 0]);
  assert.deepEqual(reap(ring), []);
});

test("events reaped from the ring are those that io_getevents would have given", () => {
  using fifo = new Pollable();
  using context = new RawContext(8);
  const ring = new AioRing(real, context.id);
  complete(context, fifo, 3, 1, 4);
  assert.equal(ring.available(), 3);
  const events: unknown[] = [];
  ring.reap(({ data, obj, res, res2 }) => void events.push([data, obj, res & POLLOUT, res2]));
  assert.deepEqual(events, [3, 1, 4].map((i) => [i, context.iocbAddress(i), POLLOUT, 0]));
  assert.deepEqual(context.events(0), []);
});

test("ring and io_getevents take turns without losing or doubling an event", () => {
  using fifo = new Pollable();
  using context = new RawContext(8);
  const ring = new AioRing(real, context.id);
  complete(context, fifo, 0, 1, 2, 3);
  assert.deepEqual(reap(ring, 1), [0]);
  assert.deepEqual(context.events(1, 2).map(({ data }) => data), [1, 2]);
  assert.deepEqual(reap(ring), [3]);
  assert.equal(ring.available(), 0);
});

test("slots come back by reaping alone, around the end of the ring", () => {
  using fifo = new Pollable();
  using context = new RawContext(8);
  const ring = new AioRing(real, context.id);
  for (let done = 0; done < 3 * ring.nr; done += 5) {
    complete(context, fifo, 0, 1, 2, 3, 4);
    assert.deepEqual(reap(ring), [0, 1, 2, 3, 4]);
  }
});

test("an event that comes later is seen when it comes", LATER, () => {
  using file = new TempFile(new Uint8Array(100));
  using context = new RawContext(1);
  const ring = new AioRing(real, context.id);
  context.iocb(0, { opcode: IOCB_CMD_FSYNC, fildes: file.fd });
  assert.equal(context.submit(0), 1);
  const end = performance.now() + HANG_MILLISECONDS;
  while (ring.available() === 0) assert.ok(performance.now() < end, "no event came");
  assert.deepEqual(reap(ring), [0]);
});

test("io_destroy detaches the ring and every view on it", VIEWS, () => {
  const context = new RawContext(8);
  const ring = new AioRing(real, context.id);
  const header = real.view(context.id, AIO_RING_HEADER_SIZE);
  const events = real.view(context.id + 64, 32);
  const elsewhere = real.view(context.dataAddress, 32);
  assert.equal(ring.usable, true);
  context.destroy();
  assert.equal(ring.usable, false);
  assert.equal(ring.words.length, 0);
  assert.deepEqual([ring.nr, ring.head, ring.tail, ring.magic], [0, 0, 0, 0]);
  assert.deepEqual([header.byteLength, events.byteLength], [0, 0]);
  assert.equal(elsewhere.byteLength, 32);
  assert.throws(() => reap(ring), /detached/);
});

test("io_destroy leaves the rings of other contexts alone", () => {
  using fifo = new Pollable();
  using other = new RawContext(8);
  const ring = new AioRing(real, other.id);
  new RawContext(8).destroy();
  complete(other, fifo, 6);
  assert.deepEqual(reap(ring), [6]);
});

test("a detached ring is not touched, and its context goes on", VIEWS, () => {
  using fifo = new Pollable();
  using context = new RawContext(8);
  const ring = new AioRing(real, context.id);
  complete(context, fifo, 7);
  ring.detach();
  ring.detach();
  assert.equal(ring.usable, false);
  assert.throws(() => reap(ring), /detached/);
  assert.deepEqual(context.events(1).map(({ data }) => data), [7]);
});
