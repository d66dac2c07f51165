/**
 * The arguments of the `FileHandle` of `node:fs/promises`, in all the ways they can be given. What
 * only some of the runtimes take, such as the string "5" for a length, is rejected here; see
 * `AioFile` for what becomes of it.
 *
 * Each property of the caller's objects is read once. Lengths are asked for after that, as reading
 * a property may run code of the caller's that detaches the memory; and they are what the language
 * says of the memory, not what the caller's objects say.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { types } from "node:util";
import { RWF_DSYNC } from "../abi/rw_flags.ts";
import { checkInteger, checkRange, rangeError, typeError, valueError } from "../check.ts";
import { isDetached } from "../memory/detached.ts";
import { bufferOf, byteLengthOf, bytesOf, isOrdinary } from "../memory/intrinsics.ts";
import { CURRENT_POSITION } from "../route/transfer.ts";
import { parseFlags, parseMode } from "./open_flags.ts";

/** Where in its buffer and in the file a read goes. */
export interface ReadOptions {
  /** Where the bytes go; by default 16 KiB of new memory. */
  buffer?: ArrayBufferView | undefined;
  /** First byte of the buffer. */
  offset?: number | null | undefined;
  /** How many bytes; by default as many as the buffer has room for. */
  length?: number | null | undefined;
  /** Position in the file; by default where the last read or write without one ended. */
  position?: number | bigint | null | undefined;
}

/** How a write is made. */
export interface DurableOptions {
  /**
   * Whether the bytes are on the disk when the promise resolves, with what is needed to find them
   * there: as if the file had been opened with O_DSYNC for this one write.
   *
   * @default {false}
   */
  durable?: boolean | undefined;
}

/** Where in its buffer and in the file a write comes from and goes to. */
export interface WriteOptions extends DurableOptions {
  /** First byte of the buffer. */
  offset?: number | null | undefined;
  /** How many bytes; by default to the end of the buffer. */
  length?: number | null | undefined;
  /** Position in the file; by default where the last read or write without one ended. */
  position?: number | null | undefined;
}

/** Bytes in memory, and where in the file they belong. */
export interface MemoryRange<D = unknown> {
  /** What the user gave, for the result. */
  readonly data: D;
  /** The memory. */
  readonly bytes: Uint8Array;
  /** Where in {@link MemoryRange.bytes} the range begins. */
  readonly offset: number;
  /** How many bytes it has. */
  readonly length: number;
  /** In the file, or {@link CURRENT_POSITION}. */
  readonly position: number;
  /** Of a write: RWF_DSYNC if the bytes are on the disk when its promise resolves. */
  readonly rwFlags: number;
}

/** Bytes that are written to a position that is given. */
export function placedRange(
  position: number,
  bytes: ArrayBufferView,
  rwFlags: number,
): MemoryRange {
  checkInteger("write", "position", position, Number.MAX_SAFE_INTEGER);
  if (!ArrayBuffer.isView(bytes)) {
    throw typeError("write", "bytes", "a Buffer, TypedArray or DataView");
  }
  const range = rangeOf("write", bytes, 0, null, position, rwFlags);
  checkRange("write", position, range.length);
  return range;
}

/** All of a view, for what the user gave in another form. */
export function wholeRange(bytes: Uint8Array, position: number, rwFlags = 0): MemoryRange {
  return { data: undefined, bytes, offset: 0, length: byteLengthOf(bytes), position, rwFlags };
}

const DEFAULT_SIZE = 16384;

/** See `FileHandle.read`. */
export function parseRead(
  buffer: ArrayBufferView | ReadOptions | null | undefined,
  offset: number | ReadOptions | null | undefined,
  length: number | null | undefined,
  position: number | bigint | null | undefined,
): MemoryRange<ArrayBufferView> {
  if (buffer !== undefined && buffer !== null && !ArrayBuffer.isView(buffer)) {
    // Memory without a view on it would pass for an object without options.
    if (typeof buffer !== "object" || Array.isArray(buffer) || buffer instanceof ArrayBuffer) {
      throw typeError("read", "buffer", "a Buffer, TypedArray or DataView");
    }
    offset = buffer;
    buffer = buffer.buffer;
    if (buffer === null) throw typeError("read", "buffer", "a Buffer, TypedArray or DataView");
  }
  const memory = buffer ?? Buffer.alloc(DEFAULT_SIZE);
  if (!ArrayBuffer.isView(memory)) {
    throw typeError("read", "buffer", "a Buffer, TypedArray or DataView");
  }
  let first = offset as number | null | undefined;
  if (typeof offset === "object" && offset !== null) ({ offset: first, length, position } = offset);
  return rangeOf("read", memory, first, length, position);
}

