/**
 * The calls of 32-bit programs. See the COMPAT_SYSCALL_DEFINEs of fs/aio.c.
 *
 * @module
 */
import { EFAULT, EINVAL } from "../abi/errno.ts";
import type { Address, Allocation } from "../kernel.ts";
import type { AddressSpace } from "./address_space.ts";
import { milliseconds } from "./time.ts";

/** What they have in common with the calls of 64-bit programs. */
export interface CommonCalls {
  setup(nr_events: number, low: boolean): number;
  submit(ctx_id: number, nr: number, pointer: (index: number) => Address): number;
  getevents(
    ctx_id: number,
    min_nr: number,
    nr: number,
    events: Address,
    timeout: () => number,
  ): number;
}

/**
 * Contexts, memory and pointers below 4 GiB: pointer arrays of 4 bytes each, iovecs of 8, timespecs
 * of two 32-bit words. iocbs and events are those of 64-bit programs.
 */
export class CompatCalls {
  readonly #space: AddressSpace;
  readonly #calls: CommonCalls;

  /** @internal */
  constructor(space: AddressSpace, calls: CommonCalls) {
    this.#space = space;
    this.#calls = calls;
  }

  /** Zeroed memory below 4 GiB. */
  allocate(byteLength: number): Allocation {
    return this.#space.allocate(byteLength, true);
  }

  /** As `Kernel.io_setup`, with an id of 32 bits. */
  io_setup(nr_events: number, ctxp: Uint32Array): number {
    if (ctxp.length === 0) return -EFAULT;
    if (ctxp[0] !== 0) return -EINVAL;
    const id = this.#calls.setup(nr_events, true);
    if (id > 0) ctxp[0] = id;
    return Math.min(0, id);
  }

  /** As `Kernel.io_submit`, with pointers and iovecs of 32 bits. */
  io_submit(ctx_id: number, nr: number, iocbpp: Address): number {
    return this.#calls.submit(ctx_id, nr | 0, (index) => {
      const space = this.#space;
      if (!space.locate(iocbpp + 4 * index, 4)) return -EFAULT;
      return space.view.getUint32(space.offset, true);
    });
  }

  /** As `Kernel.io_getevents`, with a timespec of two 32-bit words. */
  io_getevents(
    ctx_id: number,
    min_nr: number,
    nr: number,
    events: Address,
    timeout: Address | 0,
  ): number {
    return this.#calls.getevents(ctx_id, min_nr | 0, nr | 0, events, () => {
      const space = this.#space;
      if (timeout === 0) return Infinity;
      if (!space.locate(timeout, 8)) return -EFAULT;
      const { view, offset } = space;
      return milliseconds(view.getInt32(offset, true), view.getInt32(offset + 4, true));
    });
  }
}
