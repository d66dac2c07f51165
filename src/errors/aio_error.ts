/**
 * The error of every call that the kernel rejects.
 *
 * @module
 */
import { describeErrno } from "./errno_names.ts";

/** Details of the failed call, each where it applies. */
export interface AioErrorDetails {
  /** The file that was opened. */
  path?: string | undefined;
  /** The file descriptor. */
  fd?: number | undefined;
  /** The position in the file, in bytes. */
  position?: number | undefined;
  /** The number of bytes asked for. */
  length?: number | undefined;
  /** What failed, in place of the usual text of the error. */
  message?: string | undefined;
  /** The cause and the fix, where they are known; appended to the message. */
  hint?: string | undefined;
}

/**
 * An error that the kernel reported, shaped like the errors of `node:fs`. See errno(3) for the
 * codes.
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
  /** The symbolic name, such as `"EINVAL"`. See errno(3). */
  readonly code: string;
  /** The number that Linux has for it, negative, also on other systems: `-22`. */
  readonly errno: number;
  /** The call that failed: `"io_setup"`, `"pread"`, … */
  readonly syscall: string;
  // Only declared, because a field that is not set would be printed as undefined.
  /** The path of the file, where it is known. */
  declare readonly path?: string;
  /** The file descriptor, where the call had one. */
  declare readonly fd?: number;
  /** The position in the file in bytes, where the call had one. */
  declare readonly position?: number;
  /** The number of bytes asked for, where the call had one. */
  declare readonly length?: number;

  /**
   * Creates the error of a failed call.
   *
   * @param errno The negative errno that the kernel returned
   * @param syscall The call that failed
   * @param details File, position, length, and the message or a hint
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
