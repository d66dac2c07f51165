/**
 * The flags and the mode of open, as node:fs has them.
 *
 * @module
 */
import { constants, type Mode } from "node:fs";
import { checkInteger, typeError, valueError } from "../check.ts";
import { checkOptionNames } from "../option_names.ts";
import type { OpenOptions } from "./open.ts";

const { O_RDONLY, O_WRONLY, O_RDWR, O_CREAT, O_TRUNC, O_APPEND, O_EXCL, O_SYNC } = constants;

/** See "File system flags" of the documentation of node:fs; some letters go in either order. */
const FLAGS: Readonly<Record<string, number>> = {
  // No flag is called "constructor".
  __proto__: null as never,
  r: O_RDONLY,
  rs: O_RDONLY | O_SYNC,
  sr: O_RDONLY | O_SYNC,
  "r+": O_RDWR,
  "rs+": O_RDWR | O_SYNC,
  "sr+": O_RDWR | O_SYNC,
  w: O_WRONLY | O_CREAT | O_TRUNC,
  wx: O_WRONLY | O_CREAT | O_TRUNC | O_EXCL,
  xw: O_WRONLY | O_CREAT | O_TRUNC | O_EXCL,
  "w+": O_RDWR | O_CREAT | O_TRUNC,
  "wx+": O_RDWR | O_CREAT | O_TRUNC | O_EXCL,
  "xw+": O_RDWR | O_CREAT | O_TRUNC | O_EXCL,
  a: O_WRONLY | O_CREAT | O_APPEND,
  ax: O_WRONLY | O_CREAT | O_APPEND | O_EXCL,
  xa: O_WRONLY | O_CREAT | O_APPEND | O_EXCL,
  as: O_WRONLY | O_CREAT | O_APPEND | O_SYNC,
  sa: O_WRONLY | O_CREAT | O_APPEND | O_SYNC,
  "a+": O_RDWR | O_CREAT | O_APPEND,
  "ax+": O_RDWR | O_CREAT | O_APPEND | O_EXCL,
  "xa+": O_RDWR | O_CREAT | O_APPEND | O_EXCL,
  "as+": O_RDWR | O_CREAT | O_APPEND | O_SYNC,
  "sa+": O_RDWR | O_CREAT | O_APPEND | O_SYNC,
};

/**
 * The flags as a number.
 *
 * @throws {TypeError} If they are none that node:fs knows
 * @throws {RangeError} If they are a number of more than 32 bits
 */
export function parseFlags(flags: string | number | null | undefined): number {
  if (typeof flags === "number") checkInteger("open file", "flags", flags, 2 ** 31 - 1, -(2 ** 31));
  if (typeof flags === "number") return flags;
  const name = flags ?? "r";
  if (typeof name === "string" && name in FLAGS) return FLAGS[name]!;
  throw valueError("open file", "flags", 'those of node:fs, as "r+", before any options', flags);
}

/**
 * The mode as a number.
 *
 * @throws {TypeError} If it is neither a number nor a string of octal digits
 * @throws {RangeError} If it has more than 32 bits
 */
export function parseMode(mode: Mode | null | undefined): number {
  if (typeof mode === "string" && !/^[0-7]+$/.test(mode)) {
    throw valueError("open file", "mode", "a number or octal digits", mode);
  }
  const number = typeof mode === "string" ? parseInt(mode, 8) : mode ?? 0o666;
  checkInteger("open file", "mode", number, 2 ** 32 - 1);
  // One of the runtimes dies of higher bits, which mean nothing.
  return number & 0o7777;
}

/** The third argument of open: kaio's options, or a mode in their place, as node:fs has it. */
export function parseOptions(options: OpenOptions | Mode | null | undefined): OpenOptions {
  if (typeof options !== "object") return { mode: options };
  if (Array.isArray(options)) {
    throw typeError("open file", "mode", "a mode, or an object of options");
  }
  checkOptionNames("open file", options ?? {}, ["direct", "context", "mode"]);
  return options ?? {};
}

/** Which of reading and writing the flags allow. */
export function accessOf(flags: number): { readable: boolean; writable: boolean } {
  const mode = flags & (O_RDONLY | O_WRONLY | O_RDWR);
  return { readable: mode !== O_WRONLY, writable: mode !== O_RDONLY };
}
