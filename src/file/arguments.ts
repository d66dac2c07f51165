/**
 * The arguments of the `FileHandle` of `node:fs/promises`, in all the ways they can be given.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { RWF_DSYNC } from "../abi/rw_flags.ts";
import { checkInteger, rangeError, typeError } from "../check.ts";
import { isDetached } from "../memory/detached.ts";

/** Where in its buffer and in the file a read goes. */
export interface ReadOptions {
  /** Where the bytes go; by default 16 KiB of new memory. */
  buffer?: ArrayBufferView;
  /** First byte of the buffer. */
  offset?: number | null;
  /** How many bytes; by default as many as the buffer has room for. */
  length?: number | null;
  /** Position in the file; by default where the last read or write without one ended. */
  position?: number | bigint | null;
}

/** How a write is made. */
export interface DurableOptions {
  /**
   * Whether the bytes are on the disk when the promise resolves, with what is needed to find them
   * there: as if the file had been opened with O_DSYNC for this one write.
   *
   * @default {false}
   */
  durable?: boolean;
}

/** Where in its buffer and in the file a write comes from and goes to. */
export interface WriteOptions extends DurableOptions {
  /** First byte of the buffer. */
  offset?: number | null;
  /** How many bytes; by default to the end of the buffer. */
  length?: number | null;
  /** Position in the file; by default where the last read or write without one ended. */
  position?: number | null;
}

/** Arguments that have been understood. */
export interface Piece {
  /** The bytes that are meant. */
  bytes: Uint8Array;
  /** `undefined`: the current position. */
  position: number | undefined;
}

const DEFAULT_SIZE = 16384;

/** See `FileHandle.read`. */
export function parseRead(
  buffer: ArrayBufferView | ReadOptions | null | undefined,
  offset: number | ReadOptions | null | undefined,
  length: number | null | undefined,
  position: number | bigint | null | undefined,
): Piece & { buffer: ArrayBufferView } {
  if (buffer !== undefined && buffer !== null && !ArrayBuffer.isView(buffer)) {
    // Memory without a view on it would pass for an object without options
    if (typeof buffer !== "object" || Array.isArray(buffer) || buffer instanceof ArrayBuffer) {
      throw typeError("read", "buffer", "a Buffer, TypedArray or DataView");
    }
    const { buffer: memory = Buffer.alloc(DEFAULT_SIZE) } = buffer;
    return parseRead(memory, buffer, undefined, undefined);
  }
  const memory = buffer ?? Buffer.alloc(DEFAULT_SIZE);
  if (!ArrayBuffer.isView(memory)) {
    throw typeError("read", "buffer", "a Buffer, TypedArray or DataView");
  }
  let first = offset as number | null | undefined;
  if (typeof offset === "object" && offset !== null) ({ offset: first, length, position } = offset);
  return {
    buffer: memory,
    bytes: part("read", memory, first ?? 0, length ?? undefined),
    position: parsePosition("read", position),
  };
}

/** See `FileHandle.write`. */
export function parseWrite(
  data: ArrayBufferView | string,
  offset: number | WriteOptions | null | undefined,
  length: number | string | null | undefined,
  position: number | null | undefined,
): Piece & { rwFlags: number } {
  let rwFlags = 0;
  let first = offset as number | null | undefined;
  if (typeof offset === "object" && offset !== null) {
    rwFlags = flagsOf(offset);
    ({ offset: first, position } = offset);
    if (typeof data !== "string") length = offset.length;
  } else if (typeof data === "string") position = offset;
  if (typeof data === "string") {
    return {
      bytes: Buffer.from(data, (length ?? "utf8") as BufferEncoding),
      position: typeof position === "number" ? parsePosition("write", position) : undefined,
      rwFlags,
    };
  }
  if (!ArrayBuffer.isView(data)) {
    throw typeError("write", "buffer", "a string, Buffer, TypedArray or DataView");
  }
  return {
    bytes: part("write", data, first ?? 0, (length as number | null) ?? undefined),
    position: parsePosition("write", position),
    rwFlags,
  };
}

/**
 * RWF_* for a write.
 *
 * @throws {TypeError} If `durable` is neither true nor false
 */
export function flagsOf({ durable = false }: DurableOptions = {}): number {
  if (typeof durable !== "boolean") throw typeError("write", "durable", "a boolean");
  return durable ? RWF_DSYNC : 0;
}

function part(
  action: string,
  view: ArrayBufferView,
  offset: number,
  length: number = view.byteLength - offset,
): Uint8Array {
  const { buffer, byteOffset, byteLength } = view;
  if (byteLength === 0 && isDetached(buffer)) {
    throw typeError(action, "buffer", "memory that is not detached");
  }
  checkInteger(action, "offset", offset, byteLength);
  checkInteger(action, "length", length, byteLength - offset);
  const isWhole = length === byteLength && isPlain(view);
  // Bun keeps a list of all views on a buffer until it collects them. One that may grow is no part
  if (isWhole && !(buffer as ArrayBuffer).resizable && !(buffer as SharedArrayBuffer).growable) {
    return view;
  }
  return new Uint8Array(buffer, byteOffset + offset, length);
}

/** Whether its `subarray` is that of the runtime, and not the constructor of a class of the user's. */
function isPlain(view: ArrayBufferView): view is Uint8Array {
  const prototype = Object.getPrototypeOf(view);
  return prototype === Uint8Array.prototype || prototype === Buffer.prototype;
}

/** Like Node's: `null`, `undefined` and -1 mean the current position. */
function parsePosition(
  action: string,
  position: number | bigint | null | undefined,
): number | undefined {
  if (position === null || position === undefined) return undefined;
  if (typeof position !== "number" && typeof position !== "bigint") {
    throw typeError(action, "position", "a number, a bigint or null");
  }
  const number = Number(position);
  if (number === -1) return undefined;
  if (Number.isSafeInteger(number) && number >= 0) return number;
  throw rangeError(action, "position", "an integer from -1 to 2^53 - 1", position);
}

/** See `FileHandle.readv` and `writev`. */
export function parseVector(
  action: string,
  buffers: readonly ArrayBufferView[],
  position: number | null | undefined,
): { parts: Uint8Array[]; length: number; position: number | undefined } {
  if (!Array.isArray(buffers) || !buffers.every((buffer) => ArrayBuffer.isView(buffer))) {
    throw typeError(action, "buffers", "an array of Buffers, TypedArrays or DataViews");
  }
  const parts = buffers.map((buffer) => part(action, buffer, 0));
  const length = parts.reduce((sum, { byteLength }) => sum + byteLength, 0);
  return {
    parts,
    length,
    position: typeof position === "number" ? parsePosition(action, position) : undefined,
  };
}

/** Hands bytes out to the buffers of a readv. */
export function scatterTo(parts: readonly Uint8Array[], bytes: Uint8Array): void {
  let at = 0;
  for (const part of parts) {
    part.set(bytes.subarray(at, at + part.byteLength));
    at += part.byteLength;
  }
}
