/**
 * Contexts: requests in, completions out.
 *
 * @module
 */
import {
  IOCB_CMD_FDSYNC,
  IOCB_CMD_FSYNC,
  IOCB_CMD_POLL,
  IOCB_CMD_PREAD,
  IOCB_CMD_PREADV,
  IOCB_CMD_PWRITE,
  IOCB_CMD_PWRITEV,
} from "../abi/opcodes.ts";
import { UIO_MAXIOV } from "../abi/iovec.ts";
import { checkInteger, checkNumber, typeError } from "../check.ts";
import { chooseKernel, fileHostOf, type KernelName } from "../choose_kernel.ts";
import { Batch } from "./batch.ts";
import type { Completion } from "./completion.ts";
import { Core } from "./core.ts";
import { EventLoop } from "./event_loop.ts";
import { BatchIterator, LoopGuard, SingleIterator } from "./iterators.ts";
import type { Reap } from "./reaper.ts";
import { unwatch, watch } from "../forgotten.ts";
import type { Kernel } from "../kernel.ts";
import { isDetached } from "../memory/detached.ts";
import { bufferOf, byteLengthOf, bytesOf } from "../memory/intrinsics.ts";

/** How an {@link AioContext} is made. */
export interface AioContextOptions {
  /**
   * The most requests that may be in flight. What is queued beyond waits; nothing is refused.
   *
   * @default {64}
   */
  entries?: number;
  /**
   * The kernel to use, or its name. By default the one that the environment variable `KAIO_KERNEL`
   * names, else that of this machine where it can be called, else the portable one.
   */
  kernel?: Kernel | KernelName;
  /**
   * For how many microseconds of a turn of the event loop the thread may sleep in the kernel for
   * completions. 0 suits servers whose other work must not wait: completions are then always
   * waited for through the event loop, at some tens of microseconds each time.
   *
   * By default 100; on the kernel of the machine in Node 0, as its event loop is woken as soon.
   */
  maxWait?: number;
  /**
   * How completions are taken: out of the ring in shared memory, without a system call, where
   * that is possible, or always by io_getevents(2).
   *
   * @default {"ring"}
   */
  reap?: Reap;
}

/** What goes with a request that moves bytes. */
export interface TransferOptions<T> {
  /**
   * Position in the file in bytes. Pipes and sockets have none.
   *
   * @default {0}
   */
  position?: number;
  /** Anything; the completion has it. */
  data?: T;
  /** RWF_* of `kaio/syscalls`. */
  flags?: number;
}

/** What goes with a request that moves no bytes. */
export interface RequestOptions<T> {
  /** Anything; the completion has it. */
  data?: T;
}

/** How {@link AioContext.wait} waits. */
export interface WaitOptions {
  /**
   * Milliseconds after which it returns with what is there.
   *
   * @default {Infinity}
   */
  timeout?: number;
}

/** A ticket for {@link AioContext.cancel}. */
export type Ticket = number;

const MAXIMUM_ENTRIES = 2 ** 22;
/** A second, in microseconds: more would be a hanging event loop and not a wait. */
const LONGEST_WAIT = 1e6;

/** What files need of a context, beyond its public members. */
export interface ContextInternals {
  /** Where operations are queued. */
  core: Core;
  /** What drives it. */
  loop: EventLoop;
}

let internals: (aio: AioContext) => ContextInternals;

/**
 * A queue of requests to the kernel's asynchronous I/O, and the completions that come back, in
 * the order in which they come.
 *
 * Requests are on their own: there is no order between them, not even between those sent
 * together. What must come after something is to be queued when that has completed; a sync covers
 * the writes that have completed before it was queued.
 *
 * A context is raw. On a file opened without O_DIRECT the kernel may do the whole work inside
 * {@link AioContext.submit}, which then holds the thread for as long as the disk takes.
 *
 * Memory from `allocate` is used where it lies. For any other the bytes go through memory of
 * kaio's own, so that the kernel never writes to memory that was collected, detached or resized
 * meanwhile.
 *
 * A context that was not closed is closed after it became unreachable: when neither the
 * `AioContext` nor a loop, a file or a request on it is left. What was queued and not submitted is
 * dropped. A warning `KAIO_NOT_CLOSED` then names the place where it was made.
 *
 * @example
 * ```ts
 * import { AioContext, open } from "kaio";
 *
 * await using file = await open("data.bin", "r");
 * await using aio = new AioContext<string>({ entries: 64 });
 * aio.read(file.fd, new Uint8Array(100), { position: 0, data: "header" });
 * aio.read(file.fd, new Uint8Array(4096), { position: 8192, data: "page 2" });
 * for await (const { data, res, error, buffer } of aio) {
 *   if (error) throw error;
 *   console.log(data, buffer.subarray(0, res).length);
 * }
 * ```
 *
 * @typeParam T What the requests carry as `data`
 */
