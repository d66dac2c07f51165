/**
 * Reads of a file.
 *
 * @module
 */
import { ECANCELED } from "../abi/errno.ts";
import { IOCB_CMD_PREAD } from "../abi/opcodes.ts";
import { POLLIN } from "../abi/poll.ts";
import type { IdleTransfers } from "../context/event_loop.ts";
import type { PooledBuffer } from "../memory/buffer_pool.ts";
import {
  bufferOf,
  byteOffsetOf,
  checkIntact,
  copyBytes,
  isPlain,
  ownView,
} from "../memory/intrinsics.ts";
import { newBytes } from "../memory/new_bytes.ts";
import {
  CURRENT_POSITION,
  NO_ADDRESS,
  promiseOf,
  type Settles,
  Transfer,
} from "../route/transfer.ts";
import {
  IDLE_TRANSFERS_KEPT,
  LARGEST_NEXT_READ,
  LARGEST_READ,
  LARGEST_THREAD_READ,
  PARTS_AT_ONCE,
  SMALLEST_THREAD_READ,
  SMALLEST_THREAD_READ_AT,
} from "../tuning.ts";
import { onAbortBefore } from "./abortable.ts";
import type { MemoryRange } from "./arguments.ts";
import type { OpenFile } from "./open_file.ts";
import { whenReady } from "./stream_turn.ts";

/**
 * A read of a range. Its bytes arrive in a pooled buffer, rounded to the alignment of the file, or
 * in the user's memory where that can be used as it is.
 */
export abstract class RangeRead extends Transfer {
  declare protected file: OpenFile;
  /** How many bytes it has. */
  length = 0;
  /** The memory, if it is pooled. */
  protected pooled: PooledBuffer | undefined = undefined;
  /** How far the range begins behind the start of the pooled buffer. */
  #skip = 0;

