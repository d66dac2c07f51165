/**
 * The six calls, as a process makes them.
 *
 * @module
 */
import {
  AIO_SIGSET_SIGMASK,
  AIO_SIGSET_SIGSETSIZE,
  AIO_SIGSET_SIZE,
  SIGSET_SIZE,
} from "../abi/aio_sigset.ts";
import { EAGAIN, EFAULT, EINPROGRESS, EINVAL, ENOSYS } from "../abi/errno.ts";
import { IO_EVENT_SIZE } from "../abi/io_event.ts";
import { IOCB_KEY } from "../abi/iocb.ts";
import { IOCB_CMD_POLL } from "../abi/opcodes.ts";
import { readUint64 } from "../abi/words.ts";
import { checkContextPointer, checkWord, checkWords } from "../check.ts";
import type { FileHost } from "../file_host.ts";
import type { Address, Allocation, Kernel, Limits, Wakeup } from "../kernel.ts";
import { type CompatCalls, compatCalls } from "./compat.ts";
import { Eventfd, type EventfdOptions, type PortableEventfd } from "./eventfd.ts";
import { EventReader } from "./events.ts";
import type { OwnFileOptions } from "./file.ts";
import type { Kioctx } from "./kioctx.ts";
import type { Machine } from "./machine.ts";
import { Pipe, type PortablePipe } from "./pipe.ts";
import { Process } from "./process.ts";
import { writeEvent } from "./ring.ts";
import { Submission } from "./submission.ts";
import { LoopWakeup } from "./wakeup.ts";

/** The kernel's AIO in TypeScript, for one process of a machine. */
export class ProcessKernel implements Kernel {
  /** See {@link Kernel.files}: other threads do the transfers, or this one while it waits. */
  readonly files: FileHost;
  /** The calls of 32-bit programs. */
  readonly compat: CompatCalls;
  readonly #process: Process;
  readonly #submission: Submission;
  readonly #events: EventReader;

