/**
 * Errors of `node:fs` in the shape of kaio's own.
 *
 * @module
 */
import { AioError, type AioErrorDetails } from "./aio_error.ts";
import { errnoOf } from "./errno_of.ts";

/** An error that is not the kernel's stays as it is: a refused permission, a bad path. */
export function asAioError(error: unknown, syscall: string, details: AioErrorDetails): unknown {
  if (error instanceof AioError) return error;
  const errno = errnoOf(error);
  return errno === undefined ? error : new AioError(errno, syscall, details);
}