  /**
   * Begins to read.
   *
   * @param inPlace Whether `bytes`, `offset` and `address` are memory for a range that is aligned;
   * else a pooled buffer is taken
   * @param onThread See {@link Router.begin}
   */
  protected send(start: number, length: number, inPlace = false, onThread = false): void {
    const { file } = this;
    const { readOffset } = file.alignment;
    const skip = this.#skip = start % readOffset;
    const enough = this.enough = skip + length;
    const span = this.nbytes = Math.ceil(enough / readOffset) * readOffset;
    if (!inPlace) {
      const pooled = this.pooled = file.core.pool.take(span);
      this.bytes = pooled.bytes;
      this.address = pooled.address;
      this.offset = 0;
    }
    this.opcode = IOCB_CMD_PREAD;
    this.length = length;
    this.position = start - skip;
    this.rwFlags = 0;
    this.done = 0;
    this.retried = false;
    this.stopped = false;
    file.enter();
    file.router.begin(this, onThread);
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

/** A read for a promise. It is used again when it is over. */
abstract class PromisedRead<R> extends RangeRead implements Settles<R> {
  resolve!: (result: R) => void;
  reject!: (reason: unknown) => void;
  /** What the signal calls, if there is one. */
  #abort: (() => void) | undefined = undefined;

  /** Rejects the promise at once when the signal is aborted. */
  protected listen(signal: AbortSignal, promise: Promise<R>): void {
    // It was cached and is over: the object may be another read before the listener is taken off.
    if (this.resolve === ignore) return;
    const abort = () => {
      // The object may be another read by now.
      if (this.#abort !== abort) return;
      // The promise is over at once. Memory and slot stay taken until the kernel lets go of them.
      this.reject(signal.reason);
      this.stop();
    };
    this.#abort = abort;
    try {
      onAbortBefore(promise, signal, abort);
    } catch (error) {
      this.reject(error);
      this.stop();
    }
  }

  protected override arrived(count: number): void {
    // After an abort nobody expects the bytes, and the user's memory may have another use.
    try {
      if (!this.stopped) this.resolve(this.result(count));
    } catch (error) {
      this.reject(error);
    }
    this.end();
  }

  protected override failed(errno: number): void {
    // After an abort the promise was rejected with its reason.
    if (errno !== -ECANCELED || !this.stopped) {
      this.reject(this.file.error(errno, IOCB_CMD_PREAD, this.start, this.length));
    }
    this.end();
  }

  /** The promise is settled. */
  protected end(): void {
    this.release();
    // An idle read must keep nothing of its last user alive.
    this.#abort = undefined;
    this.resolve = this.reject = ignore;
    const idle = this.idle(this.file.loop.idle);
    if (idle.length < IDLE_TRANSFERS_KEPT) idle.push(this);
  }

  /** Where it goes when it is over. */
  protected abstract idle(transfers: IdleTransfers): unknown[];

  /** What the promise resolves with. */
  protected abstract result(count: number): R;
}

/**
 * A read of which the caller gets memory of its own, with one copy or none.
 *
 * A large one without O_DIRECT, while another operation of the file is under way, is made by a thread
 * straight into that memory: a process pays for each page of new memory when it is touched first, as
 * much as for the copy, and threads do that beside each other.
 */
class ReadAt extends PromisedRead<Uint8Array<ArrayBuffer>> {
  /** Begins the read, and makes its promise. */
  issue(
    file: OpenFile,
    start: number,
    length: number,
    signal: AbortSignal | undefined,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const promise = promiseOf(this);
    this.file = file;
    const onThread = length >= SMALLEST_THREAD_READ_AT && file.isBusy && file.router.hasThreads;
    if (onThread) {
      this.bytes = newBytes(length);
      this.address = NO_ADDRESS;
      this.offset = 0;
    }
    this.send(start, length, onThread, onThread);
    if (signal !== undefined) this.listen(signal, promise);
    return promise;
  }

  protected override result(count: number): Uint8Array<ArrayBuffer> {
    if (this.pooled === undefined) {
      const bytes = this.bytes!;
      return count === bytes.length ? bytes : bytes.slice(0, count);
    }
    // A copy that is not zeroed before, and whose buffer is exactly the range.
    return new Uint8Array(this.read(count));
  }

  protected override idle(transfers: IdleTransfers): unknown[] {
    return transfers.readAts;
  }
}

/** Reads up to {@link LARGEST_READ} bytes into memory of its own. */
export function readAt(
  file: OpenFile,
  position: number,
  length: number,
  signal: AbortSignal | undefined,
): Promise<Uint8Array<ArrayBuffer>> {
  const read = file.loop.idle.readAts.pop() as ReadAt | undefined ?? new ReadAt(file);
  const promise = read.issue(file, position, length, signal);
  file.loop.send();
  return promise;
}

/** What `read` resolves with. */
interface ReadResult<B> {
  bytesRead: number;
  buffer: B;
}

/** A read into the user's memory: in place, or with one copy. */
class ReadInto extends PromisedRead<ReadResult<unknown>> {
  declare readonly isWhole: boolean;
  #range: MemoryRange | undefined = undefined;
  /** Whether it has the cursor's turn. */
  #hasTurn = false;

  /** Begins the read, and makes its promise. */
  issue(
    file: OpenFile,
    range: MemoryRange,
    signal: AbortSignal | undefined,
  ): Promise<ReadResult<unknown>> {
    const promise = promiseOf(this);
    this.file = file;
    this.#range = range;
    this.send(range.position, range.length, this.#useInPlace(range));
    if (signal !== undefined) this.listen(signal, promise);
    return promise;
  }

  /** As {@link ReadInto.issue}, at the current position as soon as it is its turn. */
  issueNext(file: OpenFile, range: MemoryRange): Promise<ReadResult<unknown>> {
    const promise = promiseOf(this);
    this.file = file;
    this.#range = range;
    file.enter();
    file.cursor.enter(() => {
      this.#hasTurn = true;
      try {
        checkIntact(range.bytes, range.offset + range.length, "read into");
        this.send(range.position, range.length, this.#useInPlace(range));
      } catch (error) {
        this.reject(error);
        this.end();
      }
      file.leave();
    });
    return promise;
  }

  /** Whether the memory is used where it lies: `allocate` made it, and it is aligned, or threads do. */
  #useInPlace(range: MemoryRange): boolean {
    const { bytes, offset, length, position } = range;
    const { core: { pool }, alignment: { memory, readOffset } } = this.file;
    if (position % readOffset !== 0 || length % readOffset !== 0) return false;
    const base = pool.addressOf(bufferOf(bytes));
    const isSmall = length < SMALLEST_THREAD_READ && position !== CURRENT_POSITION;
    if (base === NO_ADDRESS && (isSmall || !isForThreads(this.file, bytes))) return false;
    if (base === NO_ADDRESS) {
      this.address = base;
      this.offset = 0;
      this.bytes = ownView(bytes, offset, length);
      return true;
    }
    this.address = base + byteOffsetOf(bytes) + offset;
    this.offset = offset;
    // No address is known of a SharedArrayBuffer.
    this.bytes = bytes as Uint8Array<ArrayBuffer>;
    return this.address % memory === 0;
  }

  protected override result(count: number): ReadResult<unknown> {
    const { data, bytes, offset, length } = this.#range!;
    // A thread may have written to memory that is no longer under this view.
    if (this.pooled !== undefined || this.address === NO_ADDRESS) {
      checkIntact(bytes, offset + length, "read into");
    }
    if (this.pooled !== undefined) copyBytes(bytes, this.read(count), offset);
    return { bytesRead: count, buffer: data };
  }

  protected override end(): void {
    const { cursor } = this.file;
    const hadTurn = this.#hasTurn;
    this.#hasTurn = false;
    this.#range = undefined;
    super.end();
    if (hadTurn) cursor.leave();
  }

  protected override idle(transfers: IdleTransfers): unknown[] {
    return transfers.reads;
  }
}

// It is FileHandle's, and so is what it makes of an error behind bytes: the next read meets it.
(ReadInto.prototype as { isWhole: boolean }).isWhole = false;

function ignore(): void {}

/**
 * Whether a large read into memory that the kernel cannot reach goes to the threads as it is. By the
 * ring it would be copied once more, and that takes longer than a thread to begin.
 */
function isForThreads(file: OpenFile, bytes: Uint8Array): boolean {
  return file.router.hasThreads && isPlain(bytes);
}

/** Reads into memory, of any length and at any position. */
export function read<D>(file: OpenFile, range: MemoryRange<D>): Promise<ReadResult<D>> {
  if (!isOneRead(file, range)) return readParts(file, range);
  return range.position === CURRENT_POSITION ? readNext(file, range) : readInto(file, range);
}

/** Whether a read is made by {@link readInto} or {@link readNext}: else it has several parts. */
function isOneRead(file: OpenFile, range: MemoryRange): boolean {
  const { length, bytes, position } = range;
  if (length === 0 || file.isStream) return false;
  if (position === CURRENT_POSITION && (file.direct || !file.cursor.isKernels)) return false;
  if (length <= LARGEST_READ) return true;
  return length <= LARGEST_THREAD_READ && isForThreads(file, bytes) &&
    file.core.pool.addressOf(bufferOf(bytes)) === NO_ADDRESS;
}

async function readParts<D>(file: OpenFile, range: MemoryRange<D>): Promise<ReadResult<D>> {
  const { data, bytes, offset, length, position } = range;
  const action = async (at: number) => {
    checkIntact(bytes, offset + length, "read into");
    return await readLong(file, { ...range, position: at });
  };
  // Under way from now on, also while it waits for its turn: closing waits for it.
  const bytesRead = length === 0 ? 0 : await file.during(() => file.cursor.at(position, action));
  return { bytesRead, buffer: data };
}

/** Reads at the current position, which the kernel moves. */
function readNext<D>(file: OpenFile, range: MemoryRange<D>): Promise<ReadResult<D>> {
  const promise = takeRead(file).issueNext(file, range);
  file.loop.send();
  return promise as Promise<ReadResult<D>>;
}

/** One that is over, or a new one. */
function takeRead(file: OpenFile): ReadInto {
  return file.loop.idle.reads.pop() as ReadInto | undefined ?? new ReadInto(file);
}

/**
 * Reads into memory; see {@link isOneRead}.
 *
 * @param signal Rejects the promise
 */
function readInto<D>(
  file: OpenFile,
  range: MemoryRange<D>,
  signal?: AbortSignal,
): Promise<ReadResult<D>> {
  const promise = takeRead(file).issue(file, range, signal);
  file.loop.send();
  return promise as Promise<ReadResult<D>>;
}

/**
 * Reads any number of bytes into memory, also from a stream.
 *
 * @returns How many bytes there were: fewer only at the end of the file, or of a stream's supply, and
 * before an error, which the next read meets
 */
export async function readLong(
  file: OpenFile,
  range: MemoryRange,
  signal?: AbortSignal,
): Promise<number> {
  const { bytes, offset, length } = range;
  if (file.isStream) {
    const part = { ...range, length: Math.min(length, LARGEST_READ), position: 0 };
    const read = () => readInto(file, part, signal);
    return (await whenReady(file, POLLIN, signal, read)).bytesRead;
  }
  const isPlaced = range.position !== CURRENT_POSITION;
  // At the current position each part begins where the one before it has ended.
  const largest = !isPlaced && isForThreads(file, bytes) ? LARGEST_NEXT_READ : LARGEST_READ;
  if (length <= largest) return (await readInto(file, range, signal)).bytesRead;
  const atOnce = (isPlaced ? PARTS_AT_ONCE : 1) * largest;
  let total = 0;
  for (let start = 0; start < length; start += atOnce) {
    checkIntact(bytes, offset + length, "read into");
    const parts: Promise<ReadResult<unknown>>[] = [];
    const end = Math.min(length, start + atOnce);
    for (let at = start; at < end; at += largest) {
      const position = isPlaced ? range.position + at : CURRENT_POSITION;
      const count = Math.min(end - at, largest);
      parts.push(
        readInto(file, { ...range, offset: offset + at, length: count, position }, signal),
      );
    }
    // All of them, so that none writes to the memory after the failure of another is known.
    await (signal === undefined ? Promise.allSettled(parts) : Promise.all(parts));
    for (const [index, part] of parts.entries()) {
      try {
        total += (await part).bytesRead;
      } catch (error) {
        // What came before it counts, and the next read meets the error again.
        if (total === 0) throw error;
        return total;
      }
      // What lies behind a short part came later, when the file had grown: there would be a gap.
      if (total < Math.min(end, start + (index + 1) * largest)) return total;
    }
  }
  return total;
}