/** See `FileHandle.write`. */
export function parseWrite<D extends ArrayBufferView | string>(
  data: D,
  offset: number | WriteOptions | null | undefined,
  length: number | string | null | undefined,
  position: number | null | undefined,
): MemoryRange<D> {
  let rwFlags = 0;
  if (offset === null && typeof data !== "string" && (length ?? position ?? null) !== null) {
    // The runtimes take null for an object without options, and forget what follows.
    throw typeError("write", "offset", "a number");
  }
  let first = offset as number | null | undefined;
  if (typeof offset === "object" && offset !== null) {
    const { durable, offset: start, position: at, length: count } = offset;
    rwFlags = flagsOf({ durable });
    first = start;
    position = at;
    if (typeof data !== "string") length = count;
  } else if (typeof data === "string") position = offset;
  if (typeof data === "string") {
    // A length, which stands here beside a buffer, is ignored by every runtime.
    const encoding = typeof length === "number" ? "utf8" : parseEncoding("write", length) ?? "utf8";
    // The last digit would be lost.
    if (data.length % 2 !== 0 && encoding.toLowerCase() === "hex") {
      const message = `Cannot write: 'encoding' is invalid for data of length ${data.length}: ` +
        "a byte has two hex digits";
      throw Object.assign(new TypeError(message), { code: "ERR_INVALID_ARG_VALUE" });
    }
    const bytes = Buffer.from(data, encoding);
    const at = parsePosition("write", position, "number");
    return { data, bytes, offset: 0, length: bytes.length, position: at, rwFlags };
  }
  if (!ArrayBuffer.isView(data)) {
    throw typeError("write", "buffer", "a string, Buffer, TypedArray or DataView");
  }
  if (typeof position === "bigint") throw typeError("write", "position", "a number or null");
  return rangeOf("write", data, first, length as number | null | undefined, position, rwFlags);
}

function parseEncoding(action: string, encoding: unknown): BufferEncoding | undefined {
  if (encoding === undefined || encoding === null) return undefined;
  if (typeof encoding === "string" && Buffer.isEncoding(encoding)) return encoding;
  throw valueError(action, "encoding", "an encoding that Buffer knows", encoding);
}

/**
 * Throws unless a signal can be listened to. Members of FileHandle take more, see
 * {@link parseFileOptions}.
 */
export function checkSignal(action: string, signal: AbortSignal | undefined): void {
  if (signal === undefined) return;
  const isSignal = typeof signal === "object" && signal !== null && "aborted" in signal &&
    typeof signal.addEventListener === "function" &&
    typeof signal.removeEventListener === "function";
  if (!isSignal) throw typeError(action, "signal", "an AbortSignal");
}

/** Options of `readFile`, `writeFile` and `appendFile`, or an encoding in their place. */
export function parseFileOptions(
  action: string,
  options: object | string | null | undefined,
): { encoding: BufferEncoding | undefined; signal: AbortSignal | undefined; flush: boolean } {
  if (typeof options === "string") options = { encoding: options };
  if (typeof (options ?? {}) !== "object") {
    throw typeError(action, "options", "an object or an encoding");
  }
  const { buffer, encoding, signal, flush = false, flag, mode } = (options ?? {}) as Record<
    string,
    unknown
  >;
  if (buffer !== undefined) throw typeError(action, "buffer", "undefined");
  if (signal !== undefined && !(signal instanceof Object && "aborted" in signal)) {
    throw typeError(action, "signal", "an AbortSignal");
  }
  if (typeof flush !== "boolean") throw typeError(action, "flush", "a boolean");
  // They have no effect on a file that is open, but wrong ones are errors.
  parseFlags(flag as string);
  parseMode(mode as string);
  return { encoding: parseEncoding(action, encoding), signal: signal as AbortSignal, flush };
}

/**
 * RWF_* for a write.
 *
 * @throws {TypeError} If `durable` is neither true nor false
 */
export function flagsOf({ durable = false }: { durable?: boolean | undefined } = {}): number {
  if (typeof durable !== "boolean") throw typeError("write", "durable", "a boolean");
  return durable ? RWF_DSYNC : 0;
}

