/**
 * Writes of the user's memory, of any position and length.
 *
 * @module
 */
import { fstat, ftruncate } from "node:fs";
import { promisify } from "node:util";
import { IOCB_CMD_FDSYNC, IOCB_CMD_PREAD, IOCB_CMD_PWRITE } from "../abi/opcodes.ts";
import { POLLOUT } from "../abi/poll.ts";
import type { Piece } from "../memory/slab.ts";
import type { OpenFile } from "./open_file.ts";
import { whenReady } from "./stream_turn.ts";
import { NO_MEMORY, transfer } from "./transfer.ts";

const fstatAsync = promisify(fstat);
const ftruncateAsync = promisify(ftruncate);

/** Writes longer than this are made of several, one after the other. */
const LARGEST_WRITE = 1 << 20;
/** PIPE_BUF: for so many bytes there is room when poll says so. See pipe(7). */
const LARGEST_STREAM_WRITE = 4096;

/**
 * Writes `source` at `position`.
 *
 * @param rwFlags RWF_DSYNC: what was written is on the disk when the promise resolves
 * @returns How many bytes were written: fewer where a later part failed, which the next write of
 * that part then reports
 */
export async function writeFrom(
  file: OpenFile,
  source: Uint8Array,
  position: number,
  rwFlags: number,
): Promise<number> {
  if (file.isStream) {
    return await inParts(
      source,
      LARGEST_STREAM_WRITE,
      (part) => whenReady(file, POLLOUT, undefined, () => writePart(file, part, 0, rwFlags)),
    );
  }
  // Taken at once, so that a truncate comes after the writes that were begun before it. An append
  // with O_DIRECT goes to a position that it has to find first: nobody else may lengthen the file
  const leave = await file.lock.hold(...LENGTH_GATE, file.append && file.direct);
  try {
    return file.append
      ? await append(file, source, rwFlags)
      : await writeParts(file, source, position, rwFlags);
  } finally {
    leave();
  }
}

/** A write at a position, which goes where it says. */
function writeParts(
  file: OpenFile,
  source: Uint8Array,
  position: number,
  rwFlags: number,
): Promise<number> {
  const write = file.direct ? writeDirect : writePart;
  return inParts(
    source,
    LARGEST_WRITE,
    (part, at) => write(file, part, position + at, rwFlags),
  );
}

/** A range that no write has: held alone by what cuts the file, shared by the writes. */
export const LENGTH_GATE: [start: number, end: number] = [-2, -1];
/** The same for appends, of which a long one must stay in one piece. */
const APPEND_GATE: [start: number, end: number] = [-1, 0];

/** One part after the other; ends where one is not written whole. */
async function inParts(
  source: Uint8Array,
  largest: number,
  write: (part: Uint8Array, at: number) => Promise<number>,
): Promise<number> {
  let written = 0;
  while (written < source.byteLength) {
    const part = source.subarray(written, written + largest);
    try {
      const count = await write(part, written);
      written += count;
      if (count < part.byteLength) break;
    } catch (error) {
      // What was written counts; who writes the rest meets the error again
      if (written === 0) throw error;
      break;
    }
  }
  return written;
}

/** A write at the end, wherever that is. */
async function append(file: OpenFile, source: Uint8Array, rwFlags: number): Promise<number> {
  const release = await file.lock.hold(...APPEND_GATE, source.byteLength > LARGEST_WRITE);
  try {
    // The kernel finds the end by itself, but for O_DIRECT, where it would have to be aligned
    const position = file.direct ? (await fstatAsync(file.fd)).size : 0;
    return await writeParts(file, source, position, rwFlags);
  } finally {
    release();
  }
}

/** One write, from memory that the kernel may use where it lies or from a stand-in. */
async function writePart(
  file: OpenFile,
  part: Uint8Array,
  position: number,
  rwFlags: number,
): Promise<number> {
  const { slab } = file.core;
  const length = part.byteLength;
  const base = file.core.addressOf(part.buffer);
  const address = base + part.byteOffset;
  if (base !== 0 && address % file.alignment.memory === 0) {
    const piece = { address, bytes: part as Uint8Array<ArrayBuffer> };
    return await transfer(file, IOCB_CMD_PWRITE, piece, 0, length, position, rwFlags);
  }
  const piece = slab.take(length);
  try {
    piece.bytes.set(part);
    return await transfer(file, IOCB_CMD_PWRITE, piece, 0, length, position, rwFlags);
  } finally {
    slab.give(piece);
  }
}

/** A write to a file that takes whole blocks only. */
async function writeDirect(
  file: OpenFile,
  part: Uint8Array,
  position: number,
  rwFlags: number,
): Promise<number> {
  const { offset } = file.alignment;
  const end = position + part.byteLength;
  const whole = position % offset === 0 && end % offset === 0;
  const release = await holdBlocks(file, position, end, !whole);
  try {
    const write = whole ? writePart : merge;
    return await write(file, part, position, rwFlags);
  } finally {
    release();
  }
}

/**
 * Holds the blocks of a write. One that changes the length of the file holds everything behind its
 * end, too: the cut that may follow must not hit others.
 */
async function holdBlocks(
  file: OpenFile,
  position: number,
  end: number,
  alone: boolean,
): Promise<() => void> {
  const { offset } = file.alignment;
  const last = roundUp(end, offset);
  let { size } = await fstatAsync(file.fd);
  while (true) {
    const grows = last > size;
    const start = grows ? Math.min(position, size) : position;
    const from = start - start % offset;
    const release = await file.lock.hold(from, grows ? Infinity : last, alone);
    if (grows) return release;
    // It may have been longer by the rest of a block that another write was about to cut off
    size = (await fstatAsync(file.fd)).size;
    if (last <= size) return release;
    release();
  }
}

/** Reads the blocks at both ends, merges, writes all, and cuts what went beyond the end. */
async function merge(
  file: OpenFile,
  part: Uint8Array,
  position: number,
  rwFlags: number,
): Promise<number> {
  const { offset } = file.alignment;
  const end = position + part.byteLength;
  const start = position - position % offset;
  const span = roundUp(end, offset) - start;
  const { slab } = file.core;
  const piece = slab.take(span);
  try {
    const blocks = piece.bytes.subarray(0, span);
    // Asked again under the lock: writes that came before may have changed it
    const { size } = await fstatAsync(file.fd);
    const head = position > start;
    const tail = end < start + span;
    if (head) await readBlock(file, piece, 0, start);
    if (tail && !(head && span === offset)) await readBlock(file, piece, span - offset, start);
    blocks.set(part, position - start);
    const written = await transfer(file, IOCB_CMD_PWRITE, piece, 0, span, start, rwFlags);
    const length = Math.max(size, Math.min(end, start + written));
    if (file.isRegular && start + written > length) {
      await ftruncateAsync(file.fd, length);
      // The bytes are there already; so that the file does not come back longer than it was
      if (rwFlags !== 0) await transfer(file, IOCB_CMD_FDSYNC, NO_MEMORY, 0, 0, 0);
    }
    return Math.max(0, Math.min(part.byteLength, start + written - position));
  } finally {
    slab.give(piece);
  }
}

/** Reads the block at `at` of a piece that begins at `start` of the file; zeros beyond its end. */
async function readBlock(file: OpenFile, piece: Piece, at: number, start: number): Promise<void> {
  const { offset } = file.alignment;
  const got = await transfer(file, IOCB_CMD_PREAD, piece, at, offset, start + at);
  piece.bytes.fill(0, at + got, at + offset);
}

function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}
