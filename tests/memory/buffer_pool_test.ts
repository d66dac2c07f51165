import assert from "node:assert/strict";
import { test } from "node:test";
import type { Kernel } from "../../src/kernel.ts";
import { reserved } from "../../src/memory/allocate.ts";
import { BufferPool, bufferPoolOf } from "../../src/memory/buffer_pool.ts";

const PAGE = 4096;
const MIB = 2 ** 20;

/** A kernel that cannot tell where other memory lies, so that all is its own. */
class OwnMemory {
  readonly asked: number[] = [];
  freed = 0;

  allocate(byteLength: number): ReturnType<Kernel["allocate"]> {
    this.asked.push(byteLength);
    const buffer = new ArrayBuffer(byteLength);
    return { address: PAGE * this.asked.length, buffer, free: () => this.freed++ };
  }
}

/** One that can: each buffer has an address of its own. */
class AnyMemory extends OwnMemory {
  readonly #addresses = new Map<ArrayBuffer, number>();

  addressOf(buffer: ArrayBuffer): number {
    const known = this.#addresses.get(buffer);
    if (known !== undefined) return known;
    const address = 2 ** 40 * (1 + this.#addresses.size);
    this.#addresses.set(buffer, address);
    return address;
  }
}

function poolOf(memory: OwnMemory): BufferPool {
  return new BufferPool(memory as unknown as Kernel);
}

test("a pooled buffer is the smallest power of two that will do", () => {
  const sizes = [
    [0, PAGE],
    [1, PAGE],
    [PAGE, PAGE],
    [PAGE + 1, 2 * PAGE],
    [2 * PAGE, 2 * PAGE],
    [2 * PAGE + 1, 4 * PAGE],
    [MIB - 1, MIB],
    [MIB, MIB],
    [MIB + 1, 2 * MIB],
  ] as const;
  for (const memory of [new OwnMemory(), new AnyMemory()]) {
    const pool = poolOf(memory);
    for (const [asked, size] of sizes) {
      assert.equal(pool.take(asked).bytes.length, size, `${asked} bytes`);
    }
  }
});

test("sizes of more than 32 bits are no smaller", () => {
  for (
    const [asked, size] of [[2 ** 31 + 1, 2 ** 32], [2 ** 32 + 1, 2 ** 33], [2 ** 40, 2 ** 40]]
  ) {
    const memory = new OwnMemory();
    memory.allocate = (byteLength) => {
      memory.asked.push(byteLength);
      throw new RangeError("No memory");
    };
    assert.throws(() => poolOf(memory).take(asked!), RangeError);
    assert.deepEqual(memory.asked, [size]);
  }
});

test("a buffer that was given back is the next one of its size", () => {
  for (const memory of [new OwnMemory(), new AnyMemory()]) {
    const pool = poolOf(memory);
    const [small, large] = [pool.take(100), pool.take(3 * MIB)];
    pool.give(small);
    pool.give(large);
    assert.equal(pool.take(PAGE), small);
    assert.equal(pool.take(2 * MIB + 1), large);
    assert.notEqual(pool.take(PAGE), small);
  }
});

test("buffers are cut from arenas that cannot be detached, and do not overlap", () => {
  const memory = new AnyMemory();
  const pool = poolOf(memory);
  const taken = Array.from({ length: 600 }, (_, index) => pool.take(index % 2 ? PAGE : 5 * PAGE));
  taken.forEach(({ bytes }, index) => bytes.fill(index));
  for (const [index, { address, bytes, free }] of taken.entries()) {
    assert.equal(address, memory.addressOf(bytes.buffer) + bytes.byteOffset);
    assert.equal(address % PAGE, 0);
    assert.ok(reserved.has(bytes.buffer));
    assert.equal(free, undefined);
    assert.ok(bytes.every((byte) => byte === index % 256));
  }
  assert.deepEqual(memory.asked, []);
  assert.ok(new Set(taken.map(({ bytes }) => bytes.buffer)).size <= 20);
});

test("of large buffers of the kernel only some are kept, the others are unmapped", () => {
  const memory = new OwnMemory();
  const pool = poolOf(memory);
  const taken = Array.from({ length: 40 }, () => pool.take(MIB));
  for (const buffer of taken) pool.give(buffer);
  assert.equal(memory.freed, 8);
  for (let index = 0; index < 32; index++) pool.take(MIB);
  assert.equal(memory.asked.length, 40);
  // Many small ones may be in use again and again
  const small = Array.from({ length: 10_000 }, () => pool.take(PAGE));
  for (const buffer of small) pool.give(buffer);
  assert.equal(memory.freed, 8);
});

test("all contexts on a kernel share one pool", () => {
  const [kernel, other] = [new OwnMemory(), new OwnMemory()] as unknown as Kernel[];
  assert.equal(bufferPoolOf(kernel!), bufferPoolOf(kernel!));
  assert.notEqual(bufferPoolOf(kernel!), bufferPoolOf(other!));
});
