/**
 * Writes of the user's memory, of any position and length.
 *
 * @module
 */
import { fstat } from "node:fs";
import { promisify } from "node:util";
import { IOCB_CMD_PREAD, IOCB_CMD_PWRITE } from "../abi/opcodes.ts";
import { POLLOUT } from "../abi/poll.ts";
import type { Piece } from "../memory/slab.ts";
import { checkIntact } from "./intact.ts";
import type { OpenFile } from "./open_file.ts";
import { whenReady } from "./stream_turn.ts";
import { transfer } from "./transfer.ts";

const fstatAsync = promisify(fstat);

/** Writes longer than this are made of several, one after the other: a multiple of all blocks. */
export const LARGEST_WRITE = 1 << 20;
/** No machine that runs Linux has larger pages, and few file systems larger blocks. */
const LARGEST_PAGE = 65536;
/** PIPE_BUF: for so many bytes there is room when poll says so. See pipe(7). */
const LARGEST_STREAM_WRITE = 4096;

/**
 * Asks for the length of the file to stay, but for what writes add: held by every write from its
 * beginning to its end, so that a truncate comes after those that were begun before it. An append
 * with O_DIRECT goes to a position that it has to find first: nobody else may lengthen the file.
 */
export function holdLength(file: OpenFile): Promise<() => void> {
  if (file.isStream) return Promise.resolve(() => {});
  return file.lock.holdLength(file.append && file.direct);
}

/**
 * Writes `source` at `position`.
 *
 * @param length How long `source` was when the operation began
 * @param rwFlags RWF_DSYNC: what was written is on the disk when the promise resolves
 * @param gate From {@link holdLength}; is given back
 * @returns How many bytes were written: fewer where a later part failed, which the next write of
 * that part then reports
 */
export async function writeFrom(
  file: OpenFile,
  source: Uint8Array,
  length: number,
  position: number,
  rwFlags: number,
  gate: Promise<() => void>,
): Promise<number> {
  const leave = await gate;
  try {
    if (file.isStream) {
      return await inParts(
        source,
        length,
        0,
        LARGEST_STREAM_WRITE,
        (part) => whenReady(file, POLLOUT, undefined, () => writePart(file, part, 0, rwFlags)),
      );
    }
    return file.append
      ? await append(file, source, length, rwFlags)
      : await writeParts(file, source, length, position, rwFlags);
  } finally {
    leave();
  }
}

/** A write at a position, which goes where it says. */
function writeParts(
  file: OpenFile,
  source: Uint8Array,
  length: number,
  position: number,
  rwFlags: number,
): Promise<number> {
  const write = file.direct ? writeDirect : writeCached;
  return inParts(
    source,
    length,
    position,
    LARGEST_WRITE,
    (part, at) => write(file, part, position + at, rwFlags),
  );
}

/** A range that no other write has: for appends, of which a long one must stay in one piece. */
const APPEND_GATE: [start: number, end: number] = [-1, 0];

/**
 * One part after the other, each but the last up to a position that is a multiple of `largest`;
 * ends where one is not written whole.
 */
async function inParts(
  source: Uint8Array,
  length: number,
  position: number,
  largest: number,
  write: (part: Uint8Array, at: number) => Promise<number>,
): Promise<number> {
  let written = 0;
  while (written < length) {
    try {
      checkIntact(source, length, "write from");
      const end = Math.min(length, written + largest - (position + written) % largest);
      const part = source.subarray(written, end);
      const count = await write(part, written);
      written += count;
      if (written < end) break;
    } catch (error) {
      // What was written counts; who writes the rest meets the error again
      if (written === 0) throw error;
      break;
    }
  }
  return written;
}

/** A write at the end, wherever that is. */
async function append(
  file: OpenFile,
  source: Uint8Array,
  length: number,
  rwFlags: number,
): Promise<number> {
  const release = await file.lock.hold(...APPEND_GATE, length > LARGEST_WRITE);
  try {
    // The kernel finds the end by itself, but for O_DIRECT, where it would have to be aligned
    const position = file.direct ? (await fstatAsync(file.fd)).size : 0;
    return await writeParts(file, source, length, position, rwFlags);
  } finally {
    release();
  }
}

