/**
 * One error for everything that the kernel refuses.
 *
 * @module
 */
import { describeErrno } from "./errno_names.ts";

/** Where a failed call stood; each member is given where it applies. */
export interface AioErrorDetails {
  /** The file that was opened. */
  path?: string | undefined;
  /** The file descriptor. */
  fd?: number | undefined;
  /** The position in the file, in bytes. */
  position?: number | undefined;
  /** The number of bytes asked for. */
  length?: number | undefined;
  /** What was tried, in place of the error's usual text. */
  message?: string | undefined;
  /** What was wrong and what helps, where that is known: ends the message. */
  hint?: string | undefined;
}

/**
 * A failure that the kernel reported, in the shape of the errors of `node:fs`.
 *
 * @example
 * ```ts
 * import { AioError, open } from "kaio";
 *
 * try {
 *   await open("missing.db", "r");
 * } catch (error) {
 *   if (!(error instanceof AioError) || error.code !== "ENOENT") throw error;
 * }
 * ```
 */
export class AioError extends Error {
  /** Always `"AioError"`. */
  override readonly name: string = "AioError";
  /** The symbolic name: `"EINVAL"`. See errno(3). */
  readonly code: string;
  /** The number that Linux has for it on every system, negative: `-22`. */
  readonly errno: number;
  /** What failed: `"io_setup"`, `"pread"`, … */
  readonly syscall: string;
  /** The file, where it is known. */
  readonly path?: string;
  /** The file descriptor, where there was one. */
  readonly fd?: number;
  /** The position in the file in bytes, where there was one. */
  readonly position?: number;
  /** The number of bytes asked for, where there was one. */
  readonly length?: number;

  /**
   * Makes the error of a failed call.
   *
   * @param errno The negative errno, as the kernel returned it
   * @param syscall What failed
   * @param details Where it stood
   */
  constructor(errno: number, syscall: string, details: AioErrorDetails = {}) {
    const [code, description] = describeErrno(errno);
    const { message = `${description}, ${syscall}${locate(details)}`, hint } = details;
    super(`${code}: ${message}${hint === undefined ? "" : `: ${hint}`}`);
    this.code = code;
    this.errno = errno;
    this.syscall = syscall;
    if (details.path !== undefined) this.path = details.path;
    if (details.fd !== undefined) this.fd = details.fd;
    if (details.position !== undefined) this.position = details.position;
    if (details.length !== undefined) this.length = details.length;
  }
}

function locate({ path, fd, position, length }: AioErrorDetails): string {
  let text = "";
  if (length !== undefined) text += ` of ${length} bytes`;
  if (position !== undefined) text += ` at ${position}`;
  if (path !== undefined) text += ` '${path}'`;
  else if (fd !== undefined) text += ` on file descriptor ${fd}`;
  return text;
}
