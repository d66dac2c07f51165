/**
 * What contexts stand on: the six system calls of Linux AIO, and memory that they can reach.
 * Everything above works against {@link Kernel} and never asks which one it has.
 *
 * @module
 */
import type { FileHost } from "./file_host.ts";

/** A user-space address as a number: exact, as such addresses fit in 53 bits. */
export type Address = number;

/** Memory outside the garbage collector, as {@link Kernel.allocate} returns it. */
export interface Allocation {
  /** Where the memory begins; a multiple of the page size. */
  readonly address: Address;
  /** The memory itself; detached by {@link Allocation.free}. */
  readonly buffer: ArrayBuffer;
  /**
   * Gives the memory back. Views on it become empty. Must not be called while a request uses the
   * memory.
   */
  free(): void;
}

/** A way to be woken by completions through the event loop; made by {@link Kernel.wakeup}. */
export interface Wakeup {
  /** The eventfd for `aio_resfd`: the kernel adds one to it for each completion. */
  readonly fd: number;
  /**
   * `true` where the event loop is woken as soon as io_getevents would return, so that nothing is
   * gained by sleeping there.
   */
  readonly prompt?: boolean;
  /**
   * Asks for one call of `wake`, from the event loop, once the eventfd is or becomes readable.
   * The process stays alive until then. While armed, a second call does nothing.
   */
  arm(): void;
  /**
   * Takes {@link Wakeup.arm} back. To be called when nothing is in flight, also after a wake-up:
   * only then is the process sure to end. A call of `wake` under way may still come.
   */
  disarm(): void;
  /** Reads the eventfd down to zero without waiting. */
  drain(): void;
  /** Disarms and closes the eventfd. */
  close(): void;
}

/** The system-wide account of requests that contexts were made for. */
export interface Limits {
  /** `fs.aio-nr`: the sum of what all contexts were made for. */
  readonly aioNr: number;
  /** `fs.aio-max-nr`: what that sum may not exceed. */
  readonly aioMaxNr: number;
}

/**
 * The kernel's AIO: six calls with the arguments and results of the system calls of the same name,
 * a failure being a negative errno, and memory.
 *
 * The members after `view` are optional: a kernel without them works, with more copies and more
 * wake-ups.
 */
export interface Kernel {
  /**
   * Makes a context for at least `nr_events` requests in flight and writes its id to `ctxp[0]`,
   * which must be 0. See io_setup(2).
   */
  io_setup(nr_events: number, ctxp: BigUint64Array): number;
  /**
   * Ends a context: waits for what is in flight, tens of milliseconds even when nothing is. Ring
   * views made by this kernel on it are detached first. See io_destroy(2).
   */
  io_destroy(ctx_id: number): number;
  /** Hands `nr` requests over; the number accepted, or the first one's error. See io_submit(2). */
  io_submit(ctx_id: number, nr: number, iocbpp: Address): number;
  /** Tries to cancel; `-EINPROGRESS` is success on today's Linux. See io_cancel(2). */
  io_cancel(ctx_id: number, iocb: Address, result: Address): number;
  /**
   * Moves up to `nr` events out of the ring, waiting for `min_nr` of them. `timeout` points to a
   * `timespec`, relative; 0 waits for ever. The kernel does not check it: a negative one waits
   * for ever too. See io_getevents(2).
   */
  io_getevents(
    ctx_id: number,
    min_nr: number,
    nr: number,
    events: Address,
    timeout: Address | 0,
  ): number;
  /** As io_getevents, under a signal mask given by a `struct __aio_sigset`. See io_pgetevents(2). */
  io_pgetevents(
    ctx_id: number,
    min_nr: number,
    nr: number,
    events: Address,
    timeout: Address | 0,
    sigmask: Address | 0,
  ): number;
  /** Page-aligned, zeroed memory outside the garbage collector. */
  allocate(byteLength: number): Allocation;
  /**
   * A view of `byteLength` bytes at `address`, without a copy. Nothing checks that the memory is
   * there: a view on an address that was never mapped ends the process when it is touched.
   */
  view(address: Address, byteLength: number): ArrayBuffer;

  /**
   * The address of memory that was made by `allocate` of the main module, which never moves and
   * cannot be detached. Without it such memory is copied like any other.
   */
  addressOf?(buffer: ArrayBuffer): Address;
  /** An eventfd bound to the event loop. Without it an idle context looks at its ring by timer. */
  wakeup?(wake: () => void): Wakeup;
  /**
   * For how many microseconds io_getevents is to sleep at most in one call, because a thread that is
   * told to end does so only between calls. Without it, for as long as is asked.
   */
  readonly longestSleep?: number;
  /** The clock that timeouts go by, in milliseconds: a simulated one; without it that of the machine. */
  now?(): number;
  /** The account that io_setup is held against; `undefined` where it cannot be read. */
  limits?(): Limits | undefined;
  /** What open files ask of the machine; without it that of the kernel which the runtime uses. */
  readonly files?: FileHost;
}
