/**
 * Blocks of a file that are read before a stream asks for them.
 *
 * @module
 */
import { Queue } from "../queue.ts";
import { SMALLEST_BLOCK_AHEAD } from "../tuning.ts";
import type { AioFile, ReadAtOptions } from "./aio_file.ts";

const EMPTY = new Uint8Array(0);

/**
 * Takes the next bytes, in memory that belongs to the caller; no more than `most` of them, and none
 * at the end of the file. They begin at `position`: where the last ones ended, unless the position
 * was moved. One call at a time.
 */
export type Take = (position: number, most: number) => Promise<Uint8Array<ArrayBuffer>>;

/**
 * Reads a file from front to back.
 *
 * @param file What is read
 * @param bytesAhead How many bytes are read ahead at most, in blocks of what is taken at once
 * @param end Where to stop
 * @param options Ends the reads
 */
export function readAhead(
  file: AioFile,
  bytesAhead: number,
  end: number,
  options?: ReadAtOptions,
): Take {
  const blocks = new Queue<{ length: number; bytes: Promise<Uint8Array<ArrayBuffer>> }>();
  /** How many bytes may be in flight: few at first, as most files end soon. */
  let window = SMALLEST_BLOCK_AHEAD;
  /** Where the next block begins. */
  let next = 0;
  /** Where the bytes begin that were not taken; -1 if that is not known. */
  let left = -1;
  /** What is left of the last block. */
  let rest: Uint8Array<ArrayBuffer> = EMPTY;

  const restart = (position: number) => {
    blocks.clear();
    rest = EMPTY;
    next = position;
    window = SMALLEST_BLOCK_AHEAD;
  };
  const fill = (position: number, most: number) => {
    while (next < Math.min(end, position + window)) {
      const length = Math.min(Math.max(most, SMALLEST_BLOCK_AHEAD), end - next);
      const bytes = file.readAt(next, length, options);
      // The failure of a block that is never taken must not end the process.
      bytes.catch(() => {});
      blocks.push({ length, bytes });
      next += length;
    }
    window = Math.min(bytesAhead, window * 2);
  };
  return async (position, most) => {
    if (position !== left) restart(position);
    // Of blocks that fail to come, none must be taken for the one before it.
    left = -1;
    while (rest.length === 0) {
      const wasAhead = blocks.length > 0;
      if (!wasAhead) fill(position, most);
      const block = blocks.shift();
      if (block === undefined) break;
      const bytes = await block.bytes;
      const reached = position + bytes.length;
      if (bytes.length === block.length) fill(reached, most);
      // The file ended here. If it has grown, what was read behind would leave a gap.
      else restart(reached);
      rest = bytes;
      // An end that was found ahead may be none by now.
      if (!wasAhead) break;
    }
    const isWhole = rest.length <= most && rest.length === rest.buffer.byteLength;
    const chunk = isWhole ? rest : rest.slice(0, most);
    // What is handed out whole may be detached by the next call.
    rest = isWhole ? EMPTY : rest.subarray(chunk.length);
    left = position + chunk.length;
    return chunk;
  };
}
