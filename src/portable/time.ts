/**
 * Spans of time.
 *
 * @module
 */

/** What 63 bits of nanoseconds hold. See KTIME_SEC_MAX. */
const MOST_SECONDS = 9_223_372_036;

/**
 * A timespec in milliseconds. A negative one is a wait for ever, as nobody checks it, and so is one
 * that is too long to count.
 */
export function milliseconds(seconds: number, nanoseconds: number): number {
  if (seconds < 0 || nanoseconds < 0 || seconds >= MOST_SECONDS) return Infinity;
  return seconds * 1000 + nanoseconds / 1e6;
}
