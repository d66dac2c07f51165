/**
 * The flags of open, as node:fs has them.
 *
 * @module
 */
import { constants } from "node:fs";

const { O_RDONLY, O_WRONLY, O_RDWR, O_CREAT, O_TRUNC, O_APPEND, O_EXCL, O_SYNC } = constants;

/** See "File system flags" of the documentation of node:fs. */
const FLAGS: Readonly<Record<string, number>> = {
  r: O_RDONLY,
  rs: O_RDONLY | O_SYNC,
  "r+": O_RDWR,
  "rs+": O_RDWR | O_SYNC,
  w: O_WRONLY | O_CREAT | O_TRUNC,
  wx: O_WRONLY | O_CREAT | O_TRUNC | O_EXCL,
  "w+": O_RDWR | O_CREAT | O_TRUNC,
  "wx+": O_RDWR | O_CREAT | O_TRUNC | O_EXCL,
  a: O_WRONLY | O_CREAT | O_APPEND,
  ax: O_WRONLY | O_CREAT | O_APPEND | O_EXCL,
  as: O_WRONLY | O_CREAT | O_APPEND | O_SYNC,
  "a+": O_RDWR | O_CREAT | O_APPEND,
  "ax+": O_RDWR | O_CREAT | O_APPEND | O_EXCL,
  "as+": O_RDWR | O_CREAT | O_APPEND | O_SYNC,
};

/** The other order in which node:fs takes the same letters. */
const ALIASES: Readonly<Record<string, string>> = {
  sr: "rs",
  "sr+": "rs+",
  xw: "wx",
  "xw+": "wx+",
  xa: "ax",
  "xa+": "ax+",
  sa: "as",
  "sa+": "as+",
};

/**
 * The flags as a number.
 *
 * @throws {TypeError} If they are none that node:fs knows
 */
export function parseFlags(flags: string | number): number {
  const number = typeof flags === "number" ? flags : FLAGS[ALIASES[flags] ?? flags];
  if (number === undefined || !Number.isInteger(number)) {
    const error = new TypeError(`Cannot open file: unknown flags: "${flags}"`);
    throw Object.assign(error, { code: "ERR_INVALID_ARG_VALUE" });
  }
  return number;
}

/** Which of reading and writing the flags allow. */
export function accessOf(flags: number): { readable: boolean; writable: boolean } {
  const mode = flags & (O_RDONLY | O_WRONLY | O_RDWR);
  return { readable: mode !== O_WRONLY, writable: mode !== O_RDONLY };
}
