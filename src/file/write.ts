/**
 * Writes of the user's memory, of any position and length.
 *
 * @module
 */
import { POLLOUT } from "../abi/poll.ts";
import { CURRENT_POSITION } from "../route/transfer.ts";
import { LARGEST_WRITE } from "../tuning.ts";
import type { MemoryRange } from "./arguments.ts";
import type { OpenFile } from "./open_file.ts";
import { EXCLUSIVE, FREE, type LockedRange, SHARED } from "./range_lock.ts";
import { sizeOf } from "./size_of.ts";
import { whenReady } from "./stream_turn.ts";
import { writeLocked, writeOne, type WriteResult } from "./write_one.ts";
import { writeUnaligned } from "./write_unaligned.ts";

/** PIPE_BUF: for so many bytes there is room when poll says so. See pipe(7). */
const LARGEST_STREAM_WRITE = 4096;
/** A byte that no other write has: appends lock it, so that a long one stays in one piece. */
const APPENDS = -1;

/**
 * Writes a range, from now on: what cuts the file comes after all writes begun before it.
 *
 * @param signal Ends it between two parts
 * @returns How many bytes were written: fewer where a later part failed, which the next write of
 * that part then reports
 */
export function write<D>(
  file: OpenFile,
  range: MemoryRange<D>,
  signal?: AbortSignal,
): Promise<WriteResult<D>> {
  const isNext = range.position === CURRENT_POSITION;
  if (isOneWrite(file, range)) {
    return writeOne(file, range, lockBytes(file, range, true), isNext);
  }
  return isNext && !file.isStream
    ? writeNext(file, range)
    : writeAfter(file, range, lockLength(file, range), signal);
}

/** Writes at the current position, where that is not one request. */
async function writeNext<D>(file: OpenFile, range: MemoryRange<D>): Promise<WriteResult<D>> {
  file.cursor.check("write");
  // Locked now, as is the turn: what cuts the file comes after all writes begun before it.
  const lengthLock = lockLength(file, range);
  let isBegun = false;
  const action = async (at: number) => {
    isBegun = true;
    return (await writeAfter(file, { ...range, position: at }, lengthLock)).bytesWritten;
  };
  // The position goes with an append, as it does in the kernel: to the end of the file.
  const next = file.append ? () => sizeOf(file) : undefined;
  try {
    const bytesWritten = await file.during(() => file.cursor.move(action, next));
    return { bytesWritten, buffer: range.data };
  } catch (error) {
    // The position could not be found, so nothing was begun that gives the lock back.
    if (!isBegun) lengthLock.release();
    throw error;
  }
}

/** Whether {@link write} makes one request of it, also at the current position. */
function isOneWrite(file: OpenFile, range: MemoryRange): boolean {
  return !file.isStream && !(file.append && file.direct) && isOnePart(file, range) &&
    isAligned(file, range) && (range.position !== CURRENT_POSITION || file.cursor.isKernels);
}

/**
 * What a write has locked from its beginning to its end, so that nothing cuts the file meanwhile. All
 * at once: one that has a part of it must not wait for the rest; see {@link RangeLock}.
 */
function lockLength(file: OpenFile, { length }: MemoryRange): LockedRange {
  if (!file.append) return file.lock.take(0, 0, false, SHARED);
  // With O_DIRECT an append has to know where the file ends, so no other write may extend it.
  const lengthLock = file.direct ? EXCLUSIVE : SHARED;
  return file.lock.take(APPENDS, APPENDS + 1, length > LARGEST_WRITE, lengthLock);
}

/**
 * As {@link write}, for a write that was begun earlier and has waited for its turn.
 *
 * @param lengthLock From {@link lockLength}, taken when it was begun; is given back
 */
function writeAfter<D>(
  file: OpenFile,
  range: MemoryRange<D>,
  lengthLock: LockedRange,
  signal?: AbortSignal,
): Promise<WriteResult<D>> {
  const isOneMerge = file.direct && !file.append && isOnePart(file, range) &&
    !isAligned(file, range);
  return isOneMerge
    ? writeUnaligned(file, range, lengthLock)
    : writeParts(file, range, lengthLock, signal);
}

/** Whether a write is no longer than one request may be. */
function isOnePart({ append }: OpenFile, { position, length }: MemoryRange): boolean {
  const isPlaced = !append && position !== CURRENT_POSITION;
  return (isPlaced ? position % LARGEST_WRITE : 0) + length <= LARGEST_WRITE;
}

/** Always true of a file that takes any position and length. */
function isAligned({ alignment }: OpenFile, { position, length }: MemoryRange): boolean {
  return position % alignment.offset === 0 && length % alignment.offset === 0;
}

/**
 * What a request that writes whole blocks shares with others of its kind.
 *
 * @param held The length, for a part of a write that has it locked
 */
export function lockBytes(
  file: OpenFile,
  { position, length }: Pick<MemoryRange, "position" | "length">,
  withLength: boolean,
  held?: LockedRange,
): LockedRange {
  // The kernel finds the end, and its current position, by itself: such a write may go anywhere.
  return file.append && !file.direct || position === CURRENT_POSITION
    ? file.lock.take(withLength ? APPENDS : 0, Infinity, false, withLength ? SHARED : FREE, held)
    : file.lock.take(position, position + length, false, withLength ? SHARED : FREE, held);
}

/** One part after the other, each but the last up to a position that is a multiple of all blocks. */
async function writeParts<D>(
  file: OpenFile,
  range: MemoryRange<D>,
  lengthLock: LockedRange,
  signal?: AbortSignal,
): Promise<WriteResult<D>> {
  const { data, length, offset } = range;
  const largest = file.isStream ? LARGEST_STREAM_WRITE : LARGEST_WRITE;
  let written = 0;
  file.enter();
  try {
    if (lengthLock.blockers > 0) await lengthLock.granted();
    const position = await startOf(file, range);
    while (written < length) {
      const at = position === CURRENT_POSITION ? position : position + written;
      const count = Math.min(length - written, largest - Math.max(0, at) % largest);
      const part = { ...range, offset: offset + written, length: count, position: at };
      const { bytesWritten } = await writePart(file, part, lengthLock);
      written += bytesWritten;
      if (bytesWritten < count || signal?.aborted) break;
    }
  } catch (error) {
    // What was written counts; the write of the rest meets the error again.
    if (written === 0) throw error;
  } finally {
    lengthLock.release();
    file.leave();
  }
  return { bytesWritten: written, buffer: data };
}

/** With O_DIRECT an append goes to a position: the kernel would want the end to be aligned. */
async function startOf(file: OpenFile, { position }: MemoryRange): Promise<number> {
  if (file.append && file.direct) return await sizeOf(file);
  if (file.isStream) return 0;
  return file.append && position !== CURRENT_POSITION ? 0 : position;
}

async function writePart(
  file: OpenFile,
  part: MemoryRange,
  lengthLock: LockedRange,
): Promise<WriteResult<unknown>> {
  if (file.isStream) {
    return await whenReady(file, POLLOUT, undefined, () => writeLocked(file, part));
  }
  if (isAligned(file, part)) {
    return await writeOne(file, part, lockBytes(file, part, false, lengthLock));
  }
  return await writeUnaligned(file, part, lengthLock, true);
}