  /** @internal */
  constructor(machine: Machine) {
    const { disk } = machine;
    const process = this.#process = new Process(machine);
    this.files = {
      blocksFor: () => "nothing",
      syncsBy: disk.refusesSyncs ? "handle" : undefined,
      ...disk.newPosition && { newPosition: () => disk.newPosition!(), process: this },
      ...disk.alignment && { directAlignment: () => disk.alignment },
      get isOver() {
        return process.isOver;
      },
    };
    this.#submission = new Submission(this.#process);
    this.#events = new EventReader(this.#process);
    this.compat = compatCalls(this.#process, this.#submission, this.#events);
  }

  // The calls.

  /** See {@link Kernel.io_setup}. */
  io_setup(nr_events: number, ctxp: BigUint64Array): number {
    checkWord("io_setup", "nr_events", nr_events);
    checkContextPointer(ctxp);
    if (ctxp[0] !== 0n) return -EINVAL;
    const id = this.#process.ioctx_alloc(nr_events, false);
    if (id > 0) ctxp[0] = BigInt(id);
    return Math.min(0, id);
  }

  /**
   * See {@link Kernel.io_destroy}. It waits for all that this thread can do; a write that the
   * threads of the runtime have already continues after it.
   */
  io_destroy(ctx_id: number): number {
    checkWord("io_destroy", "ctx_id", ctx_id);
    const context = this.#process.contexts.get(ctx_id);
    if (context === undefined) return -EINVAL;
    // A ring that the program has detached is found all the same, so that its memory is freed.
    if (this.#process.lookup_ioctx(ctx_id) === undefined && !context.ring.detached) return -EINVAL;
    this.#process.io_destroy(context);
    while (context.active.size > 0 && this.#process.advance(Infinity)) { /* what is in flight */ }
    return 0;
  }

  /** See {@link Kernel.io_submit}. */
  io_submit(ctx_id: number, nr: number, iocbpp: Address): number {
    checkWord("io_submit", "ctx_id", ctx_id);
    checkWord("io_submit", "nr", nr);
    checkWord("io_submit", "iocbpp", iocbpp);
    return this.#submission.do_io_submit(ctx_id, nr, iocbpp, false);
  }

  /** See {@link Kernel.io_cancel}. */
  io_cancel(ctx_id: number, iocb: Address, result: Address): number {
    checkWords("io_cancel", { ctx_id, iocb, result });
    const { space, machine: { today } } = this.#process;
    if (!space.locate(iocb + IOCB_KEY, 4)) return -EFAULT;
    const key = space.view.getUint32(space.offset, true);
    const context = this.#process.lookup_ioctx(ctx_id);
    // There is one key, which io_submit writes into every iocb.
    if (context === undefined || key !== 0) return -EINVAL;
    return today ? this.#cancelPoll(context, iocb) : this.#cancel(context, iocb, result);
  }

  /** Linux 3.4: the event goes to the caller. */
  #cancel(context: Kioctx, iocb: Address, result: Address): number {
    const request = context.lookup_kiocb(iocb);
    if (request === undefined) return -EINVAL;
    if (request.cancel === undefined) return -EAGAIN;
    this.#process.cancel(request);
    // `obj` and `data` alone are filled; the rest is 0.
    const event = new Int32Array(IO_EVENT_SIZE / 4);
    writeEvent(event, 0, request, 0);
    return this.#process.space.copyOut(result, event, 0, event.length) ? 0 : -EFAULT;
  }

  /** Linux 6.18: only polls are on the list, oldest first, and the event comes by the ring. */
  #cancelPoll(context: Kioctx, iocb: Address): number {
    const poll = context.active.values().find((request) =>
      request.iocb === iocb && request.opcode === IOCB_CMD_POLL && request.cancel !== undefined
    );
    if (poll === undefined) return -EINVAL;
    this.#process.aio_poll_cancel(poll);
    return -EINPROGRESS;
  }

  /** See {@link Kernel.io_getevents}. */
  io_getevents(
    ctx_id: number,
    min_nr: number,
    nr: number,
    events: Address,
    timeout: Address | 0,
  ): number {
    checkWords("io_getevents", { ctx_id, min_nr, nr, events, timeout });
    return this.#events.do_io_getevents(ctx_id, min_nr, nr, events, timeout, false);
  }

  /** See {@link Kernel.io_pgetevents}; the mask is checked, and changes nothing here. */
  io_pgetevents(
    ctx_id: number,
    min_nr: number,
    nr: number,
    events: Address,
    timeout: Address | 0,
    sigmask: Address | 0,
  ): number {
    checkWords("io_pgetevents", { ctx_id, min_nr, nr, events, timeout, sigmask });
    const { space, machine } = this.#process;
    if (!machine.today) return -ENOSYS;
    if (this.#events.timespec(timeout, false) === -EFAULT) return -EFAULT;
    if (sigmask !== 0) {
      if (!space.locate(sigmask, AIO_SIGSET_SIZE)) return -EFAULT;
      const mask = readUint64(space.view, space.offset + AIO_SIGSET_SIGMASK);
      const size = readUint64(space.view, space.offset + AIO_SIGSET_SIGSETSIZE);
      if (mask !== 0 && size !== SIGSET_SIZE) return -EINVAL;
      if (mask !== 0 && !space.locate(mask, SIGSET_SIZE)) return -EFAULT;
    }
    return this.#events.do_io_getevents(ctx_id, min_nr, nr, events, timeout, false);
  }

  // What every kernel has besides.

  /** See {@link Kernel.allocate}. */
  allocate(byteLength: number): Allocation {
    return this.#process.space.allocate(byteLength);
  }

  /**
   * See {@link Kernel.view}: the buffer of the allocation that begins at `address`, which may be
   * longer than was asked for.
   *
   * @throws {RangeError} If no allocation begins there, or it is shorter
   */
  view(address: Address, byteLength: number): ArrayBuffer {
    return this.#process.space.buffer(address, byteLength);
  }

  /** See {@link Kernel.addressOf}. */
  addressOf(buffer: ArrayBuffer): Address {
    return this.#process.space.addressOf(buffer);
  }

  /** See {@link Kernel.limits}. */
  limits(): Limits {
    const { aioNr, aioMaxNr } = this.#process.machine;
    return { aioNr, aioMaxNr };
  }

  /** See {@link Kernel.wakeup}. */
  wakeup(wake: () => void): Wakeup {
    return new LoopWakeup(this.#process, wake);
  }

  /** The clock of timeouts, in milliseconds; a virtual clock if the disk is simulated. */
  now(): number {
    return this.#process.machine.disk.now();
  }

  // What this kernel has besides.

  /** Makes a counter for `aio_resfd`, and for requests that wait. See eventfd(2). */
  eventfd(count: number = 0, options?: EventfdOptions): PortableEventfd {
    return new Eventfd(this.#process.machine.files, count, options);
  }

  /** Makes a pipe between requests and this program. See pipe(2). */
  pipe(options: OwnFileOptions = {}): PortablePipe {
    return new Pipe(this.#process.machine.files, options);
  }

  /**
   * Does something after a time: from the event loop, or while this thread waits in a call, as
   * another thread would.
   *
   * @param milliseconds How long from now
   * @param action What to do
   */
  after(milliseconds: number, action: () => void): void {
    const { disk } = this.#process.machine;
    disk.at(disk.now() + milliseconds, action);
  }

  /** Sends a signal, which ends the wait that is under way, or else the next. */
  interrupt(): void {
    this.#events.interrupt();
  }

  /**
   * Runs one request and waits for it, without a context: the synchronous path of Linux 3.4.
   *
   * @param iocb Where the request lies
   * @returns Its result: bytes or `-errno`
   */
  run(iocb: Address): number {
    return this.#submission.run_sync_kiocb(iocb);
  }

  /**
   * Ends the process: all contexts end, as by io_destroy.
   *
   * @returns Resolves when nothing is in flight any more
   */
  exit(): Promise<void> {
    return this.#process.exit_aio();
  }
}
