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
import { shown } from "../abi/shown.ts";
import { checkInteger, checkNumber, typeError } from "../check.ts";
import { chooseKernel, fileHostOf, type KernelName } from "../choose_kernel.ts";
import { Batches } from "./batch.ts";
import type { Completion } from "./completion.ts";
import { Core } from "./core.ts";
import { EventLoop } from "./event_loop.ts";
import { BatchIterator, LoopGuard, SingleIterator } from "./iterators.ts";
import type { Reap } from "./reaper.ts";
import { stackOfCaller, unwatch, watch } from "../forgotten.ts";
import type { Kernel } from "../kernel.ts";
import { isDetached } from "../memory/detached.ts";
import { checkOptionNames } from "../option_names.ts";
import { bufferOf, countOfBytes } from "../memory/intrinsics.ts";

/** Options of {@link AioContext}. */
export interface AioContextOptions {
  /**
   * Maximum number of requests in flight. Further requests wait in a queue; none is rejected.
   *
   * @default {64}
   */
  entries?: number | undefined;
  /**
   * The kernel to use, or its name. By default the one that the environment variable `KAIO_KERNEL`
   * names, else Linux if its system calls are available, else the portable kernel.
   */
  kernel?: Kernel | KernelName | undefined;
  /**
   * For how many microseconds of each turn of the event loop the thread may sleep in the kernel
   * until a request completes. With 0 it never sleeps, and the event loop is woken instead, which
   * costs some tens of microseconds each time: right for servers, whose other work must not wait.
   * Nor does it sleep for requests that, as the last ones did, take longer than half a millisecond.
   *
   * The default is 100 on the Linux kernel in Bun and Deno. It is 0 in Node, whose event loop an
   * eventfd wakes just as fast, and on the portable kernel, which itself works on the event loop.
   */
  maxWait?: number | undefined;
  /**
   * How completions are taken: `"ring"` reads them from the ring in shared memory, without a system
   * call, where that is possible; `"syscall"` always calls io_getevents(2).
   *
   * @default {"ring"}
   */
  reap?: Reap | undefined;
}

/** Options of a request that moves bytes. */
export interface TransferOptions<T> {
  /**
   * Position in the file in bytes. Pipes and sockets have none.
   *
   * @default {0}
   */
  position?: number | undefined;
  /** Any value; the completion has it as `data`. */
  data?: T | undefined;
  /**
   * RWF_* of `kaio/syscalls`, such as RWF_DSYNC; see pwritev2(2).
   *
   * @default {0}
   */
  flags?: number | undefined;
}

/** Options of a request that moves no bytes. */
export interface RequestOptions<T> {
  /** Anything; the completion has it. */
  data?: T | undefined;
}

const TRANSFER_OPTIONS: readonly (keyof TransferOptions<unknown>)[] = ["position", "data", "flags"];
const REQUEST_OPTIONS: readonly (keyof RequestOptions<unknown>)[] = ["data"];

/** Options of {@link AioContext.wait}. */
export interface WaitOptions {
  /**
   * Milliseconds after which to return with what has completed by then.
   *
   * @default {Infinity}
   */
  timeout?: number | undefined;
}

/** Identifies a request for {@link AioContext.cancel}. */
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
 * A queue of requests to the kernel's asynchronous I/O, and of their completions, in the order in
 * which the requests complete; see io_setup(2) and io_submit(2).
 *
 * Requests have no guaranteed order, not even those submitted together. To have a request come
 * after another, queue it when the other has completed; a sync covers the writes that had completed
 * before it was queued.
 *
 * A context is raw. On a file opened without O_DIRECT the kernel may do the whole work inside
 * {@link AioContext.submit}, which then blocks the thread for as long as the disk takes.
 *
 * The kernel reads and writes memory from `allocate` in place. The bytes of any other memory are
 * copied through a bounce buffer, so that the kernel never writes to memory that was collected,
 * detached or resized meanwhile.
 *
 * A context that was not closed is closed once it becomes unreachable: when neither the
 * `AioContext` nor a loop, a file or a request on it is left. Requests that were queued but not
 * submitted are dropped. The warning `KAIO_NOT_CLOSED` then says where the context was created.
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
 * @typeParam T The type of the requests' `data`
 */
