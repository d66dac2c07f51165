import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  AIO_SIGSET_SIGMASK,
  AIO_SIGSET_SIGSETSIZE,
  AIO_SIGSET_SIZE,
  IOVEC_BASE,
  IOVEC_LEN,
  IOVEC_SIZE,
  readInt64,
  readUint64,
  TIMESPEC_NSEC,
  TIMESPEC_SEC,
  TIMESPEC_SIZE,
  writeAioSigset,
  writeInt64,
  writeIovec,
  writeTimespec,
  writeUint64,
} from "../../src/abi/mod.ts";

const unsigned = fc.oneof(
  fc.maxSafeNat(),
  fc.constantFrom(0, 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 52, Number.MAX_SAFE_INTEGER),
);
const signed = fc.oneof(
  fc.maxSafeInteger(),
  unsigned,
  fc.constantFrom(-1, -(2 ** 31), -(2 ** 32), -(2 ** 32) - 1, Number.MIN_SAFE_INTEGER),
);
const notSafe = [-(2 ** 53), 2 ** 53, 1.5, NaN, Infinity, -Infinity];
const offset = fc.nat({ max: 8 });

function memory(): DataView {
  return new DataView(new ArrayBuffer(16));
}

test("an unsigned word is written as its little-endian BigInt", () => {
  fc.assert(fc.property(unsigned, offset, (value, at) => {
    const view = memory();
    writeUint64(view, at, value);
    assert.equal(view.getBigUint64(at, true), BigInt(value));
  }));
});

test("a signed word is written as its little-endian BigInt", () => {
  fc.assert(fc.property(signed, offset, (value, at) => {
    const view = memory();
    writeInt64(view, at, value);
    assert.equal(view.getBigInt64(at, true), BigInt(value));
  }));
});

test("any 64 bits are read as the number nearest to their unsigned BigInt", () => {
  fc.assert(fc.property(fc.bigInt(0n, 2n ** 64n - 1n), offset, (value, at) => {
    const view = memory();
    view.setBigUint64(at, value, true);
    assert.equal(readUint64(view, at), Number(value));
  }));
});

test("any 64 bits are read as the number nearest to their signed BigInt", () => {
  fc.assert(fc.property(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n), offset, (value, at) => {
    const view = memory();
    view.setBigInt64(at, value, true);
    assert.equal(readInt64(view, at), Number(value));
  }));
});

test("a write touches its eight bytes and no other", () => {
  fc.assert(fc.property(signed, offset, (value, at) => {
    const view = memory();
    const bytes = new Uint8Array(view.buffer).fill(0xa5);
    writeInt64(view, at, value);
    bytes.forEach((byte, i) => {
      if (i < at || i >= at + 8) assert.equal(byte, 0xa5, `byte ${i}`);
    });
  }));
});

test("what is not a safe integer is refused and leaves the memory as it was", () => {
  const view = memory();
  for (const value of [...notSafe, -1]) {
    assert.throws(() => writeUint64(view, 0, value), RangeError, `unsigned ${value}`);
  }
  for (const value of notSafe) {
    assert.throws(() => writeInt64(view, 0, value), RangeError, `signed ${value}`);
  }
  assert.deepEqual(new Uint8Array(view.buffer), new Uint8Array(16));
});

test("a word that is not all inside its view is refused and leaves the memory as it was", () => {
  const view = memory();
  assert.throws(() => writeUint64(view, 9, 2 ** 33 + 1), RangeError);
  assert.throws(() => writeUint64(view, 12, 2 ** 33 + 1), RangeError);
  assert.throws(() => readUint64(view, 9), RangeError);
  assert.throws(() => readInt64(view, 9), RangeError);
  assert.deepEqual(new Uint8Array(view.buffer), new Uint8Array(16));
});

test("a timespec holds whole seconds and a rest below one second", () => {
  fc.assert(fc.property(fc.maxSafeNat(), (microseconds) => {
    const view = new DataView(new ArrayBuffer(TIMESPEC_SIZE));
    writeTimespec(view, 0, microseconds);
    const sec = view.getBigInt64(TIMESPEC_SEC, true);
    const nsec = view.getBigInt64(TIMESPEC_NSEC, true);
    assert.ok(nsec >= 0n && nsec < 1_000_000_000n, `nanoseconds are ${nsec}`);
    assert.equal(sec * 1_000_000n + nsec / 1000n, BigInt(microseconds));
    assert.equal(nsec % 1000n, 0n);
  }));
});

test("a span shorter than a microsecond does not become none", () => {
  const view = new DataView(new ArrayBuffer(TIMESPEC_SIZE));
  writeTimespec(view, 0, 0.001);
  assert.equal(readInt64(view, TIMESPEC_NSEC), 1000);
  writeTimespec(view, 0, 999_999.5);
  assert.equal(readInt64(view, TIMESPEC_SEC), 1);
  assert.equal(readInt64(view, TIMESPEC_NSEC), 0);
});

test("a span that the kernel would take for an eternity is refused", () => {
  const view = new DataView(new ArrayBuffer(TIMESPEC_SIZE));
  for (const microseconds of [-1, -0.5, NaN, Infinity, 2 ** 53]) {
    assert.throws(() => writeTimespec(view, 0, microseconds), RangeError, `${microseconds}`);
  }
});

test("an iovec holds address and length at its place in the array", () => {
  const view = new DataView(new ArrayBuffer(2 * IOVEC_SIZE));
  writeIovec(view, IOVEC_SIZE, 0x7fab_cdef_1000, 4096);
  assert.equal(view.getBigUint64(IOVEC_SIZE + IOVEC_BASE, true), 0x7fab_cdef_1000n);
  assert.equal(view.getBigUint64(IOVEC_SIZE + IOVEC_LEN, true), 4096n);
  assert.equal(view.getBigUint64(0, true), 0n);
});

test("an __aio_sigset holds the mask's address and the one size that the kernel accepts", () => {
  const view = new DataView(new ArrayBuffer(AIO_SIGSET_SIZE));
  writeAioSigset(view, 0, 0x7fab_cdef_1000);
  assert.equal(view.getBigUint64(AIO_SIGSET_SIGMASK, true), 0x7fab_cdef_1000n);
  assert.equal(view.getBigUint64(AIO_SIGSET_SIGSETSIZE, true), 8n);
});