/** A write through the page cache, beside those with O_DIRECT that hold their blocks alone. */
async function writeCached(
  file: OpenFile,
  part: Uint8Array,
  position: number,
  rwFlags: number,
): Promise<number> {
  const { byteLength } = part;
  const release = file.append
    ? await file.lock.hold(0, Infinity, false)
    : await file.lock.hold(position, position + byteLength, false);
  try {
    checkIntact(part, byteLength, "write from");
    return await writePart(file, part, position, rwFlags);
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
  const broken = position % offset !== 0 || end % offset !== 0;
  if (!broken) {
    // If it lengthens the file: one that does so and does not end with a block holds all from the
    // end of the file on, and so what this one writes there
    const release = await file.lock.hold(position, end, false);
    try {
      checkIntact(part, end - position, "write from");
      return await writePart(file, part, position, rwFlags);
    } finally {
      release();
    }
  }
  // Nobody in this thread cuts the file meanwhile: if it is long enough now, it stays so
  const { size } = await fstatAsync(file.fd);
  const last = roundUp(end, offset);
  const grows = last > size;
  const release = grows
    ? await file.lock.hold(pageOf(Math.min(position, size), offset), Infinity, true)
    : await file.lock.hold(roundDown(position, offset), last, true);
  try {
    checkIntact(part, end - position, "write from");
    if (!grows || file.buffered === undefined) return await merge(file, part, position, rwFlags);
    return await writeToEnd(file, file.buffered, part, position, rwFlags);
  } finally {
    release();
  }
}

/**
 * A write that ends in a block which the file has not all of. With O_DIRECT it would leave the file
 * longer than it is to be, until it is cut: so what lies in that block goes through the page cache.
 *
 * The kernel writes dirty pages before it passes by them, and forgets the pages afterwards. What it
 * cannot do is keep apart two writes to one page, one this way and one that way, at the same time:
 * the caller holds the page alone.
 */
async function writeToEnd(
  file: OpenFile,
  buffered: OpenFile,
  part: Uint8Array,
  position: number,
  rwFlags: number,
): Promise<number> {
  const { offset } = file.alignment;
  const end = position + part.byteLength;
  const cut = Math.max(0, roundDown(end, offset) - position);
  const write = position % offset === 0 ? writePart : merge;
  const written = cut === 0 ? 0 : await write(file, part.subarray(0, cut), position, rwFlags);
  if (written < cut || cut === end - position) return written;
  try {
    checkIntact(part, end - position, "write from");
    file.writesCached(pageOf(position + cut, offset), roundUp(end, LARGEST_PAGE));
    return written + await writePart(buffered, part.subarray(cut), position + cut, rwFlags);
  } catch (error) {
    // What was written counts; who writes the rest meets the error again
    if (written === 0) throw error;
    return written;
  }
}

/** Reads the blocks at both ends, merges, and writes all. */
async function merge(
  file: OpenFile,
  part: Uint8Array,
  position: number,
  rwFlags: number,
): Promise<number> {
  const { offset } = file.alignment;
  const end = position + part.byteLength;
  const start = roundDown(position, offset);
  const span = roundUp(end, offset) - start;
  const { slab } = file.core;
  const piece = slab.take(span);
  try {
    const head = position > start;
    const tail = end < start + span;
    if (head) await readBlock(file, piece, 0, start);
    if (tail && !(head && span === offset)) await readBlock(file, piece, span - offset, start);
    checkIntact(part, end - position, "write from");
    piece.bytes.set(part, position - start);
    const written = await transfer(file, IOCB_CMD_PWRITE, piece, 0, span, start, rwFlags);
    return Math.max(0, Math.min(end, start + written) - position);
  } finally {
    slab.give(piece);
  }
}

/** Reads the block at `at` of a piece that begins at `start` of the file; zeros beyond its end. */
async function readBlock(file: OpenFile, piece: Piece, at: number, start: number): Promise<void> {
  const { offset, readOffset } = file.alignment;
  let got = 0;
  // Less than asked for is the end of the file if it is no whole block, and perhaps else
  for (let more = 1; more > 0 && got < offset && got % readOffset === 0; got += more) {
    more = await transfer(file, IOCB_CMD_PREAD, piece, at + got, offset - got, start + at + got);
  }
  piece.bytes.fill(0, at + got, at + offset);
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
