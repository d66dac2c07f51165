/**
 * Names and texts of errors, by the numbers of Linux, whatever the host is.
 *
 * @module
 */
import { constants } from "node:os";
import { getSystemErrorMap } from "node:util";
import * as numbers from "../abi/errno.ts";

/** The name that node:fs has for it, everywhere. */
const ENOTSUP = numbers.EOPNOTSUPP;

/** Numbers of Linux by name. */
export const errnos: Readonly<Record<string, number>> = { ...numbers, ENOTSUP };
const names: ReadonlyMap<number, string> = new Map(
  Object.entries(errnos).map(([name, code]) => [code, name]),
);

/**
 * For errors that disks, file systems, quotas, encryption or memory can bring and that not every
 * runtime has a text for. Other errors without a text are "system error" and their number.
 */
const TEXTS: Readonly<Record<string, string>> = {
  EDEADLK: "resource deadlock would occur",
  ENOLCK: "no record locks available",
  EBADE: "invalid exchange",
  ENODATA: "no data available",
  ETIME: "timer expired",
  ENOPKG: "package not installed",
  ENOLINK: "link has been severed",
  EBADMSG: "not a data message",
  EOVERFLOW: "value too large for defined data type",
  ESTALE: "stale file handle",
  EUCLEAN: "the structure of the file system needs repair",
  EDQUOT: "quota exceeded",
  ENOMEDIUM: "no medium found",
  EMEDIUMTYPE: "wrong medium type",
  ENOKEY: "required key not available",
  EKEYEXPIRED: "key has expired",
  EKEYREVOKED: "key has been revoked",
  EKEYREJECTED: "key was rejected by service",
  EHWPOISON: "memory page has a hardware error",
};

let hostTexts: ReadonlyMap<string, string> | undefined;

/**
 * The name and the text of an error.
 *
 * @param errno Negative
 * @returns Such as `["EIO", "i/o error"]`
 */
export function describeErrno(errno: number): [string, string] {
  const name = names.get(-errno);
  // Linux has no such number, so it comes from another operating system.
  if (name === undefined) return describeHostErrno(errno);
  hostTexts ??= new Map(getSystemErrorMap().values());
  return [name, hostTexts.get(name) ?? TEXTS[name] ?? `system error ${-errno}`];
}

function describeHostErrno(errno: number): [string, string] {
  const known = getSystemErrorMap().get(errno);
  if (known !== undefined) return known;
  const name = Object.entries(constants.errno).find(([, number]) => number === -errno)?.[0];
  return [name ?? `E${-errno}`, `system error ${-errno}`];
}
