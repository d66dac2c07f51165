/**
 * Which file a descriptor belongs to: a program may close it, and its number is then given to the
 * next file that is opened.
 *
 * @module
 */
import { fstatSync } from "node:fs";
import { EBADF } from "../abi/errno.ts";
import { resultOf } from "../errors/errno_of.ts";

/** The bits of the mode that say what kind of file it is; the others may be changed. See stat(2). */
export const S_IFMT = 0o170000;

/** What tells a file from any other, as far as fstat can. */
export interface FileIdentity {
  readonly dev: number;
  readonly ino: number;
  readonly mode: number;
}

/** Whether both are the same file. */
export function isSameFile(a: FileIdentity, b: FileIdentity): boolean {
  return a.ino === b.ino && a.dev === b.dev && ((a.mode ^ b.mode) & S_IFMT) === 0;
}

/**
 * Checks that a descriptor still belongs to a file.
 *
 * @returns 0; -EBADF if it does not; or why the runtime cannot tell: -EAGAIN if it only cannot tell
 * before an asynchronous call for the same file is over
 */
export function checkIdentity(fd: number, identity: FileIdentity): number {
  try {
    return isSameFile(fstatSync(fd), identity) ? 0 : -EBADF;
  } catch (error) {
    return resultOf(error);
  }
}
