/**
 * Objects of callers that do what no caller means: views and options that lie, throw, or run code
 * when they are asked.
 *
 * @module
 */
import { runInNewContext } from "node:vm";
import { allocate } from "../../mod.ts";
import type { Random } from "./random.ts";

/** Bytes before and behind a view in its buffer, none of which anything may change. */
const MARGIN = 16;
const FILL = 0xee;

/** Memory that is given to kaio. */
export interface HostileMemory {
  /** What is given: it may be no view at all. */
  readonly view: Uint8Array;
  /** The bytes that are meant, as a view that does not lie. */
  readonly bytes: Uint8Array;
  /** All memory around them that can be seen. */
  readonly whole: Uint8Array;
  /** Whether kaio must take it. */
  readonly isView: boolean;
  /** Takes the memory away, where that can be done. */
  readonly lose: (() => void) | undefined;
}

type Kind = (bytes: Uint8Array<ArrayBuffer>) => unknown;

/** A view that lies about its memory, and throws where its methods are called. */
export class Liar extends Uint8Array<ArrayBuffer> {
  static get [Symbol.species](): never {
    throw new Error("The species was asked");
  }
  override get byteLength(): number {
    return 1_000_000;
  }
  override get length(): number {
    return 1_000_000;
  }
  override get byteOffset(): number {
    return 0;
  }
  override get buffer(): ArrayBuffer {
    return new ArrayBuffer(1_000_000);
  }
  override get [Symbol.toStringTag](): "Uint8Array" {
    return "Float64Array" as "Uint8Array";
  }
  override set(): never {
    throw new Error("Its `set` was called");
  }
  override subarray(): never {
    throw new Error("Its `subarray` was called");
  }
  override slice(): never {
    throw new Error("Its `slice` was called");
  }
  override [Symbol.iterator](): never {
    throw new Error("It was iterated");
  }
}

const NAMES = ["byteLength", "byteOffset", "length", "buffer", "set", "subarray", "slice"];
const otherRealm = runInNewContext("Uint8Array") as Uint8ArrayConstructor;

function asked(): never {
  throw new Error("It was asked");
}

function like(view: Uint8Array, prototype: object | null): Uint8Array {
  return Object.setPrototypeOf(view, prototype);
}

function again({ buffer, byteOffset, byteLength }: Uint8Array<ArrayBuffer>): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** Views that are as good as any, whatever they say. */
const VIEWS: readonly Kind[] = [
  again,
  (bytes) => {
    const view = again(bytes);
    for (const name of NAMES) Object.defineProperty(view, name, { get: asked });
    return view;
  },
  (bytes) => {
    const view = again(bytes);
    for (const name of NAMES) Object.defineProperty(view, name, { value: 3 });
    return view;
  },
  ({ buffer, byteOffset, byteLength }) => new Liar(buffer, byteOffset, byteLength),
  ({ buffer, byteOffset, byteLength }) => new otherRealm(buffer, byteOffset, byteLength),
  (bytes) => like(again(bytes), null),
  (bytes) => like(again(bytes), new Proxy({}, { get: asked, getPrototypeOf: asked, has: asked })),
  (bytes) => Object.assign(again(bytes), { valueOf: asked, toString: asked, then: asked }),
];

/** What is no Uint8Array, whatever it says. */
const OTHERS: readonly Kind[] = [
  (bytes) => new Proxy(again(bytes), {}),
  ({ buffer, byteOffset, byteLength }) => new DataView(buffer, byteOffset, byteLength),
  ({ buffer, byteOffset, byteLength }) =>
    like(new DataView(buffer, byteOffset, byteLength) as never, Uint8Array.prototype),
  ({ buffer, byteOffset, byteLength }) =>
    like(
      new Uint16Array(buffer, byteOffset, Math.floor(byteLength / 2)) as never,
      Uint8Array.prototype,
    ),
  ({ buffer, byteOffset, byteLength }) =>
    like(
      new BigInt64Array(buffer, byteOffset, Math.floor(byteLength / 8)) as never,
      Uint8Array.prototype,
    ),
  () => Object.fromEntries(NAMES.map((name) => [name, 8])),
  () => Object.create(Uint8Array.prototype),
];

/** Makes memory of any kind, its bytes filled with what is beside it. */
export function hostileMemory(random: Random, length: number): HostileMemory {
  const isView = !random.once(5);
  // A multiple of 8 in length where the view has words
  const size = isView ? length : Math.max(8, Math.ceil(length / 8) * 8);
  const { whole, bytes, lose } = random.pick(HOMES)(size);
  whole.fill(FILL);
  const kind = random.pick(isView ? VIEWS : OTHERS);
  return { view: kind(bytes as Uint8Array<ArrayBuffer>) as Uint8Array, bytes, whole, isView, lose };
}

