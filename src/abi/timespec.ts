/**
 * struct timespec of 64-bit machines: the timeout of io_getevents(2), relative.
 *
 * Layout of `__kernel_timespec` in `include/uapi/linux/time_types.h`.
 *
 * @module
 */

import { shown } from "./shown.ts";
import { writeInt64 } from "./words.ts";

/** Size of a timespec in bytes. */
export const TIMESPEC_SIZE = 16;

/** Byte offset of `tv_sec`: seconds, 64 bits, signed. */
export const TIMESPEC_SEC = 0;

/** Byte offset of `tv_nsec`: nanoseconds, 64 bits, signed. */
export const TIMESPEC_NSEC = 8;

/**
 * Writes a span of time.
 *
 * @param view The memory.
 * @param byteOffset Where the timespec begins, in bytes from the start of `view`.
 * @param microseconds The span; a fraction is rounded up, so that a short wait does not become
 * none.
 * @throws {RangeError} If `microseconds` is negative, not a number or above
 * `Number.MAX_SAFE_INTEGER`, or the timespec is not all inside `view`.
 */
export function writeTimespec(view: DataView, byteOffset: number, microseconds: number): void {
  // The kernel does not check: a negative span would be a wait for ever.
  if (!(microseconds >= 0 && microseconds <= Number.MAX_SAFE_INTEGER)) {
    throw new RangeError(
      `Cannot write timespec: \`microseconds\` must be a number from 0 to ${Number.MAX_SAFE_INTEGER}: current value is ${
        shown(microseconds)
      }`,
    );
  }
  const whole = Math.ceil(microseconds);
  const rest = whole % 1e6;
  writeInt64(view, byteOffset + TIMESPEC_NSEC, rest * 1000);
  writeInt64(view, byteOffset + TIMESPEC_SEC, (whole - rest) / 1e6);
}
