/**
 * Which file a descriptor belongs to: a program may close it, and its number is then given to the
 * next file that is opened.
 *
 * @module
 */
import { fstatSync } from "node:fs";

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

/** Whether a descriptor still belongs to a file. */
export function isOpen(fd: number, identity: FileIdentity): boolean {
  try {
    return isSameFile(fstatSync(fd), identity);
  } catch {
    return false;
  }
}
