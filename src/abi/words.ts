/**
 * 64-bit words as numbers: two 32-bit halves, without a BigInt.
 *
 * @module
 */

import { shown } from "./shown.ts";

// The lower half always comes first, as every `Architecture` is little-endian. On a
// big-endian one more than the halves would move: aio_key and aio_rw_flags change places.
const LITTLE_ENDIAN = true;

/** What one unit of the upper half is worth. */
const UPPER = 2 ** 32;

/**
 * Reads an unsigned 64-bit word.
 *
 * @param view The memory.
 * @param byteOffset Where the word begins, in bytes from the start of `view`.
 * @returns The word: exact up to `Number.MAX_SAFE_INTEGER`, the nearest number above it.
 * @throws {RangeError} If the word is not all inside `view`.
 */
export function readUint64(view: DataView, byteOffset: number): number {
  return view.getUint32(byteOffset + 4, LITTLE_ENDIAN) * UPPER +
    view.getUint32(byteOffset, LITTLE_ENDIAN);
}

/**
 * Writes an unsigned 64-bit word.
 *
 * @param view The memory.
 * @param byteOffset Where the word begins, in bytes from the start of `view`.
 * @param value A safe integer, 0 or more.
 * @throws {RangeError} If `value` is anything else, or the word is not all inside `view`.
 */
export function writeUint64(view: DataView, byteOffset: number, value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new RangeError(
      `Cannot write unsigned 64-bit word: \`value\` must be a safe integer, 0 or more: current value is ${
        shown(value)
      }`,
    );
  }
  writeHalves(view, byteOffset, value);
}

/**
 * Reads a signed 64-bit word.
 *
 * @param view The memory.
 * @param byteOffset Where the word begins, in bytes from the start of `view`.
 * @returns The word: exact between `Number.MIN_SAFE_INTEGER` and `Number.MAX_SAFE_INTEGER`, the
 * nearest number outside.
 * @throws {RangeError} If the word is not all inside `view`.
 */
export function readInt64(view: DataView, byteOffset: number): number {
  return view.getInt32(byteOffset + 4, LITTLE_ENDIAN) * UPPER +
    view.getUint32(byteOffset, LITTLE_ENDIAN);
}

/**
 * Writes a signed 64-bit word.
 *
 * @param view The memory.
 * @param byteOffset Where the word begins, in bytes from the start of `view`.
 * @param value A safe integer.
 * @throws {RangeError} If `value` is anything else, or the word is not all inside `view`.
 */
export function writeInt64(view: DataView, byteOffset: number, value: number): void {
  if (!Number.isSafeInteger(value)) {
    throw new RangeError(
      `Cannot write signed 64-bit word: \`value\` must be a safe integer: current value is ${
        shown(value)
      }`,
    );
  }
  writeHalves(view, byteOffset, value);
}

function writeHalves(view: DataView, byteOffset: number, value: number): void {
  // The upper half first: it is the one that can be out of bounds, and then nothing is written.
  // Rounding down, and not towards zero, is what gives a negative number its two's complement.
  view.setInt32(byteOffset + 4, Math.floor(value / UPPER), LITTLE_ENDIAN);
  view.setUint32(byteOffset, value, LITTLE_ENDIAN);
}
