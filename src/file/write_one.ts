/**
 * A write that is one request.
 *
 * @module
 */
import { IOCB_CMD_PWRITE } from "../abi/opcodes.ts";
import type { PooledBuffer } from "../memory/buffer_pool.ts";
import {
  bufferOf,
  byteOffsetOf,
  checkIntact,
  isPlain,
  ownView,
  partOf,
} from "../memory/intrinsics.ts";
import { NO_ADDRESS, promiseOf, type Settles, Transfer } from "../route/transfer.ts";
import { IDLE_TRANSFERS_KEPT } from "../tuning.ts";
import type { MemoryRange } from "./arguments.ts";
import type { OpenFile } from "./open_file.ts";
import type { LockedRange, RangeOwner } from "./range_lock.ts";

/** What `write` resolves with. */
export interface WriteResult<D> {
  bytesWritten: number;
  buffer: D;
}

/**
 * A write with one request: of whole blocks, if the file was opened with O_DIRECT. It waits for its
 * range, and holds memory and range until it is over. Then it is used again.
 */
class Write<D> extends Transfer implements Settles<WriteResult<D>>, RangeOwner {
  declare protected file: OpenFile;
  resolve!: (result: WriteResult<D>) => void;
  reject!: (reason: unknown) => void;
  #range: MemoryRange<D> | undefined = undefined;
  #lock: LockedRange | undefined = undefined;
  /** Whether it has the cursor's turn, or waits for it. */
  #hasTurn = false;
  #bounce: PooledBuffer | undefined = undefined;

  /** Begins the write, and makes its promise; see {@link writeOne}. */
  issue(
    file: OpenFile,
    range: MemoryRange<D>,
    lock: LockedRange,
    takesTurn: boolean,
  ): Promise<WriteResult<D>> {
    const promise = promiseOf(this);
    this.file = file;
    this.#range = range;
    this.#lock = lock;
    this.#hasTurn = takesTurn;
    file.enter();
    if (takesTurn) {
      // In the moment in which it was made, and not locked before it has both; see RangeLock.
      lock.block();
      lock.owner = this;
      file.cursor.enter(() => lock.unblock(), range.rwFlags);
    } else if (lock.blockers > 0) lock.owner = this;
    else this.granted();
    return promise;
  }

  /** Range and turn are there: sends the request. */
  granted(): void {
    const { file } = this;
    const { length, position, rwFlags } = this.#range!;
    try {
      this.#pinSource();
    } catch (error) {
      this.reject(error);
      return this.#end();
    }
    this.opcode = IOCB_CMD_PWRITE;
    this.nbytes = this.enough = length;
    this.position = position;
    this.rwFlags = rwFlags;
    this.done = 0;
    file.router.begin(this);
    file.loop.send();
  }

  /** Uses the memory where it lies, if the kernel may, or copies it to a bounce buffer. */
  #pinSource(): void {
    const { bytes, offset, length, position } = this.#range!;
    const { core: { pool }, alignment, router } = this.file;
    checkIntact(bytes, offset + length, "write from");
    const base = pool.addressOf(bufferOf(bytes));
    this.offset = 0;
    if (base === NO_ADDRESS && router.writesInPlace(position) && isPlain(bytes)) {
      this.bytes = ownView(bytes, offset, length);
      this.address = NO_ADDRESS;
      return;
    }
    this.address = base === NO_ADDRESS ? NO_ADDRESS : base + byteOffsetOf(bytes) + offset;
    if (base !== NO_ADDRESS && this.address % alignment.memory === 0) {
      // No address is known of a SharedArrayBuffer.
      this.bytes = bytes as Uint8Array<ArrayBuffer>;
      this.offset = offset;
      return;
    }
    const bounce = this.#bounce = pool.take(length);
    bounce.bytes.set(partOf(bytes, offset, length));
    this.bytes = bounce.bytes;
    this.address = bounce.address;
  }

  override settle(res: number): void {
    const { data, position, length } = this.#range!;
    if (res >= 0) this.resolve({ bytesWritten: res, buffer: data });
    else this.reject(this.#lost() ?? this.file.error(res, IOCB_CMD_PWRITE, position, length));
    this.#end();
  }

  /** The error of memory that was lost while a thread was to write it. */
  #lost(): unknown {
    const { bytes, offset, length } = this.#range!;
    try {
      if (this.address === NO_ADDRESS) checkIntact(bytes, offset + length, "write from");
    } catch (error) {
      return error;
    }
  }

  #end(): void {
    const { file } = this;
    file.lock.remove(this.#lock!);
    if (this.#hasTurn) file.cursor.leave();
    if (this.#bounce !== undefined) file.core.pool.give(this.#bounce);
    file.leave();
    // An idle write must keep nothing of its last user alive.
    this.#range = this.#bounce = this.bytes = undefined;
    this.resolve = this.reject = ignore;
    const { writes } = file.loop.idle;
    if (writes.length < IDLE_TRANSFERS_KEPT) writes.push(this);
  }
}

function ignore(): void {}

/**
 * Writes with one request.
 *
 * @param lock Is waited for, and given back
 * @param takesTurn Whether it is at the current position, and waits for its turn there
 */
export function writeOne<D>(
  file: OpenFile,
  range: MemoryRange<D>,
  lock: LockedRange,
  takesTurn = false,
): Promise<WriteResult<D>> {
  const write = file.loop.idle.writes.pop() as Write<D> | undefined ?? new Write<D>(file);
  return write.issue(file, range, lock, takesTurn);
}

/** Writes with one request, where the caller has locked what has to be. */
export function writeLocked(file: OpenFile, range: MemoryRange): Promise<WriteResult<unknown>> {
  return writeOne(file, range, file.lock.take(0, 0, false));
}
