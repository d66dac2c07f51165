/**
 * The errors of requests.
 *
 * @module
 */
import { EAGAIN, EFAULT, EINVAL } from "../abi/errno.ts";
import * as opcodes from "../abi/opcodes.ts";
import type { DirectAlignment, FileHost } from "../file_host.ts";
import { AioError, type AioErrorDetails } from "./aio_error.ts";

/** Of a simulation. */
const OVER = "the power has failed, and the process that made this request is over";

/** Opcodes that move bytes at a position. */
export const TRANSFERS: ReadonlySet<number> = new Set([
  opcodes.IOCB_CMD_PREAD,
  opcodes.IOCB_CMD_PWRITE,
  opcodes.IOCB_CMD_PREADV,
  opcodes.IOCB_CMD_PWRITEV,
]);

const SYSCALLS: Readonly<Record<number, string>> = {
  [opcodes.IOCB_CMD_PREAD]: "pread",
  [opcodes.IOCB_CMD_PWRITE]: "pwrite",
  [opcodes.IOCB_CMD_PREADV]: "preadv",
  [opcodes.IOCB_CMD_PWRITEV]: "pwritev",
  [opcodes.IOCB_CMD_FSYNC]: "fsync",
  [opcodes.IOCB_CMD_FDSYNC]: "fdatasync",
  [opcodes.IOCB_CMD_POLL]: "poll",
};

/** The calls of transfers at the current position: those without one. */
const AT_CURRENT: Readonly<Record<number, string>> = {
  [opcodes.IOCB_CMD_PREAD]: "read",
  [opcodes.IOCB_CMD_PWRITE]: "write",
};

/** Every request has a file descriptor. A `hint` of the caller takes the place of that of here. */
type RequestDetails = AioErrorDetails & { fd: number };

/** The one place where the `-errno` of a request becomes an error. */
export function requestError(
  files: FileHost,
  errno: number,
  opcode: number,
  details: RequestDetails,
): AioError {
  const atCurrent = details.position === undefined ? AT_CURRENT[opcode] : undefined;
  const syscall = atCurrent ?? SYSCALLS[opcode] ?? "io_submit";
  const hint = files.isOver ? OVER : details.hint ?? hintFor(files, errno, details);
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
