/** How the kernel with retries reads events and waits for them, by the text of its fs/aio.c. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { EFAULT, EINTR, EINVAL } from "../../src/abi/errno.ts";
import { IO_EVENT_SIZE } from "../../src/abi/io_event.ts";
import { PortableKernel } from "../../src/portable/mod.ts";
import { PortableContext } from "../support/portable_context.ts";
import { EIGHT, kernel34, RELEASES, trivial, waiting } from "../support/kernel_3_4.ts";

const NOWHERE = 8;

/** The events of requests that complete at once. */
function completed(context: PortableContext, count: number): void {
  const indexes = Array.from({ length: count }, (_, index) => index);
  for (const index of indexes) trivial(context, index);
  assert.equal(context.submit(...indexes), count);
}

test("a lost event is an error only if there are too few others; those behind it stay", () => {
  const { kernel, context } = kernel34();
  const room = (count: number) => {
    const { address } = kernel.allocate(IO_EVENT_SIZE * (count + 1));
    return address + IO_EVENT_SIZE;
  };
  completed(context, 3);
  assert.equal(kernel.io_getevents(context.id, 3, 3, room(1), 0), -EFAULT);
  assert.equal(context.getevents(0, 3, 0), 1);
  assert.equal(context.taken(1)[0]!.data, 2);
  completed(context, 3);
  assert.equal(kernel.io_getevents(context.id, 0, 3, NOWHERE, 0), 0);
  assert.equal(context.getevents(0, 3, 0), 2);
  completed(context, 3);
  assert.equal(kernel.io_getevents(context.id, 1, 3, room(1), 0), 1);
  assert.equal(context.getevents(0, 3, 0), 1);
});

test("an event that cannot be copied ends the wait at once", () => {
  for (const before of [0, 1]) {
    const { kernel, context } = kernel34({ seed: 1 });
    if (before === 1) completed(context, 1);
    const pipe = waiting(context, 1);
    kernel.after(5, () => pipe.write(EIGHT));
    const { address } = kernel.allocate(IO_EVENT_SIZE);
    // Room for what is there before the wait
    const events = address + IO_EVENT_SIZE * (1 - before);
    const { data, dataAddress } = context;
    new BigInt64Array(data.buffer, data.byteOffset + 64, 2)[0] = 10n;
    const timeout = dataAddress + 64;
    const res = kernel.io_getevents(context.id, 2, 3, events, timeout);
    assert.equal(res, before === 1 ? 1 : -EFAULT);
    // Of the virtual clock
    assert.ok(kernel.now() < 1000, `${kernel.now()}`);
    assert.equal(context.getevents(0, 3, 0), 0);
  }
});

test("the run list comes before the timeout is read, and before a signal", () => {
  const { kernel, context } = kernel34();
  const { id, eventsAddress } = context;
  waiting(context, 0).write(EIGHT);
  assert.equal(kernel.io_getevents(id, 1, 1, eventsAddress, NOWHERE), 1);
  waiting(context, 0).write(EIGHT);
  kernel.interrupt();
  assert.equal(context.getevents(1, 1), 1);
  assert.equal(context.getevents(1, 1), -EINTR);
  waiting(context, 0);
  assert.equal(kernel.io_getevents(id, 1, 1, eventsAddress, NOWHERE), -EFAULT);
});

test("without time a wait is over before it looks for a signal, which stays pending", () => {
  const { kernel, context } = kernel34();
  waiting(context, 0);
  kernel.interrupt();
  assert.equal(context.getevents(1, 1, 0), 0);
  assert.equal(context.getevents(1, 1, 10), -EINTR);
});

test("the tail of the header is compared as it is in 3.4, modulo nr today", () => {
  for (const release of RELEASES) {
    const context = new PortableContext({ release, cpus: 2 }, 1);
    const { ring, nr } = context;
    ring[3] = nr;
    assert.equal(context.getevents(0, 5, 0), release === "3.4" ? 5 : 0);
    assert.equal(ring[2], release === "3.4" ? 5 : 0);
    // Both as they are
    ring[2] = nr;
    assert.equal(context.getevents(0, 5, 0), 0);
    // The head counts modulo nr
    ring[2] = nr + 3;
    ring[3] = 3;
    assert.equal(context.getevents(0, 5, 0), 0);
    ring[3] = 5;
    assert.equal(context.getevents(0, 5, 0), 2);
    assert.equal(ring[2], 5);
  }
});

test("a waiter holds the context, so its share of aio_nr is given back when it leaves", () => {
  for (const [release, during] of [["3.4", 8], ["6.18", 0]] as const) {
    const kernel = new PortableKernel({ release });
    const context = new PortableContext(kernel);
    waiting(context, 0);
    const seen: number[] = [];
    kernel.after(5, () => seen.push(kernel.io_destroy(context.id), kernel.limits().aioNr));
    assert.equal(context.getevents(1, 1), -EINVAL);
    assert.deepEqual(seen, [0, during], release);
    assert.equal(kernel.limits().aioNr, 0);
    assert.equal(context.ring.length, 0);
  }
});
