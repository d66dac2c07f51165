import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { runInNewContext } from "node:vm";
import { isDetached } from "../../src/memory/detached.ts";
import {
  bufferOf,
  byteLengthOf,
  byteOffsetOf,
  bytesOf,
  copyBytes,
  partOf,
} from "../../src/memory/intrinsics.ts";
import { Liar } from "../support/hostile.ts";

/** A view of 6 bytes at 2 of a buffer of 16, which throws or lies wherever it can be asked. */
const HOSTILE: Record<string, (buffer: ArrayBuffer) => Uint8Array> = {
  "its own getters": (buffer) => {
    const view = new Uint8Array(buffer, 2, 6);
    for (const name of [...NAMES, "constructor", Symbol.toStringTag]) {
      Object.defineProperty(view, name, { get: () => assert.fail(`${String(name)} was read`) });
    }
    return view;
  },
  "its own values": (buffer) => {
    const view = new Uint8Array(buffer, 2, 6);
    for (const name of NAMES) Object.defineProperty(view, name, { value: 1_000_000 });
    return Object.defineProperty(view, Symbol.toStringTag, { value: "Float64Array" });
  },
  "a class that overrides them": (buffer) => new Liar(buffer, 2, 6),
  "no prototype": (buffer) => Object.setPrototypeOf(new Uint8Array(buffer, 2, 6), null),
  "a Proxy for a prototype": (buffer) => {
    const never = () => assert.fail("The prototype was asked");
    const handler = { get: never, getPrototypeOf: never, getOwnPropertyDescriptor: never };
    return Object.setPrototypeOf(new Uint8Array(buffer, 2, 6), new Proxy({}, handler));
  },
};

const NAMES = ["byteLength", "byteOffset", "length", "buffer", "set", "subarray", "slice"];

for (const [name, make] of Object.entries(HOSTILE)) {
  test(`a view with ${name} is as long as its memory`, () => {
    const buffer = new ArrayBuffer(16);
    const view = make(buffer);
    const bytes = bytesOf(view);
    // Not `equal`, whose message would look at what it prints
    assert.ok(bytes === view, "A Uint8Array stays what it is");
    assert.equal(byteLengthOf(bytes), 6);
    assert.equal(byteOffsetOf(bytes), 2);
    assert.ok(bufferOf(bytes) === buffer);
    copyBytes(bytes, Uint8Array.of(1, 2, 3), 3);
    copyBytes(partOf(bytes, 1, 2), Uint8Array.of(8, 9));
    assert.deepEqual([...new Uint8Array(buffer, 0, 10)], [0, 0, 0, 8, 9, 1, 2, 3, 0, 0]);
    const target = new Uint8Array(8);
    copyBytes(target, bytes, 1);
    assert.deepEqual([...target], [0, 0, 8, 9, 1, 2, 3, 0]);
  });
}

test("the bytes of a view are those of its memory, whatever its kind", () => {
  const buffer = new ArrayBuffer(32);
  const views = [
    new DataView(buffer, 8, 16),
    new Float64Array(buffer, 8, 2),
    new Int8Array(buffer, 8, 16),
    new Uint8ClampedArray(buffer, 8, 16),
    new BigInt64Array(buffer, 8, 2),
    Buffer.from(buffer, 8, 16),
  ];
  for (const view of views) {
    const bytes = bytesOf(view);
    assert.ok(bytes instanceof Uint8Array);
    assert.equal(bytes.buffer, buffer);
    assert.deepEqual([bytes.byteOffset, bytes.byteLength], [8, 16]);
  }
});

test("a DataView or words with properties of their own are as long as their memory", () => {
  for (const view of [new DataView(new ArrayBuffer(32), 8, 16), new Uint16Array(8)]) {
    for (const name of ["byteLength", "byteOffset", "buffer", Symbol.toStringTag]) {
      Object.defineProperty(view, name, { get: () => assert.fail(`${String(name)} was read`) });
    }
    assert.equal(bytesOf(view).byteLength, 16);
  }
});

