/**
 * The records that are written and looked for again: the content of each depends on its place.
 *
 * @module
 */
import { readFileSync } from "node:fs";

/** The content of the record in a slot. `size` is in bytes. */
export function record(slot: number, size: number, seed: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  let word = Math.imul(slot + 1, 2654435761) ^ seed;
  for (let at = 0; at < size; at++) {
    // xorshift: never zero twice in a row, as a hole would be
    word ^= word << 13;
    word ^= word >>> 17;
    word ^= word << 5;
    bytes[at] = word & 0xff;
  }
  return bytes;
}

/** How many of the slots do not hold their record. */
export function missing(path: string, slots: Set<number>, size: number, seed: number): number {
  const file = readFileSync(path);
  const isThere = (slot: number) =>
    file.subarray(slot * size, (slot + 1) * size).compare(record(slot, size, seed)) === 0;
  return [...slots].filter((slot) => !isThere(slot)).length;
}

/** Bytes behind the last whole record that are no part of the next, in words. */
export function stray(path: string, size: number, seed: number): string | undefined {
  const file = readFileSync(path);
  const slot = Math.floor(file.length / size);
  const end = file.subarray(slot * size);
  if (end.compare(record(slot, size, seed).subarray(0, end.length)) === 0) return undefined;
  return `${end.length} bytes at the end of the file are no part of record ${slot}`;
}