/** Whether nothing but the bytes that were meant has been changed. */
export function surroundingsAreIntact({ whole, bytes }: HostileMemory): boolean {
  if (whole.byteLength === 0) return true;
  const start = bytes.byteOffset - whole.byteOffset;
  return whole.every((byte, at) => byte === FILL || (at >= start && at < start + bytes.byteLength));
}

/** What memory can lie in. */
const HOMES: readonly ((size: number) => Pick<HostileMemory, "whole" | "bytes" | "lose">)[] = [
  (size) => home(new ArrayBuffer(size + 2 * MARGIN), size),
  (size) => {
    const buffer = new ArrayBuffer(size + 2 * MARGIN);
    return {
      ...home(buffer, size),
      lose: () => void (buffer.byteLength > 0 && structuredClone(buffer, { transfer: [buffer] })),
    };
  },
  (size) => {
    const buffer = new ArrayBuffer(size + 2 * MARGIN, { maxByteLength: 4 * (size + 2 * MARGIN) });
    // It says of itself that it is none of that
    Object.defineProperties(buffer, { resizable: { value: false }, detached: { value: true } });
    return { ...home(buffer, size), lose: () => buffer.resize(MARGIN / 2) };
  },
  (size) => {
    const buffer = new ArrayBuffer(size + 2 * MARGIN, { maxByteLength: 4 * (size + 2 * MARGIN) });
    return { ...home(buffer, size), lose: () => buffer.resize(buffer.maxByteLength) };
  },
  (size) => home(new SharedArrayBuffer(size + 2 * MARGIN) as unknown as ArrayBuffer, size),
  (size) => {
    const page = allocate(size + 2 * MARGIN);
    return { whole: page, bytes: page.subarray(MARGIN, MARGIN + size), lose: undefined };
  },
];

function home(buffer: ArrayBuffer, size: number): Pick<HostileMemory, "whole" | "bytes" | "lose"> {
  return {
    // Not one that follows the length of its buffer
    whole: new Uint8Array(buffer, 0, size + 2 * MARGIN),
    bytes: new Uint8Array(buffer, MARGIN, size),
    lose: undefined,
  };
}

/** Options whose properties do something when they are asked for. */
export function hostileOptions(
  random: Random,
  options: Record<string, unknown>,
  mischief: () => void,
): object {
  const getters = (then: (value: unknown) => unknown) =>
    Object.defineProperties(
      {},
      Object.fromEntries(
        Object.entries(options).map(([name, value]) => [
          name,
          { enumerable: true, get: () => then(value) },
        ]),
      ),
    );
  return random.pick<() => object>([
    () => options,
    () => getters((value) => (mischief(), value)),
    () => getters(asked),
    () => new Proxy(options, {}),
    () =>
      new Proxy(options, {
        get: (target, name) => (mischief(), Reflect.get(target, name)),
        ownKeys: (target) => (mischief(), Reflect.ownKeys(target)),
      }),
    () => Object.create(options),
  ])();
}

/** What is given in the place of anything. */
export function hostileValue(random: Random): unknown {
  return random.pick<() => unknown>([
    () => undefined,
    () => null,
    () => NaN,
    () => -1,
    () => 0,
    () => 0.5,
    () => 1e10,
    () => 2 ** 53,
    () => Infinity,
    () => 7n,
    () => "5",
    () => Symbol("hostile"),
    () => ({ valueOf: asked, toString: asked, [Symbol.toPrimitive]: asked }),
    () => ({ valueOf: () => 4 }),
    () => new Proxy({}, { get: asked, has: asked, ownKeys: asked, getPrototypeOf: asked }),
    () => new Proxy([], { get: asked }),
    () => [new Uint8Array(4), 5],
    () => Object.defineProperty([], "length", { value: 0xffffffff }),
    () => ({ then: asked }),
    () => hostileSignal(random),
    () => asked,
    () => new Uint8Array(8),
    () => new Date(NaN),
  ])();
}

/** A signal that throws, never listens, or calls when nobody waits any more. */
export function hostileSignal(random: Random): AbortSignal {
  const controller = new AbortController();
  const { signal } = controller;
  const own = (name: keyof AbortSignal, value: unknown) =>
    Object.defineProperty(signal, name, { value });
  random.pick<() => void>([
    () => own("addEventListener", asked),
    () => own("removeEventListener", asked),
    () => own("removeEventListener", () => controller.abort("late")),
    () => own("throwIfAborted", asked),
    () => Object.defineProperty(signal, "aborted", { get: asked }),
    () => Object.defineProperty(signal, "reason", { get: asked }),
    () => queueMicrotask(() => controller.abort({ then: asked })),
    () => setTimeout(() => controller.abort("soon"), 0),
    () => controller.abort("before"),
  ])();
  return signal;
}
