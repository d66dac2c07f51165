/**
 * Spans of time.
 *
 * @module
 */

/** A timespec in milliseconds; a negative one is a wait for ever, as nobody checks it. */
export function milliseconds(seconds: number, nanoseconds: number): number {
  if (seconds < 0 || nanoseconds < 0) return Infinity;
  return seconds * 1000 + nanoseconds / 1e6;
}
