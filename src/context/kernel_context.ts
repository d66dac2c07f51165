/**
 * A kernel context with the memory that goes with it: all that outlives an `AioContext`.
 *
 * @module
 */
import { AioRing } from "../abi/aio_ring.ts";
import { EAGAIN, EINVAL, ENOMEM, ENOSYS, EPERM } from "../abi/errno.ts";
import { IO_EVENT_SIZE } from "../abi/io_event.ts";
import { IOCB_DATA, IOCB_RESFD, IOCB_SIZE } from "../abi/iocb.ts";
import { TIMESPEC_SIZE } from "../abi/timespec.ts";
import { AioError } from "../errors/aio_error.ts";
import type { Address, Allocation, Kernel, Wakeup } from "../kernel.ts";

const CACHE_LINE = 64;
const POINTER_SIZE = 8;

/**
 * One io_setup and one allocation, laid out once: a timespec, the pointer array of io_submit, the
 * event array of io_getevents, and the iocbs. The kernel writes to an iocb while it submits it and
 * to the events when asked, so the memory lives as long as the context, which is used again rather
 * than destroyed.
 */
export class KernelContext {
  /** The kernel that made the context. */
  readonly kernel: Kernel;
  /** How many requests may be in flight. */
  readonly entries: number;
  /** The `aio_context_t`. */
  readonly contextId: number;
  /** The ring where it lies. */
  readonly ring: AioRing;
  /** All iocbs, {@link IOCB_SIZE} / 4 words each. `data` is the slot, for good. */
  readonly iocbs: Uint32Array;
  /** Where iocb 0 lies. */
  readonly iocbsAddress: Address;
  /** The pointer array, two words a pointer. */
  readonly pointers: Uint32Array;
  /** Where pointer 0 lies. */
  readonly pointersAddress: Address;
  /** The events that io_getevents returned, {@link IO_EVENT_SIZE} / 4 words each. */
  readonly events: Int32Array;
  /** Where event 0 lies. */
  readonly eventsAddress: Address;
  /** The timespec. */
  readonly timeout: DataView;
  /** Where the timespec lies. */
  readonly timeoutAddress: Address;
  /** The eventfd that requests signal; `undefined` where the kernel has none. */
  readonly wakeup: Wakeup | undefined;
  /** What a wake-up calls: the event loop's, while it waits for one. */
  woken: () => void = ignore;
  readonly #memory: Allocation;

  /**
   * @param kernel Where to make it
   * @param entries How many requests may be in flight
   * @throws {AioError} What io_setup answered: EAGAIN where fs.aio-max-nr is used up
   */
  constructor(kernel: Kernel, entries: number) {
    this.kernel = kernel;
    this.entries = entries;
    this.contextId = setup(kernel, entries);
    let memory: Allocation | undefined;
    try {
      this.ring = new AioRing(kernel, this.contextId);
      const pointers = Math.max(CACHE_LINE, TIMESPEC_SIZE);
      const events = align(pointers + POINTER_SIZE * entries);
      const iocbs = align(events + IO_EVENT_SIZE * entries);
      this.#memory = memory = kernel.allocate(iocbs + IOCB_SIZE * entries);
      const { address, buffer } = memory;
      this.timeout = new DataView(buffer, 0, TIMESPEC_SIZE);
      this.timeoutAddress = address;
      this.pointers = new Uint32Array(buffer, pointers, POINTER_SIZE * entries / 4);
      this.pointersAddress = address + pointers;
      this.events = new Int32Array(buffer, events, IO_EVENT_SIZE * entries / 4);
      this.eventsAddress = address + events;
      this.iocbs = new Uint32Array(buffer, iocbs, IOCB_SIZE * entries / 4);
      this.iocbsAddress = address + iocbs;
      this.wakeup = kernel.wakeup?.(() => this.woken());
    } catch (error) {
      // The account of the machine is small, so a context that cannot be used is given back.
      kernel.io_destroy(this.contextId);
      memory?.free();
      throw error;
    }
    this.#layOut();
  }

  /** Writes what stays the same in every iocb. */
  #layOut(): void {
    for (let slot = 0; slot < this.entries; slot++) {
      const iocb = slot * IOCB_SIZE / 4;
      this.iocbs[iocb + IOCB_DATA / 4] = slot;
      // Read by the kernel only under IOCB_FLAG_RESFD.
      if (this.wakeup !== undefined) this.iocbs[iocb + IOCB_RESFD / 4] = this.wakeup.fd;
    }
  }

  /**
   * Ends the context, for which only polls may be in flight. Blocks the thread for tens of
   * milliseconds.
   *
   * @returns What io_destroy answered; if that is an error, the memory stays
   */
  destroy(): number {
    this.wakeup?.close();
    this.ring.detach();
    const errno = this.kernel.io_destroy(this.contextId);
    // Where it is refused, the iocbs may still be the kernel's.
    if (errno === 0) this.#memory.free();
    return errno;
  }
}

/** Rounds up to a cache line, so that no two arrays share one. */
function align(size: number): number {
  return Math.ceil(size / CACHE_LINE) * CACHE_LINE;
}

/** What a wake-up calls while nothing waits for it. */
export function ignore(): void {}

function setup(kernel: Kernel, entries: number): number {
  const id = new BigUint64Array(1);
  const errno = kernel.io_setup(entries, id);
  if (errno === 0) return Number(id[0]);
  throw new AioError(errno, "io_setup", {
    message: `io_setup refused ${entries} requests`,
    hint: hintFor(kernel, errno),
  });
}

function hintFor(kernel: Kernel, errno: number): string | undefined {
  switch (errno) {
    case -EAGAIN:
      return exhausted(kernel);
    case -ENOMEM:
      return "the memory for its ring is not to be had; ask for fewer entries, or raise ulimit -v";
    case -EINVAL:
      return "the worker that asks for it is about to end";
    case -EPERM:
    case -ENOSYS:
      return "a seccomp filter or sandbox refuses it since the process began";
  }
}

function exhausted(kernel: Kernel): string {
  const limits = kernel.limits?.();
  const figures = limits === undefined
    ? "fs.aio-max-nr is used up"
    : `fs.aio-nr is ${limits.aioNr} of fs.aio-max-nr ${limits.aioMaxNr}`;
  return `${figures}; share a context, ask for fewer entries, or raise it with sysctl fs.aio-max-nr`;
}
