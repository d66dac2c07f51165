/**
 * The whole rest of a file.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { CURRENT_POSITION } from "../route/transfer.ts";
import type { OpenFile } from "./open_file.ts";
import { wholeRange } from "./arguments.ts";
import { readLong } from "./read.ts";
import { sizeOf } from "./size_of.ts";

/** The least that is asked for at once: files of /proc say that they have 0 bytes. */
const SMALLEST_PART = 65536;

/**
 * Reads from `position`, or {@link CURRENT_POSITION}, until nothing more comes, also of a
 * file that grows meanwhile.
 */
export async function readToEnd(
  file: OpenFile,
  position: number,
  signal: AbortSignal | undefined,
): Promise<Buffer<ArrayBuffer>> {
  const parts: Uint8Array[] = [];
  let total = 0;
  const size = await sizeOf(file);
  while (true) {
    signal?.throwIfAborted();
    // One byte more than the file should have: if it does not come, that was the end.
    const length = Math.max(SMALLEST_PART, size + 1 - Math.max(0, position) - total);
    const part = new Uint8Array(length);
    const at = position === CURRENT_POSITION ? position : position + total;
    const count = await readLong(file, wholeRange(part, at), signal);
    if (count === 0) break;
    parts.push(part.subarray(0, count));
    total += count;
    if (count < length && !file.isStream) break;
  }
  const whole = parts.length === 1 ? parts[0]! : Buffer.concat(parts, total);
  return Buffer.from(whole.buffer as ArrayBuffer, whole.byteOffset, total);
}
