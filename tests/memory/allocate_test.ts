import assert from "node:assert/strict";
import { constants } from "node:fs";
import { test } from "node:test";
import { IOCB_BUF } from "../../src/abi/iocb.ts";
import { AioContext } from "../../mod.ts";
import { allocate } from "../../src/memory/allocate.ts";
import { isDetached } from "../../src/memory/detached.ts";
import { bothWays } from "../support/both_ways.ts";
import { pattern, sameBytes } from "../support/bytes.ts";
import { decorate, submittedWords, wordsAt } from "../support/decorated_kernel.ts";
import { real } from "../support/real_kernel.ts";
import { O_DIRECT, TempFile } from "../support/temp.ts";

const PAGE = 4096;
const BYTES = pattern(4 * PAGE);

test("allocated memory begins at a page, is zeroed, and exactly as long as was asked for", () => {
  for (const byteLength of [1, 100, PAGE, 65536, 65537, 3 << 20]) {
    const memory = allocate(byteLength);
    assert.equal(memory.length, byteLength);
    assert.equal((real.addressOf(memory.buffer) + memory.byteOffset) % PAGE, 0);
    assert.ok(memory.every((byte) => byte === 0));
  }
});

function tries(action: () => void): void {
  try {
    action();
  } catch { /* It was refused */ }
}

test("allocated memory cannot be transferred, detached or resized", () => {
  const memory = allocate(PAGE);
  memory[7] = 7;
  const { buffer } = memory;
  tries(() => structuredClone(buffer, { transfer: [buffer] }));
  assert.throws(() => buffer.transfer(), TypeError);
  assert.throws(() => buffer.transferToFixedLength(), TypeError);
  assert.throws(() => buffer.resize(1), TypeError);
  const { port1, port2 } = new MessageChannel();
  tries(() => port1.postMessage(buffer, [buffer]));
  port1.close();
  port2.close();
  assert.equal(isDetached(buffer), false);
  assert.equal(memory[7], 7);
});

test("memory of no length or too long is a RangeError, of no number a TypeError", () => {
  for (const byteLength of [0, -1, 1.5, NaN, Infinity, 2 ** 32 + 1]) {
    assert.throws(() => allocate(byteLength), RangeError, `${byteLength}`);
  }
  assert.throws(() => allocate(undefined as never), TypeError);
});

test("two pieces of allocated memory do not share bytes", () => {
  const first = allocate(PAGE);
  const second = allocate(PAGE);
  first.fill(1);
  assert.ok(second.every((byte) => byte === 0));
});

test("many pieces can be had, one after the other and dropped", () => {
  for (let i = 0; i < 100; i++) allocate(PAGE)[0] = 1;
});

bothWays("requests use allocated memory where it lies", async (way) => {
  const addresses: number[] = [];
  const kernel = decorate({
    io_submit(ctx_id, nr, iocbpp) {
      addresses.push(...submittedWords(nr, iocbpp, IOCB_BUF));
      return real.io_submit(ctx_id, nr, iocbpp);
    },
  });
  using file = new TempFile(BYTES, { flags: constants.O_RDWR | O_DIRECT });
  await using aio = new AioContext({ ...way, kernel, entries: 4 });
  const memory = allocate(4 * PAGE);
  const base = real.addressOf(memory.buffer) + memory.byteOffset;
  aio.read(file.fd, memory.subarray(PAGE, 2 * PAGE), { position: 0 });
  aio.write(file.fd, memory.subarray(3 * PAGE), { position: 3 * PAGE });
  aio.read(file.fd, new Uint8Array(PAGE), { position: PAGE });
  for await (const { res } of aio) assert.equal(res, PAGE);
  assert.deepEqual(addresses.slice(0, 2), [base + PAGE, base + 3 * PAGE]);
  sameBytes(memory.subarray(PAGE, 2 * PAGE), BYTES.subarray(0, PAGE));
  // The stand-in for other memory is aligned for O_DIRECT
  assert.equal(addresses[2]! % PAGE, 0);
});

bothWays("a vector of allocated memory is used where it lies", async (way) => {
  const counts: number[] = [];
  const kernel = decorate({
    io_submit(ctx_id, nr, iocbpp) {
      const [vector] = submittedWords(nr, iocbpp, IOCB_BUF);
      const words = wordsAt(vector!, 4);
      counts.push(...[...words].map(Number));
      return real.io_submit(ctx_id, nr, iocbpp);
    },
  });
  using file = new TempFile(BYTES, { flags: constants.O_RDONLY | O_DIRECT });
  await using aio = new AioContext({ ...way, kernel, entries: 4 });
  const memory = allocate(4 * PAGE);
  const base = real.addressOf(memory.buffer) + memory.byteOffset;
  aio.readv(file.fd, [memory.subarray(2 * PAGE, 3 * PAGE), memory.subarray(0, PAGE)]);
  assert.equal(aio.wait(1)[0]!.res, 2 * PAGE);
  assert.deepEqual(counts, [base + 2 * PAGE, PAGE, base, PAGE]);
  sameBytes(memory.subarray(2 * PAGE, 3 * PAGE), BYTES.subarray(0, PAGE));
  sameBytes(memory.subarray(0, PAGE), BYTES.subarray(PAGE, 2 * PAGE));
});
