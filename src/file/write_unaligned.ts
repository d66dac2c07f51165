/**
 * Writes that do not fill their blocks, to a file that takes whole blocks only.
 *
 * @module
 */
import { EIO } from "../abi/errno.ts";
import { IOCB_CMD_FDSYNC, IOCB_CMD_PREAD, IOCB_CMD_PWRITE } from "../abi/opcodes.ts";
import type { PooledBuffer } from "../memory/buffer_pool.ts";
import { checkIntact, partOf } from "../memory/intrinsics.ts";
import { promiseOf, type Settles, Transfer } from "../route/transfer.ts";
import type { MemoryRange } from "./arguments.ts";
import { Control } from "./control.ts";
import type { OpenFile } from "./open_file.ts";
import { FREE, type LockedRange } from "./range_lock.ts";
import { sizeOf } from "./size_of.ts";
import { writeLocked, type WriteResult } from "./write_one.ts";

/** No machine that runs Linux has larger pages, and few file systems larger blocks. */
const LARGEST_PAGE = 65536;

/**
 * Writes a range, which lies within one part of a long write.
 *
 * @param lengthLock Is waited for
 * @param isPart Whether the caller gives the length back; else it is given back here
 */
export async function writeUnaligned<D>(
  file: OpenFile,
  range: MemoryRange<D>,
  lengthLock: LockedRange,
  isPart = false,
): Promise<WriteResult<D>> {
  const { offset } = file.alignment;
  const { data, position, length } = range;
  const end = position + length;
  let lock: LockedRange | undefined;
  file.enter();
  try {
    if (lengthLock.blockers > 0) await lengthLock.granted();
    // The length is locked, so nothing in this thread cuts the file meanwhile: if it is long enough
    // now, it stays so.
    const size = await sizeOf(file);
    const last = roundUp(end, offset);
    const grows = last > size;
    lock = grows
      ? file.lock.take(pageOf(Math.min(position, size), offset), Infinity, true, FREE, lengthLock)
      : file.lock.take(roundDown(position, offset), last, true, FREE, lengthLock);
    if (lock.blockers > 0) await lock.granted();
    const bytesWritten = grows && file.buffered !== undefined
      ? await writeToEnd(file, file.buffered, range, size)
      : await new MergedWrite(file, range, size).promise;
    return { bytesWritten, buffer: data };
  } finally {
    lock?.release();
    if (!isPart) lengthLock.release();
    file.leave();
  }
}

/**
 * A write that ends in a block which the file has not all of. With O_DIRECT it would leave the file
 * longer than it is to be, until it is cut: so what lies in that block goes through the page cache.
 *
 * The kernel writes dirty pages before it bypasses them, and forgets the pages afterwards. What it
 * cannot do is keep apart two writes to one page, one this way and one that way, at the same time:
 * the caller has locked the page exclusively.
 */
async function writeToEnd(
  file: OpenFile,
  buffered: OpenFile,
  range: MemoryRange,
  size: number,
): Promise<number> {
  const { offset } = file.alignment;
  const { position, length } = range;
  const end = position + length;
  const whole = Math.max(0, roundDown(end, offset) - position);
  // A thread syncs the file after the rest, and so all that is before it: one sync, not two.
  const syncsLater = range.rwFlags !== 0 && whole < length && buffered.router.writesOnThreads;
  const first = { ...range, length: whole, rwFlags: syncsLater ? 0 : range.rwFlags };
  const written = whole === 0 ? 0 : await writeWhole(file, first, size);
  if (written < whole || whole === length) {
    if (syncsLater) await new Control(file, IOCB_CMD_FDSYNC).promise;
    return written;
  }
  // Where io_submit does not wait for the disk, nothing has to be known of the page cache.
  if (buffered.router.writesOnThreads) {
    file.router.writesCached(pageOf(position + whole, offset), roundUp(end, LARGEST_PAGE));
  }
  const rest = {
    ...range,
    offset: range.offset + whole,
    length: length - whole,
    position: position + whole,
  };
  try {
    return written + (await writeLocked(buffered, rest)).bytesWritten;
  } catch (error) {
    // What was written counts, unless it was to be synced; the write of the rest meets the error again.
    if (written === 0 || syncsLater) throw error;
    return written;
  }
}

