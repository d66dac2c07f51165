/**
 * struct __aio_sigset of 64-bit machines: what the last argument of io_pgetevents(2) points to.
 *
 * Layout as in io_pgetevents(2); the kernel has it in `fs/aio.c`.
 *
 * @module
 */

import { writeUint64 } from "./words.ts";

/** Size of an __aio_sigset in bytes. */
export const AIO_SIGSET_SIZE = 16;

/** Byte offset of `sigmask`: the address of a signal mask, 64 bits. */
export const AIO_SIGSET_SIGMASK = 0;

/** Byte offset of `sigsetsize`: the size of that mask in bytes, 64 bits, unsigned. */
export const AIO_SIGSET_SIGSETSIZE = 8;

/** Size in bytes of the kernel's signal mask: one bit a signal, bit 0 for signal 1. */
export const SIGSET_SIZE = 8;

/**
 * Writes an __aio_sigset for a mask of {@link SIGSET_SIZE} bytes, the only size that the kernel
 * accepts.
 *
 * @param view The memory.
 * @param byteOffset Where the __aio_sigset begins, in bytes from the start of `view`.
 * @param sigmask Address of the mask; 0 leaves the thread's mask as it is.
 * @throws {RangeError} If `sigmask` is not a safe integer, 0 or more, or the __aio_sigset is not
 * all inside `view`.
 */
export function writeAioSigset(view: DataView, byteOffset: number, sigmask: number): void {
  writeUint64(view, byteOffset + AIO_SIGSET_SIGSETSIZE, SIGSET_SIZE);
  writeUint64(view, byteOffset + AIO_SIGSET_SIGMASK, sigmask);
}
