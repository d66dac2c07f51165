/**
 * struct iocb: one request, as io_submit(2) takes it.
 *
 * Layout of `include/uapi/linux/aio_abi.h` on little-endian machines.
 *
 * @module
 */

import { readInt64, readUint64, writeInt64, writeUint64 } from "./words.ts";

/** Size of an iocb in bytes. */
export const IOCB_SIZE = 64;

/** Byte offset of `aio_data`: 64 bits, unsigned. */
export const IOCB_DATA = 0;

/** Byte offset of `aio_key`: 32 bits, unsigned. */
export const IOCB_KEY = 8;

/** Byte offset of `aio_rw_flags`: 32 bits. */
export const IOCB_RW_FLAGS = 12;

/** Byte offset of `aio_lio_opcode`: 16 bits, unsigned. */
export const IOCB_LIO_OPCODE = 16;

/** Byte offset of `aio_reqprio`: 16 bits, signed. */
export const IOCB_REQPRIO = 18;

/** Byte offset of `aio_fildes`: 32 bits, unsigned. */
export const IOCB_FILDES = 20;

/** Byte offset of `aio_buf`: 64 bits, unsigned. */
export const IOCB_BUF = 24;

/** Byte offset of `aio_nbytes`: 64 bits, unsigned. */
export const IOCB_NBYTES = 32;

/** Byte offset of `aio_offset`: 64 bits, signed. */
export const IOCB_OFFSET = 40;

/** Byte offset of `aio_reserved2`: 64 bits that must be 0, or io_submit answers EINVAL. */
export const IOCB_RESERVED2 = 48;

/** Byte offset of `aio_flags`: 32 bits, unsigned. */
export const IOCB_FLAGS = 56;

/** Byte offset of `aio_resfd`: 32 bits, unsigned. */
export const IOCB_RESFD = 60;

/**
 * One iocb, laid over memory. Nothing is copied: what is set here is what the kernel reads.
 *
 * Numbers set to fields of 16 and 32 bits wrap as in C; numbers set to fields of 64 bits must be
 * safe integers. The memory must be outside the garbage collector for its address to be of use to
 * io_submit, and must be writable: io_submit writes `aio_key`.
 *
 * @example Asking for a page
 * ```ts
 * import { Iocb, IOCB_CMD_PREAD, IOCB_SIZE } from "kaio/syscalls";
 * import assert from "node:assert/strict";
 *
 * const iocb = new Iocb(new ArrayBuffer(IOCB_SIZE));
 * iocb.opcode = IOCB_CMD_PREAD;
 * iocb.nbytes = 4096;
 * iocb.offset = 3 * 4096;
 *
 * assert.equal(iocb.offset, 12288);
 * ```
 */
export class Iocb {
  readonly #view: DataView;

  /**
   * Lays an iocb over 64 bytes; leaves them as they are.
   *
   * @param buffer The memory.
   * @param byteOffset Where the iocb begins in it, in bytes.
   * @throws {RangeError} If the iocb is not all inside `buffer`.
   */
  constructor(buffer: ArrayBuffer, byteOffset: number = 0) {
    this.#view = new DataView(buffer, byteOffset, IOCB_SIZE);
  }

  /**
   * `aio_data`: the caller's own, given back in the event. A safe integer, 0 or more; anything
   * else throws RangeError. Exact up to `Number.MAX_SAFE_INTEGER`: the kernel keeps all 64 bits,
   * but a word above is read as the nearest number.
   */
  get data(): number {
    return readUint64(this.#view, IOCB_DATA);
  }

  set data(value: number) {
    writeUint64(this.#view, IOCB_DATA, value);
  }

  /** `aio_key`: the kernel's; io_submit writes 0 here, and io_cancel asks for that 0. */
  get key(): number {
    return this.#view.getUint32(IOCB_KEY, true);
  }

  set key(value: number) {
    this.#view.setUint32(IOCB_KEY, value, true);
  }

  /** `aio_rw_flags`: the `RWF_` bits of this request; a signed int, as in the header. */
  get rwFlags(): number {
    return this.#view.getInt32(IOCB_RW_FLAGS, true);
  }

  set rwFlags(value: number) {
    this.#view.setInt32(IOCB_RW_FLAGS, value, true);
  }

  /** `aio_lio_opcode`: one of `IOCB_CMD_`. */
  get opcode(): number {
    return this.#view.getUint16(IOCB_LIO_OPCODE, true);
  }

  set opcode(value: number) {
    this.#view.setUint16(IOCB_LIO_OPCODE, value, true);
  }

  /** `aio_reqprio`: an I/O priority, read by the kernel only under `IOCB_FLAG_IOPRIO`. */
  get reqprio(): number {
    return this.#view.getInt16(IOCB_REQPRIO, true);
  }

  set reqprio(value: number) {
    this.#view.setInt16(IOCB_REQPRIO, value, true);
  }

  /** `aio_fildes`: the file descriptor; unsigned, so that -1 is read back as 4294967295. */
  get fildes(): number {
    return this.#view.getUint32(IOCB_FILDES, true);
  }

  set fildes(value: number) {
    this.#view.setUint32(IOCB_FILDES, value, true);
  }

  /**
   * `aio_buf`: the address of the memory, or of the iovecs of a vectored request; the mask of a
   * poll; 0 for a sync. A safe integer, 0 or more; anything else throws RangeError.
   */
  get buf(): number {
    return readUint64(this.#view, IOCB_BUF);
  }

  set buf(value: number) {
    writeUint64(this.#view, IOCB_BUF, value);
  }

  /**
   * `aio_nbytes`: how many bytes, or how many iovecs for a vectored request; 0 for a poll or a
   * sync. A safe integer, 0 or more; anything else throws RangeError. The kernel moves at most
   * 0x7ffff000 bytes at a time.
   */
  get nbytes(): number {
    return readUint64(this.#view, IOCB_NBYTES);
  }

  set nbytes(value: number) {
    writeUint64(this.#view, IOCB_NBYTES, value);
  }

  /**
   * `aio_offset`: the position in the file, in bytes; 0 for a poll or a sync. A safe integer;
   * anything else throws RangeError. The kernel refuses a negative one with EINVAL.
   */
  get offset(): number {
    return readInt64(this.#view, IOCB_OFFSET);
  }

  set offset(value: number) {
    writeInt64(this.#view, IOCB_OFFSET, value);
  }

  /** `aio_flags`: the `IOCB_FLAG_` bits; the kernel ignores others. */
  get flags(): number {
    return this.#view.getUint32(IOCB_FLAGS, true);
  }

  set flags(value: number) {
    this.#view.setUint32(IOCB_FLAGS, value, true);
  }

  /** `aio_resfd`: the eventfd to signal, read by the kernel only under `IOCB_FLAG_RESFD`. */
  get resfd(): number {
    return this.#view.getUint32(IOCB_RESFD, true);
  }

  set resfd(value: number) {
    this.#view.setUint32(IOCB_RESFD, value, true);
  }

  /** Sets all 64 bytes to 0, `aio_reserved2` among them. Must not be called while in flight. */
  clear(): void {
    for (let at = 0; at < IOCB_SIZE; at += 4) this.#view.setUint32(at, 0);
  }
}