/** Writes what ends with a block. */
async function writeWhole(file: OpenFile, range: MemoryRange, size: number): Promise<number> {
  if (range.position % file.alignment.offset !== 0) {
    return await new MergedWrite(file, range, size).promise;
  }
  return (await writeLocked(file, range)).bytesWritten;
}

/** Reads the blocks at both ends, merges, and writes all. Its blocks are locked by the caller. */
class MergedWrite extends Transfer implements Settles<number> {
  declare protected readonly file: OpenFile;
  resolve!: (bytesWritten: number) => void;
  reject!: (reason: unknown) => void;
  /** Bytes of the range that were written. */
  readonly promise: Promise<number> = promiseOf(this);
  readonly #range: MemoryRange;
  /** How long the file is at least. */
  readonly #size: number;
  readonly #pooled: PooledBuffer;
  /** The first block. */
  readonly #start: number;
  /** From there to the end of the last block. */
  readonly #span: number;
  /** The blocks to be read first, as places in the pooled buffer. */
  readonly #toRead: number[];

  constructor(file: OpenFile, range: MemoryRange, size: number) {
    super(file);
    const { offset } = file.alignment;
    const { position, length } = range;
    const end = position + length;
    this.#range = range;
    this.#size = size;
    this.#start = roundDown(position, offset);
    this.#span = roundUp(end, offset) - this.#start;
    this.#pooled = file.core.pool.take(this.#span);
    this.bytes = this.#pooled.bytes;
    const head = position > this.#start ? [0] : [];
    const tail = end % offset !== 0 ? [this.#span - offset] : [];
    this.#toRead = [...new Set([...tail, ...head])];
    file.enter();
    this.#next();
  }

  /** Reads the next block, or writes all. */
  #next(): void {
    const { offset } = this.file.alignment;
    const block = this.#toRead.at(-1);
    if (block !== undefined) return this.#send(IOCB_CMD_PREAD, block, offset, 0);
    const { bytes, offset: from, length, position, rwFlags } = this.#range;
    try {
      checkIntact(bytes, from + length, "write from");
      this.#pooled.bytes.set(partOf(bytes, from, length), position - this.#start);
    } catch (error) {
      this.#end();
      return this.reject(error);
    }
    this.#send(IOCB_CMD_PWRITE, 0, this.#span, rwFlags);
  }

  #send(opcode: number, at: number, nbytes: number, rwFlags: number): void {
    this.opcode = opcode;
    this.address = this.#pooled.address + at;
    this.offset = at;
    this.nbytes = this.enough = nbytes;
    this.position = this.#start + at;
    this.rwFlags = rwFlags;
    this.done = 0;
    this.retried = false;
    this.file.router.begin(this);
    this.file.loop.send();
  }

  override settle(res: number): void {
    if (res >= 0 && this.opcode === IOCB_CMD_PREAD) {
      const block = this.#toRead.pop()!;
      const { offset } = this.file.alignment;
      const length = Math.min(offset, this.#size - this.#start - block);
      // Behind the end of the file lie zeros. Before it they would take the place of what is there.
      if (res >= length) {
        this.#pooled.bytes.fill(0, block + res, block + offset);
        return this.#next();
      }
      res = -EIO;
    }
    const { position, length } = this.#range;
    this.#end();
    if (res < 0) this.reject(this.file.error(res, this.opcode, position, length));
    else this.resolve(Math.max(0, Math.min(position + length, this.#start + res) - position));
  }

  #end(): void {
    this.file.core.pool.give(this.#pooled);
    this.file.leave();
  }
}

/** Where the page begins that a position lies in, or the block if that is larger. */
function pageOf(position: number, block: number): number {
  return roundDown(position, Math.max(LARGEST_PAGE, block));
}

function roundDown(value: number, multiple: number): number {
  return value - value % multiple;
}

function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}
