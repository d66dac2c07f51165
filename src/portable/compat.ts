/**
 * The calls of 32-bit programs. See the COMPAT_SYSCALL_DEFINEs of fs/aio.c.
 *
 * @module
 */
import { EFAULT, EINVAL } from "../abi/errno.ts";
import type { Address, Allocation } from "../kernel.ts";
import type { EventReader } from "./events.ts";
import type { Process } from "./process.ts";
import type { Submission } from "./submission.ts";

/**
 * Contexts, memory and pointers below 4 GiB: pointer arrays of 4 bytes each, iovecs of 8, timespecs
 * of two 32-bit words. iocbs and events are those of 64-bit programs.
 */
export class CompatCalls {
  readonly #process: Process;
  readonly #submission: Submission;
  readonly #events: EventReader;

  /** @internal */
  constructor(process: Process, submission: Submission, events: EventReader) {
    this.#process = process;
    this.#submission = submission;
    this.#events = events;
  }

  /** Zeroed memory below 4 GiB. */
  allocate(byteLength: number): Allocation {
    return this.#process.space.allocate(byteLength, true);
  }

  /** As `Kernel.io_setup`, with an id of 32 bits. */
  io_setup(nr_events: number, ctxp: Uint32Array): number {
    if (ctxp.length === 0) return -EFAULT;
    if (ctxp[0] !== 0) return -EINVAL;
    const id = this.#process.ioctx_alloc(nr_events, true);
    if (id > 0) ctxp[0] = id;
    return Math.min(0, id);
  }

  /** As `Kernel.io_submit`, with pointers and iovecs of 32 bits. */
  io_submit(ctx_id: number, nr: number, iocbpp: Address): number {
    return this.#submission.do_io_submit(ctx_id, nr | 0, iocbpp, true);
  }

  /** As `Kernel.io_getevents`, with a timespec of two 32-bit words. */
  io_getevents(
    ctx_id: number,
    min_nr: number,
    nr: number,
    events: Address,
    timeout: Address | 0,
  ): number {
    return this.#events.do_io_getevents(ctx_id, min_nr | 0, nr | 0, events, timeout, true);
  }
}
