/**
 * The calls of 32-bit programs. See the COMPAT_SYSCALL_DEFINEs of fs/aio.c.
 *
 * @module
 */
import { EFAULT, EINVAL } from "../abi/errno.ts";
import type { Kernel } from "../kernel.ts";
import type { EventReader } from "./events.ts";
import type { Process } from "./process.ts";
import type { Submission } from "./submission.ts";

/**
 * Contexts, memory and pointers below 4 GiB: pointer arrays of 4 bytes each, iovecs of 8, timespecs
 * of two 32-bit words. iocbs and events are those of 64-bit programs.
 */
export interface CompatCalls extends Pick<Kernel, "allocate" | "io_submit" | "io_getevents"> {
  /** As `Kernel.io_setup`, with an id of 32 bits. */
  io_setup(nr_events: number, ctxp: Uint32Array): number;
}

/** The calls of a process. */
export function compatCalls(
  process: Process,
  submission: Submission,
  events: EventReader,
): CompatCalls {
  return {
    allocate: (byteLength) => process.space.allocate(byteLength, true),
    io_setup(nr_events, ctxp) {
      if (ctxp.length === 0) return -EFAULT;
      if (ctxp[0] !== 0) return -EINVAL;
      const id = process.ioctx_alloc(nr_events, true);
      if (id > 0) ctxp[0] = id;
      return Math.min(0, id);
    },
    io_submit: (ctx_id, nr, iocbpp) => submission.do_io_submit(ctx_id, nr | 0, iocbpp, true),
    io_getevents: (ctx_id, min_nr, nr, address, timeout) =>
      events.do_io_getevents(ctx_id, min_nr | 0, nr | 0, address, timeout, true),
  };
}