test("memory of another realm is memory", () => {
  const make = (code: string) => runInNewContext(code) as ArrayBufferView;
  const own = make("new Uint8Array(new ArrayBuffer(10), 3, 4)");
  assert.ok(ArrayBuffer.isView(own));
  assert.ok(bytesOf(own) === own);
  assert.equal(byteLengthOf(bytesOf(own)), 4);
  assert.equal(byteOffsetOf(bytesOf(own)), 3);
  assert.equal(bytesOf(make("new DataView(new ArrayBuffer(10), 3, 4)")).length, 4);
  assert.equal(bytesOf(make("new Uint32Array(new ArrayBuffer(12), 4, 2)")).length, 8);
  assert.equal(isDetached(bufferOf(bytesOf(own))), false);
});

test("a Proxy is no view, and what is none of the language's has no length", () => {
  for (const wrong of [new Proxy(new Uint8Array(4), {}), Object.create(Uint8Array.prototype), {}]) {
    assert.equal(ArrayBuffer.isView(wrong), false);
    assert.throws(() => byteLengthOf(wrong), TypeError);
  }
});

test("detached memory has no bytes", () => {
  const buffers = Array.from({ length: 3 }, () => new ArrayBuffer(16));
  const [bytes, words, data] = [
    new Uint8Array(buffers[0]!, 2),
    new Uint32Array(buffers[1]!),
    new DataView(buffers[2]!, 2),
  ];
  for (const buffer of buffers) structuredClone(buffer, { transfer: [buffer] });
  assert.equal(byteLengthOf(bytesOf(bytes)), 0);
  assert.ok(isDetached(bufferOf(bytes)));
  assert.throws(() => partOf(bytes, 0, 1), TypeError);
  assert.throws(() => copyBytes(bytes, new Uint8Array(1)));
  assert.throws(() => bytesOf(words), TypeError);
  assert.throws(() => bytesOf(data), TypeError);
});

test("a buffer that says of itself that it is detached, or is not, is not believed", () => {
  const kept = Object.defineProperty(new ArrayBuffer(0), "detached", { value: true });
  assert.equal(isDetached(kept), false);
  const lost = Object.defineProperty(new ArrayBuffer(8), "detached", { value: false });
  structuredClone(lost, { transfer: [lost] });
  assert.equal(isDetached(lost), true);
  assert.equal(isDetached(new SharedArrayBuffer(0)), false);
});

test("views on memory that shrinks and grows", () => {
  const buffer = new ArrayBuffer(16, { maxByteLength: 32 });
  const [tracking, fixed, words] = [
    new Uint8Array(buffer, 4),
    new Uint8Array(buffer, 4, 8),
    bytesOf(new Uint32Array(buffer, 4)),
  ];
  buffer.resize(32);
  assert.deepEqual([tracking, fixed, words].map(byteLengthOf), [28, 8, 12]);
  assert.equal(byteLengthOf(partOf(tracking, 1, 20)), 20);
  buffer.resize(8);
  assert.deepEqual([tracking, fixed, words].map(byteLengthOf), [4, 0, 0]);
  assert.throws(() => partOf(tracking, 1, 20), RangeError);
  assert.throws(() => copyBytes(tracking, new Uint8Array(5)), RangeError);
  assert.equal(isDetached(buffer), false);
});

test("views on shared memory, which may grow", () => {
  const buffer = new SharedArrayBuffer(8, { maxByteLength: 16 });
  const bytes = bytesOf(new Uint8Array(buffer, 2));
  buffer.grow(16);
  assert.equal(byteLengthOf(bytes), 14);
  assert.ok(bufferOf(bytes) === buffer);
  assert.equal(isDetached(buffer), false);
  copyBytes(partOf(bytes, 6, 2), Uint8Array.of(1, 2));
  assert.deepEqual([...new Uint8Array(buffer, 7, 4)], [0, 1, 2, 0]);
});
