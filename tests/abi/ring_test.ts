import assert from "node:assert/strict";
import { test } from "node:test";
import {
  AIO_RING_COMPAT_FEATURES,
  AIO_RING_HEADER_SIZE,
  AIO_RING_INCOMPAT_FEATURES,
  AIO_RING_MAGIC,
  AioRing,
  type IoEvent,
} from "../../src/abi/mod.ts";
import type { Kernel } from "../../src/kernel.ts";

const CONTEXT = 0x7f12_3456_7000;

/** Words of the header, in the order of struct aio_ring; word 0 is the id. */
const NR = 1, HEAD = 2, TAIL = 3, MAGIC = 4, COMPAT = 5, INCOMPAT = 6, LENGTH = 7;

/** Memory that looks like a context's ring, and the part of a kernel that shows it. */
class FakeRing {
  readonly words: Uint32Array<ArrayBuffer>;
  readonly nr: number;
  readonly asked: number[] = [];

  constructor(nr: number) {
    this.nr = nr;
    this.words = new Uint32Array(8 * (nr + 1));
    this.words.set([5, nr, 0, 0, AIO_RING_MAGIC, 1, 0, 32]);
  }

  /** Does as the kernel does: the event first, the tail that covers it after. */
  complete(data: number, res: number): void {
    this.write(data, res);
    this.words[TAIL] = (this.words[TAIL]! + 1) % this.nr;
  }

  write(data: number, res: number): void {
    const event = new DataView(this.words.buffer, 32 * (1 + this.words[TAIL]!), 32);
    event.setBigUint64(0, BigInt(data), true);
    event.setBigUint64(8, BigInt(0x7000 + data), true);
    event.setBigInt64(16, BigInt(res), true);
    event.setBigInt64(24, 0n, true);
  }

  get kernel(): Kernel {
    const view = (address: number, byteLength: number): ArrayBuffer => {
      assert.equal(address, CONTEXT);
      this.asked.push(byteLength);
      const { buffer } = this.words;
      // An ArrayBuffer cannot lie over part of another; a copy will do, as it is the header only.
      return byteLength === buffer.byteLength ? buffer : buffer.slice(0, byteLength);
    };
    return { view } as Partial<Kernel> as Kernel;
  }

  open(): AioRing {
    return new AioRing(this.kernel, CONTEXT);
  }
}

function reapData(ring: AioRing, maximum?: number): number[] {
  const seen: number[] = [];
  const count = ring.reap((event) => void seen.push(event.data), maximum);
  assert.equal(count, seen.length);
  return seen;
}

test("the fields of a ring are those of its header", () => {
  const fake = new FakeRing(127);
  fake.words[HEAD] = 3;
  fake.words[TAIL] = 9;
  const ring = fake.open();
  assert.equal(ring.usable, true);
  assert.equal(ring.id, 5);
  assert.equal(ring.nr, 127);
  assert.equal(ring.head, 3);
  assert.equal(ring.tail, 9);
  assert.equal(ring.magic, 0xa10a10a1);
  assert.equal(ring.compatFeatures, AIO_RING_COMPAT_FEATURES);
  assert.equal(ring.incompatFeatures, AIO_RING_INCOMPAT_FEATURES);
  assert.equal(ring.headerLength, AIO_RING_HEADER_SIZE);
});

test("a usable ring is viewed up to its last event and no further", () => {
  const fake = new FakeRing(127);
  assert.equal(fake.open().words.length, 8 * 128);
  assert.deepEqual(fake.asked, [32, 4096]);
});

for (
  const [what, index, value] of [
    ["another magic number", MAGIC, 0xa10a10a2],
    ["no magic number", MAGIC, 0],
    ["an incompatible feature", INCOMPAT, 1],
    ["a longer header", LENGTH, 128],
    ["no events", NR, 0],
  ] as const
) {
  test(`a ring with ${what} is not usable, and only its header is touched`, () => {
    const fake = new FakeRing(7);
    fake.words[index] = value;
    const ring = fake.open();
    assert.equal(ring.usable, false);
    assert.deepEqual(fake.asked, [32]);
    assert.equal(ring.words.length, 8);
    assert.equal(ring.available(), -1);
    assert.throws(() => ring.reap(() => {}), /Cannot reap ring: its header is not usable/);
    assert.throws(() => ring.advance(0), /Cannot advance ring: its header is not usable/);
    assert.equal(ring.id, 5);
    assert.equal(ring.magic, fake.words[MAGIC]);
  });
}

