/**
 * Reads into the user's memory, of any length.
 *
 * @module
 */
import { POLLIN } from "../abi/poll.ts";
import { checkIntact } from "./intact.ts";
import type { OpenFile } from "./open_file.ts";
import { LARGEST_READ, readRange } from "./read_at.ts";
import { addressInPlace, readInPlace } from "./read_in_place.ts";
import { whenReady } from "./stream_turn.ts";

/** How many parts of a long read are under way at once. */
const PARTS = 8;

/**
 * Fills `target` from `position` on.
 *
 * @returns How many bytes there were: fewer only at the end of the file, or of a stream's supply
 */
export async function readInto(
  file: OpenFile,
  target: Uint8Array,
  position: number,
  signal?: AbortSignal,
): Promise<number> {
  if (file.isStream) {
    const part = target.subarray(0, LARGEST_READ);
    return await whenReady(file, POLLIN, signal, () => readPart(file, part, 0, signal));
  }
  const length = target.byteLength;
  let total = 0;
  for (let start = 0; start < length; start += PARTS * LARGEST_READ) {
    checkIntact(target, length, "read into");
    const parts: Promise<number>[] = [];
    const end = Math.min(length, start + PARTS * LARGEST_READ);
    for (let at = start; at < end; at += LARGEST_READ) {
      const part = target.subarray(at, Math.min(end, at + LARGEST_READ));
      parts.push(readPart(file, part, position + at, signal));
    }
    // All of them, so that none writes to the user's memory after the failure of another is known
    if (signal === undefined) await Promise.allSettled(parts);
    for (const [index, count] of (await Promise.all(parts)).entries()) {
      total += count;
      // What lies behind a short part came later, when the file had grown: there would be a gap
      if (total < Math.min(end, start + (index + 1) * LARGEST_READ)) return total;
    }
  }
  return total;
}

async function readPart(
  file: OpenFile,
  target: Uint8Array,
  position: number,
  signal: AbortSignal | undefined,
): Promise<number> {
  const length = target.byteLength;
  if (length === 0) return 0;
  const address = addressInPlace(file, target, position);
  if (address !== 0) return (await readInPlace(file, target, address, position, null)).bytesRead;
  const bytes = await readRange(file, position, length, signal);
  checkIntact(target, length, "read into");
  target.set(bytes);
  return bytes.byteLength;
}
