import assert from "node:assert/strict";
import { test } from "node:test";
import { AIO_RING_MAGIC } from "../../src/abi/aio_ring.ts";
import { EAGAIN, EINVAL } from "../../src/abi/errno.ts";
import { IOCB_CMD_POLL } from "../../src/abi/opcodes.ts";
import { PortableKernel, type PortableKernelOptions } from "../../src/portable/mod.ts";
import { RingCredits } from "../../src/portable/credits.ts";
import type { Ring } from "../../src/portable/ring.ts";
import { PortableContext } from "../support/portable_context.ts";
import { TempFile } from "../support/temp.ts";

function setup(options: PortableKernelOptions, entries: number): number {
  return new PortableKernel(options).io_setup(entries, new BigUint64Array(1));
}

function nr(options: PortableKernelOptions, entries: number): number {
  return new PortableContext(options, entries).nr;
}

test("the ring fills whole pages, twice what was asked for today, once in 3.4", () => {
  const today: [number, number][] = [[1, 127], [62, 127], [63, 255], [126, 255], [127, 383]];
  today.push([254, 511], [512, 1151], [1024, 2175], [65535, 131199]);
  for (const [entries, events] of today) assert.equal(nr({ cpus: 2 }, entries), events);
  assert.equal(nr({ cpus: 16 }, 1), 255);
  assert.equal(nr({ cpus: 64 }, 1), 639);
  const old: [number, number][] = [[1, 127], [125, 127], [126, 255], [253, 255], [254, 383]];
  for (const [entries, events] of old) assert.equal(nr({ release: "3.4" }, entries), events);
});

test("the header says what the kernel says, and its id is an index today, the address in 3.4", () => {
  const kernel = new PortableKernel({ cpus: 2 });
  const contexts = [0, 1, 2].map(() => new PortableContext(kernel, 1));
  assert.deepEqual(contexts.map(({ ring }) => ring[0]), [0, 1, 2]);
  assert.deepEqual([...contexts[0]!.ring.subarray(1, 8)], [
    127,
    0,
    0,
    AIO_RING_MAGIC | 0,
    1,
    0,
    32,
  ]);
  kernel.io_destroy(contexts[1]!.id);
  assert.equal(new PortableContext(kernel, 1).ring[0], 1);
  const old = new PortableContext({ release: "3.4" }, 1);
  assert.equal(old.ring[0]! >>> 0, old.id % 2 ** 32);
});

test("io_setup refuses in the order of the kernel", () => {
  const kernel = new PortableKernel({ cpus: 2 });
  assert.equal(kernel.io_setup(1, new BigUint64Array([1n])), -EINVAL);
  const today: [number, number][] = [[0, EINVAL], [4194305, EINVAL], [4194304, EAGAIN]];
  today.push([65537, EAGAIN], [0x80000000, EAGAIN], [0x80000001, EAGAIN], [0xffffffff, EINVAL]);
  for (const [entries, errno] of today) assert.equal(setup({ cpus: 2 }, entries), -errno);
  // 256 MiB hold no more requests of 216 bytes each.
  const old: [number, number][] = [[0, EINVAL], [8388608, EINVAL], [5592406, EINVAL]];
  old.push([1242757, EINVAL], [1242756, EAGAIN], [65537, EAGAIN], [0xffffffff, EINVAL]);
  for (const [entries, errno] of old) assert.equal(setup({ release: "3.4" }, entries), -errno);
});

test("what all contexts were made for is held against aioMaxNr, and given back", () => {
  const kernel = new PortableKernel({ aioMaxNr: 100 });
  const first = new PortableContext(kernel, 60);
  assert.deepEqual(kernel.limits(), { aioNr: 60, aioMaxNr: 100 });
  assert.equal(kernel.io_setup(41, new BigUint64Array(1)), -EAGAIN);
  new PortableContext(kernel, 40);
  assert.equal(kernel.limits().aioNr, 100);
  assert.equal(kernel.io_destroy(first.id), 0);
  assert.equal(kernel.limits().aioNr, 40);
});

test("the account is settled when io_destroy begins today, when all has ended in 3.4", () => {
  for (const [release, during] of [["6.18", 0], ["3.4", 5]] as const) {
    using file = new TempFile(new Uint8Array(8));
    const context = new PortableContext({ release }, 5);
    const { kernel, dataAddress } = context;
    context.iocb(0, { fildes: file.fd, buf: dataAddress, nbytes: 8 });
    assert.equal(context.submit(0), 1);
    const seen: number[] = [];
    // While io_destroy waits for the read, and as another thread would
    kernel.after(0, () => seen.push(kernel.limits().aioNr));
    assert.equal(kernel.io_destroy(context.id), 0);
    assert.deepEqual(seen, [during], release);
    assert.equal(kernel.limits().aioNr, 0);
  }
});

