/**
 * What became of a request.
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
import { AioError } from "../error.ts";
import type { DirectAlignment, Kernel } from "../kernel.ts";
import type { Request } from "./request.ts";

/**
 * A finished request. From `for await` over a context each is an object of its own; from
 * `batches()` and `wait()` the objects are used again with the next batch.
 */
export class Completion<T> {
  /** What the request was given as `data`. */
  data!: T;
  /** The number of bytes, the ready mask of a poll, or `-errno`. */
  res: number = 0;
  /** The memory of a read or write, as it was given. */
  buffer!: Uint8Array;
  /** The memory of a readv or writev, as it was given. */
  buffers: readonly Uint8Array[] | undefined;
  /** The file descriptor. */
  fd: number = -1;
  /** The position in the file in bytes. */
  position: number = 0;

  /** @internal */
  opcode: number = 0;
  /** @internal */
  length: number = 0;
  readonly #kernel: Kernel;

  /** @internal */
  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  /** @internal Takes over what the request was. */
  describe(request: Readonly<Request>): void {
    this.data = request.data as T;
    this.buffer = request.buffer!;
    this.buffers = request.buffers;
    this.fd = request.fd;
    this.position = request.position;
    this.opcode = request.opcode;
    this.length = request.length;
  }

  /** @internal Keeps nothing alive while it waits to be used again. */
  forget(): void {
    this.data = undefined!;
    this.buffer = undefined!;
    this.buffers = undefined;
  }

  /** The error that a negative `res` stands for, else `undefined`; made anew at each look. */
  get error(): AioError | undefined {
    if (this.res >= 0) return undefined;
    const transfer = TRANSFERS.has(this.opcode);
    return requestError(this.#kernel, this.res, this.opcode, {
      fd: this.fd,
      position: transfer ? this.position : undefined,
      length: transfer ? this.length : undefined,
    });
  }
}

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
  kernel: Kernel,
  errno: number,
  opcode: number,
  details: RequestDetails,
): AioError {
  const syscall = SYSCALLS[opcode] ?? "io_submit";
  const hint = details.hint ?? hintFor(kernel, errno, details);
  return new AioError(errno, syscall, { ...details, hint });
}

function hintFor(
  kernel: Kernel,
  errno: number,
  { fd, position, length }: RequestDetails,
): string | undefined {
  switch (errno) {
    case -EINVAL: {
      const alignment = kernel.directAlignment?.(fd);
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
