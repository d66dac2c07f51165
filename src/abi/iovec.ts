/**
 * struct iovec of 64-bit machines: one piece of memory of a vectored request.
 *
 * Layout of `include/uapi/linux/uio.h`.
 *
 * @module
 */

import { writeUint64 } from "./words.ts";

/** Size of an iovec in bytes. */
export const IOVEC_SIZE = 16;

/** Byte offset of `iov_base`: an address, 64 bits. */
export const IOVEC_BASE = 0;

/** Byte offset of `iov_len`: bytes, 64 bits, unsigned. */
export const IOVEC_LEN = 8;

/** How many iovecs a request may have at most; more give EINVAL. */
export const UIO_MAXIOV = 1024;

/**
 * Writes an iovec.
 *
 * @param view The memory.
 * @param byteOffset Where the iovec begins, in bytes from the start of `view`.
 * @param base Address of the piece: a safe integer, 0 or more.
 * @param len Length of the piece in bytes: a safe integer, 0 or more.
 * @throws {RangeError} If `base` or `len` is anything else, or the iovec is not all inside `view`.
 */
export function writeIovec(view: DataView, byteOffset: number, base: number, len: number): void {
  writeUint64(view, byteOffset + IOVEC_LEN, len);
  writeUint64(view, byteOffset + IOVEC_BASE, base);
}