test("places are taken in batches of each processor today, of 32 in 3.4", () => {
  using file = new TempFile(new Uint8Array(1));
  const fill = (context: PortableContext, opcode: number): number => {
    let count = 0;
    context.iocb(0, { opcode, fildes: file.fd, buf: opcode === 0 ? 0 : 1 });
    while (context.submit(0) === 1) count++;
    assert.equal(context.submit(0), -EAGAIN);
    return count;
  };
  assert.equal(fill(new PortableContext({ cpus: 2 }, 1), IOCB_CMD_POLL), 120);
  assert.equal(fill(new PortableContext({ cpus: 2 }, 126), IOCB_CMD_POLL), 248);
  assert.equal(fill(new PortableContext({ release: "3.4" }, 1), 0), 126);
});

test("a submission of 3.4 takes 32 places ahead, and gives back what it did not use", () => {
  using file = new TempFile(new Uint8Array(1));
  const context = new PortableContext({ release: "3.4" }, 1);
  for (let index = 0; index < 100; index++) context.iocb(index, { fildes: file.fd });
  context.iocb(40, { fildes: file.fd, opcode: 99 });
  const all = Array.from({ length: 100 }, (_, index) => index);
  assert.equal(context.submit(...all), 40);
  context.events(40);
  context.iocb(40, { fildes: file.fd });
  // Of 126 places none is missing
  assert.equal(context.submit(...all), 100);
  assert.equal(context.submit(...all), 26);
  assert.equal(context.submit(...all), -EAGAIN);
});

test("3.4 looks at the room of the ring once for 32 requests", () => {
  const ring = { nr: 127, unread: 0 };
  const credits = new RingCredits(ring as Ring);
  credits.begin(100);
  assert.ok(credits.take());
  ring.unread = 126;
  for (let ahead = 1; ahead < 32; ahead++) assert.ok(credits.take());
  assert.equal(credits.take(), false);
});

test("what was completed and not read takes up room: no event is lost", () => {
  for (const release of ["6.18", "3.4"] as const) {
    using file = new TempFile(new Uint8Array(1));
    const context = new PortableContext({ release, cpus: 2 }, 1);
    const room = release === "3.4" ? 126 : 120;
    for (let round = 0; round < 3; round++) {
      let count = 0;
      context.iocb(0, { fildes: file.fd });
      while (context.submit(0) === 1) context.getevents(0, 0, 0), count++;
      assert.equal(count, room);
      assert.equal(context.events(room).length, room);
    }
  }
});

test("events read in user space make room at the next io_submit that finds none", () => {
  using file = new TempFile(new Uint8Array(1));
  const context = new PortableContext({ cpus: 2 }, 1);
  context.iocb(0, { opcode: IOCB_CMD_POLL, fildes: file.fd, buf: 1 });
  let count = 0;
  while (context.submit(0) === 1) count++;
  assert.equal(context.submit(0), -EAGAIN);
  Atomics.store(context.ring, 2, 30);
  let more = 0;
  while (context.submit(0) === 1) more++;
  assert.equal(count, 120);
  assert.equal(more, 30);
});

test("events are read oldest first around the end of the ring", () => {
  using file = new TempFile(new Uint8Array(1));
  const context = new PortableContext({ cpus: 2 }, 1);
  for (let round = 0; round < 60; round++) {
    for (let index = 0; index < 7; index++) {
      const data = 7 * round + index;
      context.iocb(index, { opcode: IOCB_CMD_POLL, fildes: file.fd, buf: 1, data });
    }
    assert.equal(context.submit(0, 1, 2, 3, 4, 5, 6), 7);
    const data = context.events(7).map(({ data }) => data);
    assert.deepEqual(data, [0, 1, 2, 3, 4, 5, 6].map((index) => 7 * round + index));
  }
});

test("a header that was overwritten: id is looked up, head counts modulo nr, the rest is ignored", () => {
  using file = new TempFile(new Uint8Array(1));
  const context = new PortableContext({ cpus: 2 }, 1);
  const { ring, nr } = context;
  context.iocb(0, { opcode: IOCB_CMD_POLL, fildes: file.fd, buf: 1 });
  ring.set([7], 0);
  assert.equal(context.submit(0), -EINVAL);
  ring.set([0, 1, 0, 0, 2, 3, 4, 5], 0);
  assert.equal(context.submit(0, 0), 2);
  ring[2] = 127;
  assert.equal(context.getevents(0, 10, 0), 2);
  assert.equal(ring[2], 2);
  ring[2] = 3;
  assert.equal(context.getevents(0, 200, 0), 126);
  assert.equal(nr, 127);
});