test("an unknown compatible feature does no harm", () => {
  const fake = new FakeRing(7);
  fake.words[COMPAT] = 0xffff_ffff;
  const ring = fake.open();
  assert.equal(ring.usable, true);
  assert.equal(ring.compatFeatures, 0xffff_ffff);
});

test("a header that is overwritten later does not change where events are looked for", () => {
  const fake = new FakeRing(7);
  const ring = fake.open();
  fake.words[NR] = 1_000_000;
  fake.words[INCOMPAT] = 1;
  fake.words[MAGIC] = 0;
  fake.complete(1, 0);
  assert.equal(ring.nr, 7);
  assert.equal(ring.usable, true);
  assert.equal(ring.magic, 0);
  assert.deepEqual(reapData(ring), [1]);
});

test("an event becomes visible only with the tail that covers it", () => {
  const fake = new FakeRing(7);
  const ring = fake.open();
  fake.write(1, 4096);
  assert.equal(ring.available(), 0);
  assert.deepEqual(reapData(ring), []);
  fake.complete(1, 4096);
  assert.equal(ring.available(), 1);
  assert.deepEqual(reapData(ring), [1]);
  assert.equal(ring.available(), 0);
});

test("the number available is right for every head and tail", () => {
  const fake = new FakeRing(7);
  const ring = fake.open();
  for (let head = 0; head < 7; head++) {
    for (let count = 0; count < 7; count++) {
      fake.words[HEAD] = head;
      fake.words[TAIL] = (head + count) % 7;
      assert.equal(ring.available(), count, `head ${head}`);
    }
  }
});

test("events are visited oldest first, across the end of the ring", () => {
  const fake = new FakeRing(5);
  const ring = fake.open();
  let next = 0, expected = 0;
  for (let round = 0; round < 20; round++) {
    const count = round % 5;
    for (let i = 0; i < count; i++) fake.complete(next++, 0);
    for (const data of reapData(ring)) assert.equal(data, expected++);
    assert.equal(expected, next);
    assert.equal(fake.words[HEAD], next % 5);
  }
});

test("every field of an event is read, with the sign of its result", () => {
  const fake = new FakeRing(7);
  fake.complete(Number.MAX_SAFE_INTEGER - 0x7000, -22);
  fake.open().reap((event) => {
    assert.equal(event.data, Number.MAX_SAFE_INTEGER - 0x7000);
    assert.equal(event.obj, Number.MAX_SAFE_INTEGER);
    assert.equal(event.res, -22);
    assert.equal(event.res2, 0);
  });
});

test("every visit gets the same object", () => {
  const fake = new FakeRing(7);
  fake.complete(1, 0);
  fake.complete(2, 0);
  const seen = new Set<IoEvent>();
  fake.open().reap((event) => void seen.add(event));
  assert.equal(seen.size, 1);
});

test("a maximum leaves the other events for later", () => {
  const fake = new FakeRing(7);
  const ring = fake.open();
  for (let i = 0; i < 6; i++) fake.complete(i, 0);
  assert.deepEqual(reapData(ring, 0), []);
  assert.deepEqual(reapData(ring, 4), [0, 1, 2, 3]);
  assert.equal(fake.words[HEAD], 4);
  assert.deepEqual(reapData(ring, 4), [4, 5]);
});

test("a maximum that is not a count is refused before anything is visited", () => {
  const fake = new FakeRing(7);
  fake.complete(1, 0);
  const ring = fake.open();
  for (const maximum of [-1, 1.5, NaN, -Infinity]) {
    assert.throws(() => reapData(ring, maximum), RangeError, `${maximum}`);
  }
  assert.equal(ring.available(), 1);
});

test("places are given back only after the last visit", () => {
  const fake = new FakeRing(7);
  for (let i = 0; i < 3; i++) fake.complete(i, 0);
  const ring = fake.open();
  ring.reap(() => assert.equal(fake.words[HEAD], 0));
  assert.equal(fake.words[HEAD], 3);
});

test("an event that completes during a reap waits for the next one", () => {
  const fake = new FakeRing(7);
  fake.complete(0, 0);
  const ring = fake.open();
  assert.equal(ring.reap(() => fake.complete(1, 0)), 1);
  assert.deepEqual(reapData(ring), [1]);
});