export class AioContext<T = unknown> implements AsyncIterable<Completion<T>>, AsyncDisposable {
  readonly #core: Core;
  readonly #loop: EventLoop;
  readonly #guard = new LoopGuard();
  /** Of {@link AioContext.wait}. */
  #waited: Batches | undefined = undefined;
  #closing: Promise<void> | undefined = undefined;

  static {
    internals = (aio) => ({ core: aio.#core, loop: aio.#loop });
  }

  /**
   * Creates a context, or reuses a closed one of the same size, as the kernel takes tens of
   * milliseconds to destroy one. See io_setup(2).
   *
   * @example A server whose thread never sleeps in the kernel
   * ```ts
   * import { AioContext } from "kaio";
   *
   * await using aio = new AioContext({ entries: 128, maxWait: 0 });
   * console.log(aio.entries);
   * ```
   *
   * @param options By default 64 entries, on the kernel that `probe` names
   * @throws {RangeError} If `entries` is not an integer from 1 to 4194304, or `maxWait` is not
   * between 0 and 1000000
   * @throws {AioError} If io_setup(2) fails: with EAGAIN when fs.aio-max-nr is used up
   * @throws {TypeError} If `reap`, `kernel` or the environment variable `KAIO_KERNEL` has another
   * value than those listed, or an option is not known
   * @throws {Error} If the Linux kernel is asked for by name and its FFI or system calls are not
   * available
   */
  constructor(options: AioContextOptions = {}) {
    checkOptionNames("make context", options, ["entries", "kernel", "maxWait", "reap"]);
    const { kernel: wanted, entries = 64, maxWait, reap = "ring" } = options;
    const kernel = chooseKernel(wanted);
    checkInteger("make context", "entries", entries, MAXIMUM_ENTRIES, 1);
    if (maxWait !== undefined) checkNumber("make context", "maxWait", maxWait, LONGEST_WAIT);
    if (reap !== "ring" && reap !== "syscall") {
      throw new TypeError(
        `Cannot make context: \`reap\` must be "ring" or "syscall": current value is "${
          shown(reap)
        }"`,
      );
    }
    this.#core = new Core(kernel, fileHostOf(kernel), entries, reap);
    this.#loop = new EventLoop(this.#core, maxWait);
    watch(this.#loop, "AioContext", closerOf(this.#core), stackOfCaller(new.target, true));
  }

  /**
   * Maximum number of requests in flight.
   *
   * @example
   * ```ts
   * import { AioContext, open } from "kaio";
   *
   * await using file = await open("data.bin", "r");
   * await using aio = new AioContext({ entries: 16 });
   * while (aio.queued < aio.entries) aio.read(file.fd, new Uint8Array(512));
   * for await (const { error, res } of aio) console.log(error ?? res);
   * ```
   */
  get entries(): number {
    return this.#core.context.entries;
  }

  /**
   * Number of requests that were submitted and whose completions were not yet taken from the
   * kernel.
   *
   * @example
   * ```ts
   * import { AioContext, open } from "kaio";
   *
   * await using file = await open("data.bin", "r");
   * await using aio = new AioContext();
   * aio.read(file.fd, new Uint8Array(512));
   * aio.submit();
   * console.log(aio.inFlight); // 1
   * ```
   */
  get inFlight(): number {
    return this.#core.submission.inFlight;
  }

  /**
   * Number of requests that were not yet submitted to the kernel.
   *
   * @example
   * ```ts
   * import { AioContext, open } from "kaio";
   *
   * await using file = await open("data.bin", "r");
   * await using aio = new AioContext();
   * aio.read(file.fd, new Uint8Array(512));
   * console.log(aio.queued); // 1
   * ```
   */
  get queued(): number {
    return this.#core.submission.queued;
  }

  /**
   * Queues a read of up to `buffer.byteLength` bytes; see pread(2). `res` of its completion is the
   * number of bytes read, which is smaller only at the end of the file.
   *
   * @example
   * ```ts
   * import { AioContext, open } from "kaio";
   *
   * await using file = await open("data.bin", "r");
   * await using aio = new AioContext();
   * aio.read(file.fd, new Uint8Array(4096), { position: 8192 });
   * for await (const { buffer, res } of aio) console.log(buffer.subarray(0, res));
   * ```
   *
   * @param fd The file descriptor
   * @param buffer Where the bytes go; do not use it before the completion
   * @param options Position in the file, by default 0; data and flags
   * @returns A ticket for {@link AioContext.cancel}
   * @throws {TypeError} If `buffer` is not a Uint8Array, or is detached
   * @throws {RangeError} If `fd`, `position` or `flags` is out of range
   * @throws {Error} If the context is closed
   */
  read(fd: number, buffer: Uint8Array, options?: TransferOptions<T>): Ticket {
    return this.#transfer(IOCB_CMD_PREAD, fd, buffer, options);
  }

  /**
   * Queues a write of `buffer`; see pwrite(2). `res` of its completion is the number of bytes
   * written.
   *
   * @example
   * ```ts
   * import { AioContext, open } from "kaio";
   *
   * await using file = await open("log.bin", "w");
   * await using aio = new AioContext();
   * aio.write(file.fd, new TextEncoder().encode("hello, disk"), { position: 100 });
   * for await (const { error, res } of aio) console.log(error ?? res); // 11
   * ```
   *
   * @param fd The file descriptor
   * @param buffer The bytes; do not change them before the completion
   * @param options Position in the file, by default 0; data and flags
   * @returns A ticket for {@link AioContext.cancel}
   * @throws {TypeError} If `buffer` is not a Uint8Array, or is detached
   * @throws {RangeError} If `fd`, `position` or `flags` is out of range
   * @throws {Error} If the context is closed
   */
  write(fd: number, buffer: Uint8Array, options?: TransferOptions<T>): Ticket {
    return this.#transfer(IOCB_CMD_PWRITE, fd, buffer, options);
  }

  /**
   * Queues a read into several buffers, which are filled one after the other; see preadv(2). `res`
   * of its completion is the number of bytes read into all of them.
   *
   * @example
   * ```ts
   * import { AioContext, open } from "kaio";
   *
   * await using file = await open("data.bin", "r");
   * await using aio = new AioContext();
   * const [header, body] = [new Uint8Array(100), new Uint8Array(4096)];
   * aio.readv(file.fd, [header, body], { position: 0 });
   * for await (const { error, res } of aio) console.log(error ?? res); // 4196
   * ```
   *
   * @param fd The file descriptor
   * @param buffers Where the bytes go, at most 1024 buffers; do not use them before the completion
   * @param options Position in the file, by default 0; data and flags
   * @returns A ticket for {@link AioContext.cancel}
   * @throws {TypeError} If `buffers` is not an array of Uint8Arrays, or one of them is detached
   * @throws {RangeError} If `fd`, `position` or `flags` is out of range, or there are more than
   * 1024 buffers
   * @throws {Error} If the context is closed
   */
  readv(fd: number, buffers: readonly Uint8Array[], options?: TransferOptions<T>): Ticket {
    return this.#transferVector(IOCB_CMD_PREADV, fd, buffers, options);
  }

  /**
   * Queues a write of several buffers, one after the other; see pwritev(2). `res` of its completion
   * is the number of bytes written.
   *
   * @example
   * ```ts
   * import { AioContext, open } from "kaio";
   *
   * await using file = await open("log.bin", "w");
   * await using aio = new AioContext();
   * const encoder = new TextEncoder();
   * aio.writev(file.fd, [encoder.encode("hello, "), encoder.encode("disk")]);
   * for await (const { error, res } of aio) console.log(error ?? res); // 11
   * ```
   *
   * @param fd The file descriptor
   * @param buffers The bytes, at most 1024 buffers; do not change them before the completion
   * @param options Position in the file, by default 0; data and flags
   * @returns A ticket for {@link AioContext.cancel}
   * @throws {TypeError} If `buffers` is not an array of Uint8Arrays, or one of them is detached
   * @throws {RangeError} If `fd`, `position` or `flags` is out of range, or there are more than
   * 1024 buffers
   * @throws {Error} If the context is closed
   */
  writev(fd: number, buffers: readonly Uint8Array[], options?: TransferOptions<T>): Ticket {
    return this.#transferVector(IOCB_CMD_PWRITEV, fd, buffers, options);
  }

  /**
   * Queues a flush of written data and metadata to the disk; see fsync(2). It covers the writes
   * that have completed.
   *
   * @example
   * ```ts
   * import { AioContext, open } from "kaio";
   *
   * await using file = await open("log.bin", "w");
   * await using aio = new AioContext<string>();
   * aio.write(file.fd, new Uint8Array(4096), { data: "write" });
   * for await (const { data, error } of aio) {
   *   if (error) throw error;
   *   if (data === "write") aio.fsync(file.fd, { data: "sync" });
   * }
   * ```
   *
   * @param fd The file descriptor
   * @param options Data
   * @returns A ticket for {@link AioContext.cancel}
   * @throws {RangeError} If `fd` is out of range
   * @throws {Error} If the context is closed
   */
  fsync(fd: number, options?: RequestOptions<T>): Ticket {
    return this.#plain(IOCB_CMD_FSYNC, fd, 0, options);
  }

  /**
   * Queues a flush of written data, and of the metadata needed to read it, to the disk; see
   * fdatasync(2). It covers the writes that have completed.
   *
   * @example
   * ```ts
   * import { AioContext, open } from "kaio";
   *
   * await using file = await open("log.bin", "w");
   * await using aio = new AioContext();
   * await file.write("hello, disk", 0);
   * aio.fdatasync(file.fd);
   * for await (const { error } of aio) if (error) throw error;
   * ```
   *
   * @param fd The file descriptor
   * @param options Data
   * @returns A ticket for {@link AioContext.cancel}
   * @throws {RangeError} If `fd` is out of range
   * @throws {Error} If the context is closed
   */
  fdatasync(fd: number, options?: RequestOptions<T>): Ticket {
    return this.#plain(IOCB_CMD_FDSYNC, fd, 0, options);
  }

  /**
   * Queues a wait until a pipe, socket or eventfd is ready; see poll(2). It completes once, and
   * `res` of its completion is the mask of events it is ready for, POLLERR and POLLHUP included.
   *
   * A file with two wait queues, like a pipe opened for both directions or a terminal, completes
   * with EINVAL unless it is ready at once; see aio_poll in fs/aio.c. So does every pipe, socket or
   * terminal on the portable kernel.
   *
   * @example
   * ```ts
   * import { AioContext } from "kaio";
   * import { POLLHUP, POLLIN } from "kaio/syscalls";
   *
   * await using aio = new AioContext();
   * aio.poll(0, POLLIN);
   * for await (const { error, res } of aio) {
   *   console.log(error?.code ?? `readable: ${res & POLLIN}, closed: ${res & POLLHUP}`);
   * }
   * ```
   *
   * @param fd The file descriptor
   * @param events POLL* of `kaio/syscalls`
   * @param options Data
   * @returns A ticket for {@link AioContext.cancel}
   * @throws {RangeError} If `fd` or `events` is out of range
   * @throws {Error} If the context is closed
   */
  poll(fd: number, events: number, options?: RequestOptions<T>): Ticket {
    checkInteger("queue poll", "events", events, 0xffff);
    return this.#plain(IOCB_CMD_POLL, fd, events, options);
  }

  #transfer(
    opcode: number,
    fd: number,
    buffer: Uint8Array,
    options: TransferOptions<T> | undefined,
  ): Ticket {
    // The caller's code may run here, and may detach the buffer: so its length is asked for after.
    checkTransferOptions(options);
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
    // A copy: the caller may change the array, and the bytes are handed out by it at the end. Its
    // length is read once, as the kernel gets no more iovecs than were counted here.
    const count = buffers.length;
    checkInteger("queue request", "buffers.length", count, UIO_MAXIOV);
    const all = Array.from({ length: count }, (_, index) => buffers[index]!);
    checkTransferOptions(options);
    const { position = 0, data, flags = 0 } = options ?? {};
    const length = all.reduce((total, buffer) => total + checkedLength(buffer), 0);
    return this.#queue(opcode, fd, undefined, all, length, position, flags, data);
  }

  /** A request without memory. */
  #plain(
    opcode: number,
    fd: number,
    length: number,
    options: RequestOptions<T> | undefined,
  ): Ticket {
    checkOptionNames("queue request", options, REQUEST_OPTIONS);
    const data = options?.data;
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
    const isUsual = Number.isInteger(fd) && fd >= 0 && fd <= 0x7fffffff &&
      Number.isSafeInteger(position) && position >= 0 && rwFlags === 0;
    if (!isUsual) {
      checkInteger("queue request", "fd", fd, 0x7fffffff);
      checkInteger("queue request", "position", position, Number.MAX_SAFE_INTEGER);
      checkInteger("queue request", "flags", rwFlags, 0xffffffff);
    }
    const operation = ready.blank();
    operation.opcode = opcode;
    operation.fd = fd;
    operation.setBuffer(buffer);
    operation.buffers = buffers;
    operation.length = length;
    operation.position = position;
    operation.rwFlags = rwFlags;
    operation.data = data;
    // Queueing throws where there is no memory, and nothing is to come then.
    submission.queue(operation);
    ready.expected++;
    // A loop that sleeps would not send it before something else completes.
    if (this.#loop.isAwaited) this.#loop.ask();
    else submission.answer();
    return operation.ticket;
  }

  /**
   * Submits the queued requests, by one io_submit(2) if the kernel accepts them all. A request that
   * the kernel refuses completes with the error; one that exceeds `entries` stays queued. Loops and
   * {@link AioContext.wait} submit too, so this is for requests that are to start at once.
   *
   * @example
   * ```ts
   * import { AioContext, open } from "kaio";
   *
   * await using file = await open("data.bin", "r", { direct: "try" });
   * await using aio = new AioContext();
   * for (let i = 0; i < 8; i++) aio.read(file.fd, new Uint8Array(4096), { position: i * 4096 });
   * console.log(aio.submit()); // 8
   * // The disk works meanwhile.
   * for await (const { error } of aio) if (error) throw error;
   * ```
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
   * Cancels a request that is still queued, or a poll. The kernel cannot cancel a read, write or
   * sync that was submitted; see io_cancel(2).
   *
   * @example
   * ```ts
   * import { AioContext, open } from "kaio";
   *
   * await using file = await open("data.bin", "r");
   * await using aio = new AioContext();
   * const ticket = aio.read(file.fd, new Uint8Array(4096));
   * console.log(aio.cancel(ticket)); // true
   * for await (const { error } of aio) console.log(error?.code); // ECANCELED
   * ```
   *
   * @param ticket What the call that queued the request returned
   * @returns Whether the request will complete with `-ECANCELED`; if not, it carries on or has
   * completed already
   */
  cancel(ticket: Ticket): boolean {
    const { submission, ready } = this.#core;
    // Nothing else is a ticket, and a conversion to a number would run code of the caller's.
    const isTicket = Number.isInteger(ticket) && !submission.closing;
    const operation = isTicket ? submission.find(ticket) : undefined;
    if (operation === undefined || !submission.cancel(operation)) return false;
    if (ready.length > 0) this.#loop.schedule();
    return true;
  }

  /**
   * Iterates over the completions, one at a time, in the order in which they arrive, and submits
   * the queued requests. It ends when nothing is queued or in flight. If you break out of a loop,
   * the next one resumes.
   *
   * Completions are objects of their own, but what `next()` resolves with is used again by the step
   * that follows, once its `value` was taken.
   *
   * @example
   * ```ts
   * import { AioContext, open } from "kaio";
   *
   * await using file = await open("data.bin", "r");
   * await using aio = new AioContext<string>();
   * for (const data of ["a", "b"]) aio.read(file.fd, new Uint8Array(4096), { data });
   * for await (const { data, error, res } of aio) console.log(data, error ?? res);
   * ```
   *
   * @returns An iterator, whose first step throws an Error if another loop is under way
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<Completion<T>> {
    const loop = new SingleIterator(this.#core, this.#loop, this.#guard);
    return loop as AsyncIterableIterator<Completion<T>>;
  }

  /**
   * Iterates over the completions, all available ones at a time: the fastest way. The array and its
   * objects are reused, so they are valid until the loop asks for the next batch or ends.
   *
   * @example
   * ```ts
   * import { AioContext, open } from "kaio";
   *
   * await using file = await open("data.bin", "r", { direct: "try" });
   * await using aio = new AioContext();
   * for (let i = 0; i < 64; i++) aio.read(file.fd, new Uint8Array(4096), { position: i * 4096 });
   * for await (const batch of aio.batches()) {
   *   for (const { error } of batch) if (error) throw error;
   * }
   * ```
   *
   * @returns An iterator, whose first step throws an Error if another loop is under way
   */
  batches(): AsyncIterableIterator<readonly Completion<T>[]> {
    const loop = new BatchIterator(this.#core, this.#loop, this.#guard);
    return loop as AsyncIterableIterator<readonly Completion<T>[]>;
  }

  /**
   * Submits the queued requests and blocks the thread until enough of them have completed; see
   * io_getevents(2). For scripts: nothing else runs meanwhile.
   *
   * @example
   * ```ts
   * import { AioContext, open } from "kaio";
   *
   * await using file = await open("data.bin", "r");
   * await using aio = new AioContext();
   * for (let i = 0; i < 4; i++) aio.read(file.fd, new Uint8Array(512), { position: i * 512 });
   * for (const { error, res } of aio.wait(4, { timeout: 5000 })) console.log(error ?? res);
   * ```
   *
   * @param minimum How many completions to wait for; fewer are returned if no more are in flight
   * @param options A timeout in milliseconds, by default none
   * @returns All available completions, valid until the next call
   * @throws {RangeError} If `minimum` is not an integer from 0 on, or `timeout` is negative
   * @throws {Error} If a loop is under way, or the context is closed
   * @throws {AioError} What io_getevents answers; EAGAIN if the kernel takes nothing of what is
   * queued, and nothing is in flight
   */
  wait(minimum: number = 1, options: WaitOptions = {}): readonly Completion<T>[] {
    checkOptionNames("wait", options, ["timeout"]);
    const { timeout = Infinity } = options;
    checkInteger("wait", "minimum", minimum, Number.MAX_SAFE_INTEGER);
    checkNumber("wait", "timeout", timeout, Infinity);
    if (this.#core.closing) throw closedError("wait");
    this.#guard.enter(this);
    try {
      this.#core.wait(minimum, timeout);
      if (this.#core.submission.inFlight > 0) this.#loop.schedule();
      this.#waited ??= new Batches(this.#core);
      return this.#waited.take() as Completion<unknown>[] as Completion<T>[];
    } finally {
      this.#guard.leave(this);
    }
  }

  /**
   * Waits for what is queued and in flight, cancels polls, and closes the context. A loop that is
   * under way takes all completions and then ends; without one they are dropped.
   *
   * @example Without `await using`
   * ```ts
   * import { AioContext, open } from "kaio";
   *
   * await using file = await open("data.bin", "r");
   * const aio = new AioContext();
   * try {
   *   aio.read(file.fd, new Uint8Array(512));
   *   for await (const { error, res } of aio) console.log(error ?? res);
   * } finally {
   *   await aio.close();
   * }
   * ```
   */
  async close(): Promise<void> {
    unwatch(this.#loop);
    await (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    await this.#loop.close();
    if (!this.#guard.isTaken) this.#core.ready.drop();
  }

  /**
   * The same as {@link AioContext.close}.
   *
   * @example
   * ```ts
   * import { AioContext, open } from "kaio";
   *
   * await using file = await open("data.bin", "r");
   * await using aio = new AioContext();
   * aio.read(file.fd, new Uint8Array(512));
   * for await (const { error, res } of aio) console.log(error ?? res);
   * ```
   */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
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

/** As {@link checkOptionNames}, which it calls only for what is wrong: each request is checked. */
function checkTransferOptions(options: object | undefined): void {
  if (typeof options !== "object") checkOptionNames("queue request", options, TRANSFER_OPTIONS);
  for (const name in options) {
    if (name === "position" || name === "data" || name === "flags") continue;
    checkOptionNames("queue request", options, TRANSFER_OPTIONS);
  }
}

/** How many bytes a buffer has, if it is one. */
function checkedLength(buffer: Uint8Array): number {
  const length = countOfBytes(buffer);
  if (length < 0) throw typeError("queue request", "buffer", "a Uint8Array");
  // Only an empty view can be of a detached buffer, so the look at the buffer is rare.
  if (length === 0 && isDetached(bufferOf(buffer))) {
    throw typeError("queue request", "buffer", "memory that is not detached");
  }
  return length;
}

function closedError(action: string): Error {
  return new Error(`Cannot ${action}: the context is closed`);
}