export class AioContext<T = unknown> implements AsyncIterable<Completion<T>>, AsyncDisposable {
  readonly #core: Core;
  readonly #loop: EventLoop;
  readonly #guard = new LoopGuard();
  #waited: Batch | undefined = undefined;
  #closing: Promise<void> | undefined = undefined;

  static {
    internals = (aio) => ({ core: aio.#core, loop: aio.#loop });
  }

  /**
   * Makes a context, or takes one that was closed before.
   *
   * @param options How it is made
   * @throws {RangeError} If `entries` is not an integer from 1 to 4194304, or `maxWait` not from 0
   * to a second
   * @throws {AioError} What io_setup(2) answered: EAGAIN where fs.aio-max-nr is used up
   * @throws {TypeError} If `reap`, or `kernel` or the environment variable `KAIO_KERNEL`, is none
   * of the above
   * @throws {Error} If the kernel of this machine is asked for and cannot be called: the FFI or the
   * system calls are missing
   */
  constructor(options: AioContextOptions = {}) {
    const { kernel: wanted, entries = 64, maxWait, reap = "ring" } = options;
    const kernel = chooseKernel(wanted);
    checkInteger("make context", "entries", entries, MAXIMUM_ENTRIES, 1);
    if (maxWait !== undefined) checkNumber("make context", "maxWait", maxWait, LONGEST_WAIT);
    if (reap !== "ring" && reap !== "syscall") {
      throw new TypeError(
        `Cannot make context: \`reap\` must be "ring" or "syscall": current value is "${reap}"`,
      );
    }
    this.#core = new Core(kernel, fileHostOf(kernel), entries, reap);
    this.#loop = new EventLoop(this.#core, maxWait);
    watch(this.#loop, "AioContext", closerOf(this.#core));
  }

  /** The most requests that may be in flight. */
  get entries(): number {
    return this.#core.context.entries;
  }

  /** Requests that the kernel has and whose completions have not been taken from it. */
  get inFlight(): number {
    return this.#core.submission.inFlight;
  }

  /** Requests that the kernel does not have yet. */
  get queued(): number {
    return this.#core.submission.queued;
  }

  /**
   * Queues a read of up to `buffer.byteLength` bytes; see pread(2). Completes with their number,
   * which is smaller only at the end of the file.
   *
   * @param fd The file descriptor
   * @param buffer Where the bytes go; not to be touched until the completion
   * @param options Position and data
   * @returns A ticket
   * @throws {TypeError} If `buffer` is not memory, or is detached
   * @throws {RangeError} If `fd` or `position` is out of range
   */
  read(fd: number, buffer: Uint8Array, options?: TransferOptions<T>): Ticket {
    return this.#transfer(IOCB_CMD_PREAD, fd, buffer, options);
  }

  /**
   * Queues a write of `buffer`; see pwrite(2). Completes with the number of bytes written.
   *
   * @param fd The file descriptor
   * @param buffer The bytes; not to be changed until the completion
   * @param options Position and data
   * @returns A ticket
   * @throws {TypeError} If `buffer` is not memory, or is detached
   * @throws {RangeError} If `fd` or `position` is out of range
   */
  write(fd: number, buffer: Uint8Array, options?: TransferOptions<T>): Ticket {
    return this.#transfer(IOCB_CMD_PWRITE, fd, buffer, options);
  }

  /**
   * Queues a read into several buffers, filled one after the other; see preadv(2).
   *
   * @param fd The file descriptor
   * @param buffers Where the bytes go, at most 1024
   * @param options Position and data
   * @returns A ticket
   * @throws {TypeError} If one of `buffers` is not memory, or is detached
   * @throws {RangeError} If `fd` or `position` is out of range, or there are too many buffers
   */
  readv(fd: number, buffers: readonly Uint8Array[], options?: TransferOptions<T>): Ticket {
    return this.#transferVector(IOCB_CMD_PREADV, fd, buffers, options);
  }

  /**
   * Queues a write of several buffers, one after the other; see pwritev(2).
   *
   * @param fd The file descriptor
   * @param buffers The bytes, at most 1024 buffers
   * @param options Position and data
   * @returns A ticket
   * @throws {TypeError} If one of `buffers` is not memory, or is detached
   * @throws {RangeError} If `fd` or `position` is out of range, or there are too many buffers
   */
  writev(fd: number, buffers: readonly Uint8Array[], options?: TransferOptions<T>): Ticket {
    return this.#transferVector(IOCB_CMD_PWRITEV, fd, buffers, options);
  }

  /**
   * Queues a sync of data and metadata; see fsync(2). It covers the writes that have completed.
   *
   * @param fd The file descriptor
   * @param options Data
   * @returns A ticket
   * @throws {RangeError} If `fd` is out of range
   */
  fsync(fd: number, options?: RequestOptions<T>): Ticket {
    return this.#plain(IOCB_CMD_FSYNC, fd, 0, options?.data);
  }

  /**
   * Queues a sync of data and of the metadata needed to read it; see fdatasync(2). It covers the
   * writes that have completed.
   *
   * @param fd The file descriptor
   * @param options Data
   * @returns A ticket
   * @throws {RangeError} If `fd` is out of range
   */
  fdatasync(fd: number, options?: RequestOptions<T>): Ticket {
    return this.#plain(IOCB_CMD_FDSYNC, fd, 0, options?.data);
  }

  /**
   * Queues a wait until a pipe, socket or eventfd is ready; see poll(2). Completes once, with the
   * mask of what it is ready for, errors and hang-ups included. What has two wait queues, like a
   * pipe opened for both directions or a terminal, completes with EINVAL unless it is ready at
   * once; see aio_poll in fs/aio.c.
   *
   * @param fd The file descriptor
   * @param events POLL* of `kaio/syscalls`
   * @param options Data
   * @returns A ticket
   * @throws {RangeError} If `fd` or `events` is out of range
   */
  poll(fd: number, events: number, options?: RequestOptions<T>): Ticket {
    checkInteger("queue poll", "events", events, 0xffff);
    return this.#plain(IOCB_CMD_POLL, fd, events, options?.data);
  }

  #transfer(
    opcode: number,
    fd: number,
    buffer: Uint8Array,
    options: TransferOptions<T> | undefined,
  ): Ticket {
    // The caller's code may run here, and may detach the buffer: so its length is asked for after.
    const { position = 0, data, flags = 0 } = options ?? {};
    const length = checkedLength(buffer);
    return this.#queue(opcode, fd, buffer, undefined, length, position, flags, data);
  }

  #transferVector(
    opcode: number,
    fd: number,
    buffers: readonly Uint8Array[],
    options: TransferOptions<T> | undefined,
  ): Ticket {
    if (!Array.isArray(buffers)) throw typeError("queue request", "buffers", "an array");
    checkInteger("queue request", "buffers.length", buffers.length, UIO_MAXIOV);
    // A copy: the caller may change the array, and the bytes are handed out by it at the end.
    const all = [...buffers];
    const { position = 0, data, flags = 0 } = options ?? {};
    const length = all.reduce((total, buffer) => total + checkedLength(buffer), 0);
    return this.#queue(opcode, fd, undefined, all, length, position, flags, data);
  }

  /** A request without memory. */
  #plain(opcode: number, fd: number, length: number, data: T | undefined): Ticket {
    return this.#queue(opcode, fd, undefined, undefined, length, 0, 0, data);
  }