test("the event at which a visitor throws counts as read, those after it do not", () => {
  const fake = new FakeRing(7);
  for (let i = 0; i < 4; i++) fake.complete(i, 0);
  const ring = fake.open();
  assert.throws(
    () =>
      ring.reap((event) => {
        if (event.data === 1) throw new TypeError("visitor");
      }),
    { name: "TypeError", message: "visitor" },
  );
  assert.equal(fake.words[HEAD], 2);
  assert.deepEqual(reapData(ring), [2, 3]);
});

test("a visitor can neither reap nor advance, and loses no event by trying", () => {
  const fake = new FakeRing(7);
  for (let i = 0; i < 3; i++) fake.complete(i, 0);
  const ring = fake.open();
  const seen: number[] = [];
  ring.reap((event) => {
    seen.push(event.data);
    assert.throws(() => ring.reap(() => {}), /Cannot reap ring: it is being reaped already/);
    assert.throws(() => ring.advance(1), /Cannot advance ring: it is being reaped/);
  });
  assert.deepEqual(seen, [0, 1, 2]);
  assert.equal(fake.words[HEAD], 3);
});

for (
  const [what, index, value] of [
    ["head just beyond the ring", HEAD, 7],
    ["head far beyond the ring", HEAD, 0xffff_ffff],
    ["tail just beyond the ring", TAIL, 7],
    ["tail far beyond the ring", TAIL, 0x8000_0000],
  ] as const
) {
  test(`a ${what} is not trusted, and stays as it is`, () => {
    const fake = new FakeRing(7);
    fake.complete(1, 0);
    const ring = fake.open();
    fake.words[index] = value;
    const before = fake.words.slice();
    assert.equal(ring.available(), -1);
    assert.throws(() => ring.reap(() => assert.fail("visited")), new RegExp(`are .*${value}`));
    assert.throws(() => ring.advance(1), new RegExp(`are .*${value}`));
    assert.deepEqual(fake.words, before);
    assert.equal(index === HEAD ? ring.head : ring.tail, value);
  });
}

test("advance moves head round the ring, and never beyond the tail", () => {
  const fake = new FakeRing(7);
  fake.words[HEAD] = 5;
  fake.words[TAIL] = 2;
  const ring = fake.open();
  for (const count of [5, -1, 0.5, NaN]) {
    assert.throws(() => ring.advance(count), RangeError, `${count}`);
  }
  ring.advance(0);
  assert.equal(ring.head, 5);
  ring.advance(2);
  assert.equal(ring.head, 0);
  ring.advance(2);
  assert.equal(ring.head, 2);
  assert.equal(ring.available(), 0);
});

test("nothing reaches the memory of a detached ring", () => {
  const fake = new FakeRing(7);
  fake.complete(1, 0);
  const ring = fake.open();
  const { words } = ring;
  ring.detach();
  ring.detach();
  assert.equal(fake.words.length, 0);
  assert.equal(words.length, 0);
  assert.equal(words[3], undefined);
  assert.equal(ring.usable, false);
  assert.equal(ring.available(), -1);
  assert.throws(() => ring.reap(() => {}), /Cannot reap ring: it is detached/);
  assert.throws(() => ring.advance(0), /Cannot advance ring: it is detached/);
  const { id, nr, head, tail, magic, compatFeatures, incompatFeatures, headerLength } = ring;
  assert.deepEqual(
    [id, nr, head, tail, magic, compatFeatures, incompatFeatures, headerLength],
    [0, 0, 0, 0, 0, 0, 0, 0],
  );
});

test("a ring whose memory somebody else detached is as good as detached itself", () => {
  const fake = new FakeRing(7);
  fake.complete(1, 0);
  const ring = fake.open();
  structuredClone(fake.words.buffer, { transfer: [fake.words.buffer] });
  assert.equal(ring.usable, false);
  assert.equal(ring.tail, 0);
  assert.throws(() => ring.reap(() => {}), /Cannot reap ring: it is detached/);
});

test("a visitor that detaches the ring ends the reap", () => {
  const fake = new FakeRing(7);
  for (let i = 0; i < 3; i++) fake.complete(i, 0);
  const ring = fake.open();
  assert.equal(ring.reap(() => ring.detach()), 1);
  assert.equal(ring.usable, false);
});
