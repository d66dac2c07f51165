/**
 * Reads of a file.
 *
 * @module
 */
import { ECANCELED } from "../abi/errno.ts";
import { IOCB_CMD_PREAD } from "../abi/opcodes.ts";
import { POLLIN } from "../abi/poll.ts";
import type { PooledBuffer } from "../memory/buffer_pool.ts";
import { bufferOf, byteOffsetOf, checkIntact, copyBytes } from "../memory/intrinsics.ts";
import { CURRENT_POSITION, promiseOf, type Settles, Transfer } from "../route/transfer.ts";
import type { OpenFile } from "./open_file.ts";
import { whenReady } from "./stream_turn.ts";

/** Reads longer than this are made of several. */
export const LARGEST_READ = 1 << 20;
/** How many parts of a long read are under way at once. */
const PARTS = 8;

/**
 * A read of a range. Its bytes arrive in a pooled buffer, rounded to the alignment of the file, or
 * in the user's memory where that can be used as it is.
 */
export abstract class RangeRead extends Transfer {
  declare protected readonly file: OpenFile;
  /** How many bytes it has. */
  length = 0;
  /** The memory, if it is pooled. */
  protected pooled: PooledBuffer | undefined = undefined;
  /** How far the range begins behind the start of the pooled buffer. */
  #skip = 0;

  /** Begins to read into a pooled buffer. */
  protected readPooled(start: number, length: number): void {
    const { readOffset } = this.file.alignment;
    const skip = this.#skip = start % readOffset;
    const enough = skip + length;
    const span = Math.ceil(enough / readOffset) * readOffset;
    const pooled = this.pooled = this.file.core.pool.take(span);
    this.bytes = pooled.bytes;
    this.address = pooled.address;
    this.offset = 0;
    this.#read(start, length, span);
  }

  /** Begins to read into memory that the kernel may use where it lies; see {@link inPlace}. */
  protected readInPlace(start: number, length: number): void {
    this.#read(start, length, length);
  }

