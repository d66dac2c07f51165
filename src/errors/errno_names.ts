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

/** For what runtimes have no text of their own, or not all of them. */
const TEXTS: Readonly<Record<string, string>> = {
  ENOEXEC: "exec format error",
  ECHILD: "no child processes",
  ENOTBLK: "block device required",
  EDOM: "argument out of the domain of the function",
  EDEADLK: "resource deadlock would occur",
  ENOLCK: "no record locks available",
  ENOMSG: "no message of desired type",
  EIDRM: "identifier removed",
  ECHRNG: "channel number out of range",
  EL2NSYNC: "Level 2 not synchronized",
  EL3HLT: "Level 3 halted",
  EL3RST: "Level 3 reset",
  ELNRNG: "link number out of range",
  EUNATCH: "protocol driver not attached",
  ENOCSI: "no CSI structure available",
  EL2HLT: "Level 2 halted",
  EBADE: "invalid exchange",
  EBADR: "invalid request descriptor",
  EXFULL: "exchange full",
  ENOANO: "no anode",
  EBADRQC: "invalid request code",
  EBADSLT: "invalid slot",
  EBFONT: "bad font file format",
  ENOSTR: "device not a stream",
  ENODATA: "no data available",
  ETIME: "timer expired",
  ENOSR: "out of streams resources",
  ENOPKG: "package not installed",
  EREMOTE: "object is remote",
  ENOLINK: "link has been severed",
  EADV: "error of advertising",
  ESRMNT: "error of srmount",
  ECOMM: "communication error on send",
  EMULTIHOP: "multihop attempted",
  EDOTDOT: "RFS specific error",
  EBADMSG: "not a data message",
  EOVERFLOW: "value too large for defined data type",
  ENOTUNIQ: "name not unique on the network",
  EBADFD: "descriptor in bad state",
  EREMCHG: "remote address changed",
  ELIBACC: "a needed shared library cannot be reached",
  ELIBBAD: "a corrupted shared library",
  ELIBSCN: "the .lib section in a.out is corrupted",
  ELIBMAX: "too many shared libraries",
  ELIBEXEC: "a shared library cannot be executed directly",
  ERESTART: "interrupted: the call is to be made again",
  ESTRPIPE: "streams pipe error",
  EUSERS: "too many users",
  ESOCKTNOSUPPORT: "socket type not supported",
  EPFNOSUPPORT: "protocol family not supported",
  ENETRESET: "network dropped connection because of reset",
  ETOOMANYREFS: "too many references: cannot splice",
  EINPROGRESS: "operation now in progress",
  ESTALE: "stale file handle",
  EUCLEAN: "the structure of the file system needs repair",
  ENOTNAM: "not a XENIX file of that type",
  ENAVAIL: "no XENIX semaphores",
  EISNAM: "a file of that type",
  EDQUOT: "quota exceeded",
  ENOMEDIUM: "no medium found",
  EMEDIUMTYPE: "wrong medium type",
  ENOKEY: "required key not available",
  EKEYEXPIRED: "key has expired",
  EKEYREVOKED: "key has been revoked",
  EKEYREJECTED: "key was rejected by service",
  EOWNERDEAD: "owner died",
  ENOTRECOVERABLE: "state not recoverable",
  ERFKILL: "not possible while the radio is switched off",
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
  // Numbers that Linux has not are those of a host that is none
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
