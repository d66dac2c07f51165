/**
 * The kernel's words: every constant and layout of Linux native AIO, and the reading of its
 * completion ring. No system call is made here.
 *
 * @example Filling a request
 * ```ts
 * import { Iocb, IOCB_CMD_PWRITE, IOCB_SIZE, RWF_DSYNC } from "kaio/syscalls";
 * import assert from "node:assert/strict";
 *
 * const memory = new ArrayBuffer(IOCB_SIZE);
 * const iocb = new Iocb(memory);
 * iocb.data = 7;
 * iocb.opcode = IOCB_CMD_PWRITE;
 * iocb.rwFlags = RWF_DSYNC;
 *
 * assert.equal(new DataView(memory).getBigUint64(0, true), 7n);
 * ```
 *
 * @module
 */

export * from "./aio_ring.ts";
export * from "./aio_sigset.ts";
export * from "./errno.ts";
export * from "./io_event.ts";
export * from "./iocb.ts";
export * from "./ioprio.ts";
export * from "./iovec.ts";
export * from "./opcodes.ts";
export * from "./poll.ts";
export * from "./rw_flags.ts";
export * from "./syscall_numbers.ts";
export * from "./timespec.ts";
export * from "./words.ts";