function rangeOf<D extends ArrayBufferView>(
  action: string,
  data: D,
  start: number | null | undefined,
  count: number | null | undefined,
  place: number | bigint | null | undefined,
  rwFlags = 0,
): MemoryRange<D> {
  let bytes: Uint8Array;
  try {
    bytes = bytesOf(data);
  } catch {
    throw typeError(action, "buffer", "memory that is not detached");
  }
  const size = byteLengthOf(bytes);
  // Only an empty view can be of a detached buffer, so the look at the buffer is rare.
  if (size === 0 && isDetached(bufferOf(bytes))) {
    throw typeError(action, "buffer", "memory that is not detached");
  }
  const offset = start ?? 0;
  const length = count ?? (typeof offset === "number" ? size - offset : 0);
  const fits = Number.isInteger(offset) && Number.isInteger(length) && offset >= 0 &&
    length >= 0 && offset + length <= size;
  if (!fits) {
    if (size === 0 && action === "read" && length !== 0) {
      throw valueError(action, "buffer", "memory for at least one byte", "empty");
    }
    checkInteger(action, "offset", offset, size);
    checkInteger(action, "length", length, size - offset);
  }
  const isPlain = Number.isSafeInteger(place) && (place as number) >= 0;
  const position = isPlain ? place as number : parsePosition(action, place);
  return { data, bytes, offset, length, position, rwFlags };
}

/** Like Node's: `null`, `undefined` and -1 mean the current position. */
function parsePosition(
  action: string,
  position: number | bigint | null | undefined,
  other: "number" | "bigint" = "bigint",
): number {
  if (position === null || position === undefined) return CURRENT_POSITION;
  if (typeof position !== "number" && typeof position !== other) {
    throw typeError(
      action,
      "position",
      `a number${other === "bigint" ? ", a bigint" : ""} or null`,
    );
  }
  const number = Number(position);
  if (number === -1) return CURRENT_POSITION;
  if (Number.isSafeInteger(number) && number >= 0) return number;
  throw rangeError(action, "position", "an integer from -1 to 2^53 - 1", position);
}

/** The memory of a vectored request. */
export interface MemoryVector {
  readonly parts: readonly { readonly bytes: Uint8Array; readonly length: number }[];
  /** Of all parts together. */
  readonly length: number;
  /** In the file, or {@link CURRENT_POSITION}. */
  readonly position: number;
}

/** See `FileHandle.readv` and `writev`. */
export function parseVector(
  action: string,
  buffers: readonly ArrayBufferView[],
  position: number | null | undefined,
): MemoryVector {
  if (!Array.isArray(buffers)) throw vectorError(action);
  const views: ArrayBufferView[] = [];
  for (const buffer of buffers as readonly unknown[]) {
    // At once: an array may say that it has any number of elements.
    if (!ArrayBuffer.isView(buffer)) throw vectorError(action);
    views.push(buffer);
  }
  const parts = views.map((view) => rangeOf(action, view, 0, null, null));
  return {
    parts,
    length: parts.reduce((sum, { length }) => sum + length, 0),
    position: parsePosition(action, position, "number"),
  };
}

/**
 * Whether an argument may say something else of its memory than the language does, or something else
 * each time. A runtime that asks it could take other memory, or end the process.
 */
export function canLie(argument: unknown): boolean {
  if (typeof argument !== "object" || argument === null) return false;
  if (ArrayBuffer.isView(argument)) return !isOrdinary(argument);
  if (types.isProxy(argument)) return true;
  if (Array.isArray(argument)) {
    const names = Object.keys(argument);
    // An array of holes may have four billion of them, for each of which a runtime may take memory.
    return names.length !== argument.length ||
      names.some((name) => propertyCanLie(argument, name));
  }
  return propertyCanLie(argument, "buffer");
}

function propertyCanLie(object: object, name: string): boolean {
  const property = Object.getOwnPropertyDescriptor(object, name);
  if (property !== undefined) return property.get !== undefined || canLie(property.value);
  const prototype: object | null = Object.getPrototypeOf(object);
  return prototype !== null && (types.isProxy(prototype) || propertyCanLie(prototype, name));
}

function vectorError(action: string): TypeError {
  return typeError(action, "buffers", "an array of Buffers, TypedArrays or DataViews");
}
