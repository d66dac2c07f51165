/**
 * The errors of requests.
 *
 * @module
 */
import { EAGAIN, EFAULT, EINVAL } from "../abi/errno.ts";
import {
  IOCB_CMD_FDSYNC,
  IOCB_CMD_FSYNC,
  IOCB_CMD_POLL,
  IOCB_CMD_PREAD,
  IOCB_CMD_PREADV,
  IOCB_CMD_PWRITE,
  IOCB_CMD_PWRITEV,
} from "../abi/opcodes.ts";
import type { DirectAlignment, FileHost } from "../file_host.ts";
import { AioError } from "./aio_error.ts";

/** Opcodes that move bytes at a position. */
export const TRANSFERS: ReadonlySet<number> = new Set([
  IOCB_CMD_PREAD,
  IOCB_CMD_PWRITE,
  IOCB_CMD_PREADV,
  IOCB_CMD_PWRITEV,
]);

const SYSCALLS: Readonly<Record<number, string>> = {
  [IOCB_CMD_PREAD]: "pread",
  [IOCB_CMD_PWRITE]: "pwrite",
  [IOCB_CMD_PREADV]: "preadv",
  [IOCB_CMD_PWRITEV]: "pwritev",
  [IOCB_CMD_FSYNC]: "fsync",
  [IOCB_CMD_FDSYNC]: "fdatasync",
  [IOCB_CMD_POLL]: "poll",
};

/** Where a request stood that failed. */
export interface RequestDetails {
  /** The file descriptor. */
  fd: number;
  /** The position in bytes, where it has one. */
  position?: number | undefined;
  /** The bytes asked for, where it has a length. */
  length?: number | undefined;
  /** The file, where it is known. */
  path?: string | undefined;
  /** What was wrong, where the caller knows better. */
  hint?: string | undefined;
}

/** The one place where the `-errno` of a request becomes an error. */
export function requestError(
  files: FileHost,
  errno: number,
  opcode: number,
  details: RequestDetails,
): AioError {
  const syscall = SYSCALLS[opcode] ?? "io_submit";
  const hint = details.hint ?? hintFor(files, errno, details);
  return new AioError(errno, syscall, { ...details, hint });
}

function hintFor(
  files: FileHost,
  errno: number,
  { fd, position, length }: RequestDetails,
): string | undefined {
  switch (errno) {
    case -EINVAL: {
      const alignment = files.directAlignment?.(fd);
      if (alignment === undefined || position === undefined || length === undefined) return;
      return misaligned(alignment);
    }
    case -EAGAIN:
      return "the request would have had to wait, and was asked not to";
    case -EFAULT:
      return "the memory is gone: its buffer was detached, transferred or resized";
  }
}

function misaligned({ memory, offset, readOffset }: DirectAlignment): string {
  return `if the file was opened with O_DIRECT, memory must be aligned to ${memory}, ` +
    `position and length of reads to ${readOffset}, of writes to ${offset}`;
}