  /** Everything was read from the caller's objects: none of the caller's code runs from here on. */
  #queue(
    opcode: number,
    fd: number,
    buffer: Uint8Array | undefined,
    buffers: readonly Uint8Array[] | undefined,
    length: number,
    position: number,
    rwFlags: number,
    data: T | undefined,
  ): Ticket {
    const { submission, ready } = this.#core;
    if (submission.closing) throw closedError("queue request");
    checkInteger("queue request", "fd", fd, 0x7fffffff);
    checkInteger("queue request", "position", position, Number.MAX_SAFE_INTEGER);
    checkInteger("queue request", "flags", rwFlags, 0xffffffff);
    const operation = ready.blank();
    operation.opcode = opcode;
    operation.fd = fd;
    operation.buffer = buffer!;
    operation.buffers = buffers;
    operation.length = length;
    operation.position = position;
    operation.rwFlags = rwFlags;
    operation.data = data;
    // Queueing throws where there is no memory, and nothing is to come then.
    submission.queue(operation);
    ready.expected++;
    return operation.ticket;
  }

  /**
   * Sends what is queued, with one io_submit(2) if the kernel takes it all. What it refuses
   * completes with the error; what there is no room for stays queued.
   *
   * @returns How many requests the kernel accepted
   * @throws {Error} If the context is closed
   */
  submit(): number {
    const { submission, ready } = this.#core;
    if (submission.closing) throw closedError("submit");
    const accepted = submission.submit();
    // Also for what the kernel refused: a loop may be waiting.
    if (accepted > 0 || submission.queued > 0 || ready.length > 0) this.#loop.ask();
    return accepted;
  }

  /**
   * Asks the kernel to end a request early. Of what it has already, it can do that for polls only.
   *
   * @param ticket What queueing returned
   * @returns `true`: it will complete with `-ECANCELED`; `false`: it goes on, or has completed
   */
  cancel(ticket: Ticket): boolean {
    const { submission, ready } = this.#core;
    const operation = submission.closing ? undefined : submission.find(ticket);
    if (operation === undefined || !submission.cancel(operation)) return false;
    if (ready.length > 0) this.#loop.schedule();
    return true;
  }

  /**
   * The completions one by one, as they come. Sends what is queued. Ends when nothing is queued
   * or in flight; a loop that is left early loses nothing, the next one goes on.
   *
   * @throws {Error} At the first step, if another loop is under way
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<Completion<T>> {
    const loop = new SingleIterator(this.#core, this.#loop, this.#guard);
    return loop as AsyncIterableIterator<Completion<T>>;
  }

  /**
   * The completions in batches of all that are there. The fastest way: array and objects are used
   * again, so they are valid until the loop asks for the next batch, or is left.
   *
   * @returns An iterator like that of the context itself
   */
  batches(): AsyncIterableIterator<readonly Completion<T>[]> {
    const loop = new BatchIterator(this.#core, this.#loop, this.#guard);
    return loop as AsyncIterableIterator<readonly Completion<T>[]>;
  }

  /**
   * Sends what is queued and holds the thread until enough has completed. For scripts: nothing
   * else runs meanwhile.
   *
   * @param minimum How many completions to wait for; fewer come if no more are in flight
   * @param options When to give up
   * @returns The completions, valid until the next call
   * @throws {RangeError} If `minimum` is not an integer from 0, or `timeout` is negative
   * @throws {Error} If a loop is under way or the context is closed
   */
  wait(minimum: number = 1, options: WaitOptions = {}): readonly Completion<T>[] {
    const { timeout = Infinity } = options;
    checkInteger("wait", "minimum", minimum, Number.MAX_SAFE_INTEGER);
    checkNumber("wait", "timeout", timeout, Infinity);
    if (this.#core.closing) throw closedError("wait");
    this.#guard.enter(this);
    try {
      this.#core.wait(minimum, timeout);
      if (this.#core.submission.inFlight > 0) this.#loop.schedule();
      this.#waited = this.#core.ready.exchange(this.#waited ?? new Batch(this.#core));
      return this.#waited as Completion<unknown>[] as Completion<T>[];
    } finally {
      this.#guard.leave(this);
    }
  }

  /**
   * Waits for what is queued and in flight, cancels polls, and gives the context back. Completions
   * that no loop has taken are dropped.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    unwatch(this.#loop);
    await (this.#closing ??= this.#loop.close());
  }
}

/** The inside of a context, for this package alone. */
export function internalsOf(aio: AioContext): ContextInternals {
  return internals(aio);
}

/** Closes a context whose event loop is gone: what is in flight is waited for. */
function closerOf(core: Core): () => void {
  return () => {
    // Not sent so late: the numbers of its descriptors may be other files' by now.
    core.submission.abandonQueued();
    // No code is left to handle a failure.
    new EventLoop(core, 0).close().catch(() => {});
  };
}

/** How many bytes a buffer has, if it is one. */
function checkedLength(buffer: Uint8Array): number {
  // A view of any realm passes; what is no Uint8Array would be a new view, which nobody has.
  if (!ArrayBuffer.isView(buffer) || bytesOf(buffer) !== buffer) {
    throw typeError("queue request", "buffer", "a Uint8Array");
  }
  const length = byteLengthOf(buffer);
  // Only an empty view can be of a detached buffer, so the look at the buffer is rare.
  if (length === 0 && isDetached(bufferOf(buffer))) {
    throw typeError("queue request", "buffer", "memory that is not detached");
  }
  return length;
}

function closedError(action: string): Error {
  return new Error(`Cannot ${action}: the context is closed`);
}
