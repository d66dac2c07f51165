import assert from "node:assert/strict";
import { test } from "node:test";
import { isDetached } from "../../src/memory/detached.ts";
import { linuxOnly, real } from "../support/real_kernel.ts";

test("memory of the kernel begins at a page, is zeroed, and as long as was asked for", () => {
  for (const byteLength of [1, 100, 4096, 4097, 1 << 20]) {
    const { address, buffer, free } = real.allocate(byteLength);
    assert.equal(address % 4096, 0);
    assert.equal(buffer.byteLength, byteLength);
    assert.ok(new Uint8Array(buffer).every((byte) => byte === 0));
    free();
  }
});

test("memory that was used before is zeroed again", () => {
  for (let round = 0; round < 50; round++) {
    const { buffer, free } = real.allocate(8192);
    const bytes = new Uint8Array(buffer);
    assert.ok(bytes.every((byte) => byte === 0));
    bytes.fill(0xff);
    free();
  }
});

test("freed memory is detached, and can be freed again without harm", () => {
  const first = real.allocate(4096);
  const view = new Uint8Array(first.buffer);
  first.free();
  assert.equal(isDetached(first.buffer), true);
  assert.equal(view.length, 0);
  // What is mapped next may lie at the same place: the second free must not reach it
  const second = real.allocate(4096);
  first.free();
  new Uint8Array(second.buffer).fill(1);
  assert.equal(new Uint8Array(second.buffer)[4095], 1);
  second.free();
});

const VIEWS = linuxOnly("JavaScript has no buffer that is a part of another");
test("a view shows the memory where it lies", VIEWS, () => {
  const { address, buffer, free } = real.allocate(8192);
  const view = new Uint8Array(real.view(address + 4096, 16));
  new Uint8Array(buffer)[4096 + 3] = 77;
  assert.equal(view[3], 77);
  view[4] = 88;
  assert.equal(new Uint8Array(buffer)[4096 + 4], 88);
  free();
});

test("memory of no length, or of no number, is a RangeError", () => {
  for (const byteLength of [0, -1, 1.5, NaN, Infinity]) {
    assert.throws(() => real.allocate(byteLength), RangeError, `${byteLength}`);
  }
});

const MMAP = linuxOnly("memory comes from JavaScript, whose own error it is");
test("more memory than there are addresses is an AioError that names mmap", MMAP, () => {
  assert.throws(() => real.allocate(2 ** 50), {
    name: "AioError",
    code: "ENOMEM",
    errno: -12,
    syscall: "mmap",
    length: 2 ** 50,
  });
});
