import process from "node:process";
import type { Random } from "../support/random.ts";

/** Numbers that are no addresses, counts or ids, but of the type that those have. */
export const ODD_NUMBERS: readonly number[] = [
  NaN,
  Infinity,
  -Infinity,
  -0,
  0.5,
  -0.5,
  1.5,
  -1,
  -4096,
  Number.MIN_VALUE,
  Number.MAX_VALUE,
  Number.MAX_SAFE_INTEGER,
  Number.MIN_SAFE_INTEGER,
  2 ** 53,
  2 ** 53 + 2,
  2 ** 63,
  -(2 ** 63),
  2 ** 64,
  -(2 ** 64),
];

/** Counts that do not fit a C int, or wrap to something else in one. */
export const ODD_COUNTS: readonly number[] = [
  ...ODD_NUMBERS,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 32,
  2 ** 32 + 1,
];

/**
 * Addresses where nothing is mapped, ever: below the lowest that may be, and from the end of user
 * space on. An address that is merely free now could be the runtime's own memory a moment later,
 * and the kernel writes where it is told to.
 */
const NOWHERE: readonly number[] = [
  0,
  1,
  8,
  4095,
  4096,
  2 ** 53,
  2 ** 62,
  -8,
  -4096,
  ...(process.arch === "x64" ? [2 ** 47 - 4096, 2 ** 47 - 8, 2 ** 47] : []),
];

/** An address that no memory has. */
export function nowhere(random: Random): number {
  return random.once(3) ? random.pick(ODD_NUMBERS) : random.pick(NOWHERE);
}

/** An integer that FFI can take for a 64-bit word. */
export function isWord(value: number): boolean {
  return Number.isSafeInteger(value);
}