  #read(start: number, length: number, span: number): void {
    this.opcode = IOCB_CMD_PREAD;
    this.length = length;
    this.nbytes = span;
    this.position = start - this.#skip;
    this.rwFlags = 0;
    this.done = 0;
    this.enough = this.#skip + length;
    this.stopped = false;
    this.file.enter();
    this.file.router.begin(this);
  }

  /** Where the range begins. */
  get start(): number {
    return this.position === CURRENT_POSITION
      ? CURRENT_POSITION
      : this.position - this.done + this.#skip;
  }

  override settle(res: number): void {
    this.file.leave();
    if (res < 0) this.failed(res);
    else this.arrived(Math.max(0, Math.min(this.length, res - this.#skip)));
  }

  /** Cancels the read if it is still queued. Once submitted it completes, but is not continued. */
  protected stop(): void {
    this.stopped = true;
    this.file.core.submission.cancel(this);
  }

  /** The first `count` bytes of the range in the pooled buffer. */
  protected read(count: number): Uint8Array<ArrayBuffer> {
    const { bytes } = this.pooled!;
    const whole = this.#skip === 0 && count === bytes.length;
    return whole ? bytes : bytes.subarray(this.#skip, this.#skip + count);
  }

  /** Gives the memory back. */
  protected release(): void {
    if (this.pooled !== undefined) this.file.core.pool.give(this.pooled);
    this.pooled = this.bytes = undefined;
  }

  /** `count` bytes are there: fewer than asked for only at the end of the file. */
  protected abstract arrived(count: number): void;

  /** The kernel answered `-errno`. */
  protected abstract failed(errno: number): void;
}

/** A read for a promise. */
abstract class PromisedRead<R> extends RangeRead implements Settles<R> {
  resolve!: (result: R) => void;
  reject!: (reason: unknown) => void;
  /** The result. */
  readonly promise: Promise<R> = promiseOf(this);
  /** Takes the listener off the signal, if there is one. */
  #unlisten: (() => void) | undefined = undefined;

  /** Rejects at once when the signal is aborted. */
  protected listen(signal: AbortSignal): void {
    const abort = () => {
      // The promise is over at once. Memory and slot stay taken until the kernel lets go of them.
      this.reject(signal.reason);
      this.stop();
    };
    signal.addEventListener("abort", abort, { once: true });
    this.#unlisten = () => signal.removeEventListener("abort", abort);
  }

  protected override arrived(count: number): void {
    // After an abort nobody expects the bytes, and the user's memory may have another use.
    try {
      if (!this.stopped) this.resolve(this.result(count));
    } catch (error) {
      this.reject(error);
    }
    this.release();
    this.#unlisten?.();
  }

  protected override failed(errno: number): void {
    this.release();
    this.#unlisten?.();
    // Then the promise was rejected with the reason of the abort.
    if (errno === -ECANCELED && this.stopped) return;
    this.reject(this.file.error(errno, IOCB_CMD_PREAD, this.start, this.length));
  }

  /** What the promise resolves with. */
  protected abstract result(count: number): R;
}

/** A read of which the caller gets memory of its own, with one copy. */
class ReadAt extends PromisedRead<Uint8Array<ArrayBuffer>> {
  constructor(file: OpenFile, start: number, length: number, signal: AbortSignal | undefined) {
    super(file);
    this.readPooled(start, length);
    if (signal !== undefined) this.listen(signal);
  }

  protected override result(count: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(count);
    bytes.set(this.read(count));
    return bytes;
  }
}

/** Reads up to {@link LARGEST_READ} bytes into memory of its own. */
export function readAt(
  file: OpenFile,
  position: number,
  length: number,
  signal: AbortSignal | undefined,
): Promise<Uint8Array<ArrayBuffer>> {
  const { promise } = new ReadAt(file, position, length, signal);
  file.loop.flush.ask();
  return promise;
}

/** What `read` resolves with. */
export interface ReadResult<B> {
  bytesRead: number;
  buffer: B;
}

/** A read into the user's memory: in place, or with one copy. */
class ReadInto<B> extends PromisedRead<ReadResult<B>> {
  readonly #target: Uint8Array;
  readonly #offset: number;
  readonly #buffer: B;

  constructor(
    file: OpenFile,
    target: Uint8Array,
    offset: number,
    length: number,
    position: number,
    buffer: B,
    signal: AbortSignal | undefined,
  ) {
    super(file);
    this.#target = target;
    this.#offset = offset;
    this.#buffer = buffer;
    if (this.#useInPlace(position, length)) this.readInPlace(position, length);
    else this.readPooled(position, length);
    if (signal !== undefined) this.listen(signal);
  }

  /** Whether the kernel may use the memory where it lies: `allocate` made it, and it is aligned. */
  #useInPlace(position: number, length: number): boolean {
    const { core: { pool }, alignment: { memory, readOffset } } = this.file;
    if (position % readOffset !== 0 || length % readOffset !== 0) return false;
    const base = pool.addressOf(bufferOf(this.#target));
    if (base === 0) return false;
    this.address = base + byteOffsetOf(this.#target) + this.#offset;
    this.offset = this.#offset;
    // Memory from `allocate` is no SharedArrayBuffer.
    this.bytes = this.#target as Uint8Array<ArrayBuffer>;
    return this.address % memory === 0;
  }

  protected override result(count: number): ReadResult<B> {
    if (this.pooled !== undefined) {
      checkIntact(this.#target, this.#offset + this.length, "read into");
      copyBytes(this.#target, this.read(count), this.#offset);
    }
    return { bytesRead: count, buffer: this.#buffer };
  }
}

/**
 * Reads up to {@link LARGEST_READ} bytes into the user's memory.
 *
 * @param target The memory
 * @param offset Where in it
 * @param length How many bytes, not 0
 * @param position In the file
 * @param buffer What the user gave, for the result
 * @param signal Rejects the promise
 */
export function readInto<B>(
  file: OpenFile,
  target: Uint8Array,
  offset: number,
  length: number,
  position: number,
  buffer: B,
  signal?: AbortSignal,
): Promise<ReadResult<B>> {
  const { promise } = new ReadInto(file, target, offset, length, position, buffer, signal);
  file.loop.flush.ask();
  return promise;
}

/**
 * Reads any number of bytes into the user's memory, also from a stream.
 *
 * @param position In the file, or {@link CURRENT_POSITION}
 * @returns How many bytes there were: fewer only at the end of the file, or of a stream's supply
 */
export async function readLong(
  file: OpenFile,
  target: Uint8Array,
  offset: number,
  length: number,
  position: number,
  signal?: AbortSignal,
): Promise<number> {
  const whole = offset + length;
  const isPlaced = position !== CURRENT_POSITION;
  const placeOf = (at: number) => file.isStream ? 0 : isPlaced ? position + at : position;
  const part = (at: number, count: number) =>
    readInto(file, target, offset + at, count, placeOf(at), null, signal);
  if (file.isStream) {
    const count = Math.min(length, LARGEST_READ);
    return (await whenReady(file, POLLIN, signal, () => part(0, count))).bytesRead;
  }
  let total = 0;
  // At the current position each part begins where the one before it has ended.
  const atOnce = (isPlaced ? PARTS : 1) * LARGEST_READ;
  for (let start = 0; start < length; start += atOnce) {
    checkIntact(target, whole, "read into");
    const parts: Promise<ReadResult<null>>[] = [];
    const end = Math.min(length, start + atOnce);
    for (let at = start; at < end; at += LARGEST_READ) {
      parts.push(part(at, Math.min(end - at, LARGEST_READ)));
    }
    // All of them, so that none writes to the user's memory after the failure of another is known.
    if (signal === undefined) await Promise.allSettled(parts);
    for (const [index, { bytesRead }] of (await Promise.all(parts)).entries()) {
      total += bytesRead;
      // What lies behind a short part came later, when the file had grown: there would be a gap.
      if (total < Math.min(end, start + (index + 1) * LARGEST_READ)) return total;
    }
  }
  return total;
}
