/**
 * What the language itself says of a caller's memory. A property of the same name that a caller
 * has put on a view or on its class is never read, so no code of theirs runs, and no length is
 * believed that the memory does not have.
 *
 * @module
 */

import { Buffer } from "node:buffer";

const typedArray = Object.getPrototypeOf(Uint8Array.prototype) as Uint8Array;
const byteLength = getter<number>(typedArray, "byteLength");
const length = getter<number>(typedArray, "length");
const byteOffset = getter<number>(typedArray, "byteOffset");
const buffer = getter<ArrayBufferLike>(typedArray, "buffer");
/** The name of the kind that a view was made as; `undefined` of a DataView. */
const kind = getter<string | undefined>(typedArray, Symbol.toStringTag);
const { set } = typedArray;
const { getPrototypeOf } = Object;
const bufferPrototype = Buffer.prototype;

const dataByteLength = getter<number>(DataView.prototype, "byteLength");
const dataByteOffset = getter<number>(DataView.prototype, "byteOffset");
const dataBuffer = getter<ArrayBufferLike>(DataView.prototype, "buffer");
const resizable = getter<boolean>(ArrayBuffer.prototype, "resizable");

/** The prototypes of views, by the name of their kind. */
const prototypes: ReadonlyMap<string, object> = new Map(
  [
    Int8Array,
    Uint8Array,
    Uint8ClampedArray,
    Int16Array,
    Uint16Array,
    Int32Array,
    Uint32Array,
    Float32Array,
    Float64Array,
    BigInt64Array,
    BigUint64Array,
    DataView,
  ].map(({ name, prototype }) => [name, prototype]),
);
/** A property that nothing has. */
const NOTHING = Symbol("nothing");
const FACTS = ["buffer", "byteLength", "byteOffset", "length", "constructor"] as const;

function getter<V>(prototype: object, name: PropertyKey): () => V {
  return Object.getOwnPropertyDescriptor(prototype, name)!.get!;
}

/**
 * The bytes under a view: a `Uint8Array`, also one of a subclass or of another realm, as it is; of
 * every other kind a new view on the same memory. The functions below take what this returns.
 *
 * @param view Something that `ArrayBuffer.isView` knows as a view
 * @throws {TypeError} If it is a DataView, or no Uint8Array, and its memory is detached
 */
export function bytesOf(view: ArrayBufferView): Uint8Array {
  // Not by its prototype: words that were given that of bytes are words. This takes 6 ns in V8, where
  // a look at the prototype takes 25, and 22 in Bun.
  const name = kind.call(view);
  if (name === "Uint8Array") return view as Uint8Array;
  if (name === undefined) {
    return new Uint8Array(
      dataBuffer.call(view),
      dataByteOffset.call(view),
      dataByteLength.call(view),
    );
  }
  return new Uint8Array(buffer.call(view), byteOffset.call(view), byteLength.call(view));
}

/** How many bytes a view has: 0 once its memory is detached, or has shrunk to before its end. */
export function byteLengthOf(bytes: Uint8Array | BigUint64Array): number {
  return byteLength.call(bytes);
}

/**
 * How many bytes a typed array of any realm has whose elements are bytes; -1 of anything else. As
 * each request asks this, it asks for two numbers, and not for the kind: Bun makes a string for that,
 * which cost 3 percent of a cached read in a batch.
 */
export function countOfBytes(view: unknown): number {
  try {
    // Once V8 has looked for a property it knows what this is, and has the lengths where it calls
    // functions for them otherwise: 5 to 10 ns of a request.
    (view as { readonly [NOTHING]?: unknown })[NOTHING];
    const count = byteLength.call(view);
    return length.call(view) === count ? count : -1;
  } catch {
    // It is no typed array.
    return -1;
  }
}

/** Where in its buffer a view begins. */
export function byteOffsetOf(bytes: Uint8Array): number {
  return byteOffset.call(bytes);
}

/**
 * Whether the threads of `node:fs` take memory as it is in every runtime: if no other thread has
 * it, and it neither grows nor shrinks.
 */
export function isPlain(bytes: Uint8Array): boolean {
  try {
    return !resizable.call(buffer.call(bytes));
  } catch {
    // It is a SharedArrayBuffer.
    return false;
  }
}

/**
 * Whether a view says of its memory what the language says, because it has neither properties of its
 * own for that nor a class of the caller's.
 */
export function isOrdinary(view: ArrayBufferView): boolean {
  const prototype = getPrototypeOf(view);
  const name = kind.call(view) ?? "DataView";
  const isUsual = prototype === prototypes.get(name) ||
    (prototype === bufferPrototype && name === "Uint8Array");
  return isUsual && !FACTS.some((fact) => Object.hasOwn(view, fact));
}

/** Whether it is a `BigUint64Array`, of any realm, and not something that looks like it. */
export function isBigUint64Array(value: unknown): value is BigUint64Array {
  return kind.call(value) === "BigUint64Array";
}

/** The buffer that a view lies on. */
export function bufferOf(bytes: Uint8Array): ArrayBufferLike {
  return buffer.call(bytes);
}

/**
 * A new view on a part of what another shows: a plain one, whose length does not follow that of
 * its buffer.
 *
 * @throws {RangeError} If the memory does not reach so far, as it may have shrunk
 * @throws {TypeError} If it is detached
 */
export function partOf(bytes: Uint8Array, start: number, length: number): Uint8Array {
  return new Uint8Array(buffer.call(bytes), byteOffset.call(bytes) + start, length);
}

/**
 * As {@link partOf}, of memory that {@link isPlain}, for the threads of `node:fs`: some runtimes ask
 * a view for its length, and so must not be given the caller's.
 */
export function ownView(bytes: Uint8Array, start: number, length: number): Uint8Array<ArrayBuffer> {
  return partOf(bytes, start, length) as Uint8Array<ArrayBuffer>;
}

/**
 * Copies all of `source` to `start` of `target`.
 *
 * @throws {RangeError} If it does not fit there
 * @throws {TypeError} If `target` is detached
 */
export function copyBytes(target: Uint8Array, source: Uint8Array, start = 0): void {
  set.call(target, source, start);
}

/**
 * Throws if memory was lost since an operation on it began: its bytes are no longer the ones that
 * were meant, and nothing would look like the end of the file.
 *
 * @param bytes The memory
 * @param length How long it is at least to be
 * @param action For the message: "read into" or "write from"
 */
export function checkIntact(bytes: Uint8Array, length: number, action: string): void {
  if (byteLength.call(bytes) >= length) return;
  throw new TypeError(
    `Cannot ${action} buffer: it was detached or resized while the operation was under way`,
  );
}
