/**
 * The kernel's AIO by system call.
 *
 * @module
 */
import type { LibcCall } from "../../ffi/runtime.ts";
import type { Native } from "../../ffi/native.ts";
import { EAGAIN, EINVAL, EMFILE, ENFILE } from "../abi/errno.ts";
import {
  type Architecture,
  SYS_io_cancel,
  SYS_io_destroy,
  SYS_io_getevents,
  SYS_io_pgetevents,
  SYS_io_setup,
  SYS_io_submit,
} from "../abi/syscall_numbers.ts";
import { checkContextPointer, checkInteger, checkWord, checkWords } from "../check.ts";
import { AioError } from "../errors/aio_error.ts";
import type { Address, Allocation, Kernel, Limits, Wakeup } from "../kernel.ts";
import { readLimits } from "./limits.ts";
import { LinuxFileHost } from "./linux_file_host.ts";
import { AbandonedContexts } from "./abandoned_contexts.ts";
import { Views } from "./views.ts";

/** Bytes at the start of the scratch page that `io_setup` writes the context id to. */
const CONTEXT_ID_SIZE = 8;

/** See {@link Kernel}: each method is the system call of its name. */
export class LinuxKernel implements Kernel {
  readonly #native: Native;
  readonly #views: Views;
  readonly #abandoned: AbandonedContexts;
  /** Where io_setup leaves the id: an address that no garbage collector moves. */
  readonly #contextId: Allocation;
  #ioSetup: LibcCall;
  readonly #ioDestroy: LibcCall;
  #ioSubmit: LibcCall;
  #ioCancel: LibcCall;
  #ioGetevents: LibcCall;
  #ioPgetevents: LibcCall;
  /** See {@link Kernel.longestSleep}: Node ends a worker, and so a process, only then. */
  readonly longestSleep = 200_000;
  /** See {@link Kernel.files}. */
  readonly files: LinuxFileHost;

  /**
   * @param native The runtime's FFI
   * @param architecture Whose system call numbers are used
   */
  constructor(native: Native, architecture: Architecture) {
    this.#native = native;
    this.#views = new Views(native);
    this.#abandoned = new AbandonedContexts(
      native,
      architecture,
      (ctx_id) => this.io_destroy(ctx_id),
      () => this.#end(),
    );
    this.#contextId = this.allocate(CONTEXT_ID_SIZE);
    this.#ioSetup = native.syscall(SYS_io_setup[architecture], 2);
    this.#ioDestroy = native.syscall(SYS_io_destroy[architecture], 1);
    this.#ioSubmit = native.syscall(SYS_io_submit[architecture], 3);
    this.#ioCancel = native.syscall(SYS_io_cancel[architecture], 3);
    this.#ioGetevents = native.syscall(SYS_io_getevents[architecture], 5);
    this.#ioPgetevents = native.syscall(SYS_io_pgetevents[architecture], 6);
    this.files = new LinuxFileHost(native, architecture, () => this.allocate(4096));
  }

  /**
   * This worker ends, and its contexts are destroyed. Code that runs after that gets the answer for a
   * context that is not there: the kernel itself might have another thread's under that id by then.
   */
  #end(): void {
    this.#ioSetup =
      this.#ioSubmit =
      this.#ioCancel =
      this.#ioGetevents =
      this.#ioPgetevents =
        () => -EINVAL;
  }

  /** See {@link Kernel.io_setup}. */
  io_setup(nr_events: number, ctxp: BigUint64Array): number {
    checkWord("io_setup", "nr_events", nr_events);
    checkContextPointer(ctxp);
    // The id goes through the scratch word, as a small typed array can move during the call.
    const id = new BigUint64Array(this.#contextId.buffer);
    id[0] = ctxp[0]!;
    let result = this.#ioSetup(nr_events, this.#contextId.address);
    if (result === -EAGAIN) {
      // A thread that has ended may have left some of which nobody was told.
      this.#abandoned.destroyLeft();
      result = this.#ioSetup(nr_events, this.#contextId.address);
    }
    ctxp[0] = id[0];
    if (result !== 0) return result;
    this.#views.trackRing(Number(ctxp[0]));
    this.#abandoned.add(Number(ctxp[0]));
    return result;
  }

  /** See {@link Kernel.io_destroy}. */
  io_destroy(ctx_id: number): number {
    checkWord("io_destroy", "ctx_id", ctx_id);
    // Detached first: the call unmaps the ring, and touching a view on it would then crash.
    this.#views.detachRing(ctx_id);
    this.#abandoned.delete(ctx_id);
    return this.#ioDestroy(ctx_id);
  }

  /** See {@link Kernel.io_submit}. */
  io_submit(ctx_id: number, nr: number, iocbpp: Address): number {
    // Checked here and not in a function, as this is called for every few requests.
    const valid = Number.isSafeInteger(ctx_id) && Number.isSafeInteger(nr) &&
      Number.isSafeInteger(iocbpp);
    if (!valid) checkWords("io_submit", { ctx_id, nr, iocbpp });
    return this.#ioSubmit(ctx_id, nr, iocbpp);
  }

  /** See {@link Kernel.io_cancel}. */
  io_cancel(ctx_id: number, iocb: Address, result: Address): number {
    checkWords("io_cancel", { ctx_id, iocb, result });
    return this.#ioCancel(ctx_id, iocb, result);
  }

  /** See {@link Kernel.io_getevents}. */
  io_getevents(
    ctx_id: number,
    min_nr: number,
    nr: number,
    events: Address,
    timeout: Address | 0,
  ): number {
    const valid = Number.isSafeInteger(ctx_id) && Number.isSafeInteger(min_nr) &&
      Number.isSafeInteger(nr) && Number.isSafeInteger(events) && Number.isSafeInteger(timeout);
    if (!valid) checkWords("io_getevents", { ctx_id, min_nr, nr, events, timeout });
    return this.#ioGetevents(ctx_id, min_nr, nr, events, timeout);
  }

  /** See {@link Kernel.io_pgetevents}. */
  io_pgetevents(
    ctx_id: number,
    min_nr: number,
    nr: number,
    events: Address,
    timeout: Address | 0,
    sigmask: Address | 0,
  ): number {
    checkWords("io_pgetevents", { ctx_id, min_nr, nr, events, timeout, sigmask });
    return this.#ioPgetevents(ctx_id, min_nr, nr, events, timeout, sigmask);
  }

  /**
   * See {@link Kernel.allocate}.
   *
   * @throws {RangeError} If `byteLength` is not a positive integer
   * @throws {AioError} ENOMEM
   */
  allocate(byteLength: number): Allocation {
    checkInteger("allocate memory", "byteLength", byteLength, Number.MAX_SAFE_INTEGER, 1);
    const address = this.#native.map(byteLength);
    if (address < 0) throw new AioError(address, "mmap", { length: byteLength });
    const buffer = this.#viewOf(address, byteLength);
    let mapped = true;
    return {
      address,
      buffer,
      free: () => {
        if (!mapped) return;
        mapped = false;
        // Detached first, as the ring is, so that remaining views become empty.
        buffer.transfer(0);
        this.#native.unmap(address, byteLength);
      },
    };
  }

  /** A view on memory that was mapped just now; unmaps it where the runtime has no such views. */
  #viewOf(address: Address, byteLength: number): ArrayBuffer {
    try {
      return this.#native.view(address, byteLength);
    } catch (error) {
      this.#native.unmap(address, byteLength);
      throw error;
    }
  }

  /** See {@link Kernel.view}. */
  view(address: Address, byteLength: number): ArrayBuffer {
    checkInteger("view memory", "address", address, Number.MAX_SAFE_INTEGER, 1);
    checkInteger("view memory", "byteLength", byteLength, Number.MAX_SAFE_INTEGER, 1);
    return this.#views.make(address, byteLength);
  }

  /** See {@link Kernel.addressOf}. */
  addressOf(buffer: ArrayBuffer): Address {
    return this.#native.addressOf(buffer);
  }

  /**
   * See {@link Kernel.wakeup}.
   *
   * @throws {AioError} EMFILE or ENFILE where no file descriptor is left
   */
  wakeup(wake: () => void): Wakeup {
    const eventfd = this.#native.eventfd(wake);
    if (typeof eventfd !== "number") return eventfd;
    const isFull = eventfd === -EMFILE || eventfd === -ENFILE;
    const hint = isFull ? "no file descriptor is left; close some, or raise ulimit -n" : undefined;
    throw new AioError(eventfd, "eventfd", { hint });
  }

  /** See {@link Kernel.limits}. */
  limits(): Limits | undefined {
    return readLimits();
  }
}
