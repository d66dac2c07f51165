/**
 * The six calls. See {@link PortableKernel}.
 *
 * @module
 */
import { availableParallelism } from "node:os";
import process from "node:process";
import {
  AIO_SIGSET_SIGMASK,
  AIO_SIGSET_SIGSETSIZE,
  AIO_SIGSET_SIZE,
  SIGSET_SIZE,
} from "../abi/aio_sigset.ts";
import {
  EAGAIN,
  EDEADLK,
  EFAULT,
  EINPROGRESS,
  EINTR,
  EINVAL,
  ENOMEM,
  ENOSYS,
} from "../abi/errno.ts";
import { IO_EVENT_SIZE } from "../abi/io_event.ts";
import { IOCB_KEY } from "../abi/iocb.ts";
import { TIMESPEC_NSEC, TIMESPEC_SEC, TIMESPEC_SIZE } from "../abi/timespec.ts";
import { readInt64, readUint64 } from "../abi/words.ts";
import { checkInteger, checkWord, rangeError } from "../check.ts";
import type { FileHost } from "../file_host.ts";
import type { Address, Allocation, Kernel, Limits, Wakeup } from "../kernel.ts";
import { bufferPoolOf } from "../memory/buffer_pool.ts";
import { AddressSpace } from "./address_space.ts";
import { CompatCalls } from "./compat.ts";
import { CpuCredits, RingCredits } from "./credits.ts";
import type { Disk } from "./disk.ts";
import { Eventfd } from "./eventfd.ts";
import { Files } from "./files.ts";
import { Kiocb } from "./kiocb.ts";
import { Kioctx } from "./kioctx.ts";
import { Pipe, PipeReader, PipeWriter } from "./pipe.ts";
import { type Behaviour, behaviourOf, type KernelRelease } from "./release.ts";
import { Ring, ringEvents } from "./ring.ts";
import { RunList } from "./run_list.ts";
import { Importer } from "./submit.ts";
import type { Faults } from "./simulation/faults.ts";
import type { LogEntry } from "./simulation/log.ts";
import { SimulatedDisk } from "./simulation/simulated_disk.ts";
import { SystemDisk } from "./system_disk.ts";
import { milliseconds } from "./time.ts";
import { LoopWakeup } from "./wakeup.ts";

/** How a {@link PortableKernel} is made. */
export interface PortableKernelOptions {
  /**
   * What all contexts together may be made for, as `fs.aio-max-nr`.
   *
   * @default {65536}
   */
  aioMaxNr?: number;
  /** For how many processors a ring is made; by default those of the machine. */
  cpus?: number;
  /**
   * The kernel to behave as, where today's differs from the last with retries.
   *
   * @default {"6.18"}
   */
  release?: KernelRelease;
  /**
   * Whether /proc/self/fdinfo may be read where the runtime has no other way to tell how a
   * descriptor was opened: Deno, which asks the person at the terminal where it was not told. Without
   * it a write to what was opened for reading fails in its event, not in io_submit.
   *
   * @default {true}
   */
  fdinfo?: boolean;
  /**
   * Simulates the disk: requests complete in an order, and after times, that this number decides
   * on, by a virtual clock. The same seed and the same program give the same run, in every runtime.
   *
   * @default {0 where there are faults; else the disk is real}
   */
  seed?: number;
  /**
   * What goes wrong on the simulated disk, and how often.
   *
   * @default {{}}
   */
  faults?: Faults;
}

/** How an {@link PortableKernel.eventfd} or {@link PortableKernel.pipe} behaves. */
export interface OwnFileOptions {
  /**
   * Whether a read of nothing waits, in place of EAGAIN.
   *
   * @default {false}
   */
  blocking?: boolean;
}

/** A counter of the portable kernel; see eventfd(2). */
export interface PortableEventfd extends Disposable {
  /** For `aio_resfd`, and for requests: reads and polls. */
  readonly fd: number;
  /** What it stands at. */
  readonly count: number;
  /** Adds to it. */
  signal(count?: number): void;
  /** Takes what it stands at. */
  take(): number;
}

/** The two ends of a pipe of the portable kernel; see pipe(2). */
export interface PortablePipe extends Disposable {
  /** The end that requests read from. */
  readonly readFd: number;
  /** The end that requests write to. */
  readonly writeFd: number;
  /** Puts bytes in, as many as there is room for; their number. */
  write(bytes: Uint8Array): number;
  /** Takes bytes out, at most `count`. */
  read(count: number): Uint8Array;
  /** Closes one end. */
  close(end: "read" | "write"): void;
}

/** The most events a ring may have: 256 MiB of them. */
const MAXIMUM_EVENTS = 0x10000000 / IO_EVENT_SIZE;
/** What processes of one machine share. */
interface Machine {
  readonly disk: Disk;
  readonly seed: number | undefined;
  /** The disk, if it is a simulated one. */
  readonly simulation: SimulatedDisk | undefined;
  /** What {@link PortableKernel.crash} ends. */
  readonly processes: Set<() => void>;
  readonly files: Files;
  readonly behaviour: Behaviour;
  readonly cpus: number;
  readonly aioMaxNr: number;
  aioNr: number;
}

/** The machine that {@link PortableKernel.spawn} passes on. */
const machines = new WeakMap<PortableKernelOptions, Machine>();

/**
 * The kernel's AIO, in TypeScript: one process of a machine of its own.
 *
 * The six calls take the arguments and give the results of the system calls, over memory that
 * {@link PortableKernel.allocate} makes; see the doc of this module for what differs.
 */
export class PortableKernel implements Kernel {
  /** See {@link Kernel.files}: other threads do the transfers, or this one when it waits. */
  readonly files: FileHost = { blocksFor: () => "nothing" };
  /** The calls of 32-bit programs. */
  readonly compat: CompatCalls;
  readonly #machine: Machine;
  readonly #space: AddressSpace = new AddressSpace();
  readonly #importer: Importer;
  readonly #runList: RunList;
  readonly #contexts = new Map<Address, Kioctx>();
  /** By `id` of the ring; a free index holds `undefined`. */
  readonly #table: (Kioctx | undefined)[] = [];
  readonly #wakeups = new Set<Wakeup>();
  /** Requests that are over, to be used again: one object less for the garbage collector each. */
  readonly #idle: Kiocb[] = [];
  #interrupted = false;

  /**
   * Starts a machine, and a process on it.
   *
   * @param options What the machine is like
   * @throws {RangeError} If an option is out of range
   * @throws {TypeError} If there is no such fault
   */
  constructor(options: PortableKernelOptions = {}) {
    this.#machine = machines.get(options) ?? this.#makeMachine(options);
    const { files, behaviour, processes } = this.#machine;
    processes.add(() => this.#die());
    this.#runList = new RunList((request, res) => this.#complete(request, res));
    this.#importer = new Importer({
      space: this.#space,
      files,
      behaviour,
      // Asked for only where it matters: Deno wants a permission for it
      privileged: () => process.getuid?.() === 0,
      kick: this.#runList.kick,
      complete: (request, res) => {
        this.#complete(request, res);
        // The disk was the last that knew it; a simulation goes on knowing, and so does run()
        if (this.seed === undefined && request.result === undefined) this.#reuse(request);
      },
    });
    this.compat = new CompatCalls(this.#space, {
      setup: (entries, low) => this.#setup(entries, low),
      submit: (id, nr, pointers) => this.#submit(id, nr, pointers, true),
      getevents: (id, min_nr, nr, events, timeout) =>
        this.#getevents(id, min_nr, nr, events, timeout),
    });
  }

  #makeMachine(options: PortableKernelOptions): Machine {
    const { aioMaxNr = 65536, cpus: count = availableParallelism() } = options;
    checkInteger("make kernel", "aioMaxNr", aioMaxNr, 0xffffffff);
    checkInteger("make kernel", "cpus", count, 8192, 1);
    const behaviour = behaviourOf(options.release ?? "6.18");
    const seed = options.seed ?? (options.faults && 0);
    const simulation = seed === undefined ? undefined : this.#simulate(seed, options.faults ?? {});
    const disk = simulation ?? new SystemDisk(this);
    const files = new Files(disk, options.fdinfo ?? true);
    const processes = new Set<() => void>();
    return { disk, seed, simulation, processes, files, behaviour, cpus: count, aioMaxNr, aioNr: 0 };
  }

  #simulate(seed: number, faults: Faults): SimulatedDisk {
    checkInteger("make kernel", "seed", seed, 0xffffffff);
    return new SimulatedDisk({
      seed,
      faults,
      slab: bufferPoolOf(this),
      streams: new SystemDisk(this),
    });
  }

  /**
   * Another process on the same machine: the same disk and the same account, with memory and
   * contexts of its own.
   */
  spawn(): PortableKernel {
    const options: PortableKernelOptions = {};
    machines.set(options, this.#machine);
    return new PortableKernel(options);
  }

  // The calls

  /** See {@link Kernel.io_setup}. */
  io_setup(nr_events: number, ctxp: BigUint64Array): number {
    checkWord("io_setup", "nr_events", nr_events);
    if (ctxp.length === 0) throw rangeError("call io_setup", "ctxp", "not empty", "[]");
    if (ctxp[0] !== 0n) return -EINVAL;
    const id = this.#setup(nr_events, false);
    if (id > 0) ctxp[0] = BigInt(id);
    return Math.min(0, id);
  }

  /** The id, or `-errno`. */
  #setup(nr_events: number, low: boolean): number {
    const machine = this.#machine;
    const { behaviour, aioMaxNr } = machine;
    // An unsigned int, which wraps where it is doubled
    const entries = nr_events >>> 0;
    if (entries === 0) return -EINVAL;
    const events = behaviour.cpuBatches ? (2 * Math.max(entries, 4 * machine.cpus)) >>> 0 : entries;
    if (events > MAXIMUM_EVENTS) return -EINVAL;
    if (events === 0 || entries > aioMaxNr || machine.aioNr + entries > aioMaxNr) return -EAGAIN;
    let ring: Ring;
    try {
      ring = new Ring(this.#space, ringEvents(events), low);
    } catch {
      return -ENOMEM;
    }
    const credits = behaviour.cpuBatches
      ? new CpuCredits(ring, machine.cpus)
      : new RingCredits(ring);
    const context = new Kioctx(ring, credits, entries, low);
    machine.aioNr += entries;
    this.#contexts.set(ring.address, context);
    const free = this.#table.indexOf(undefined);
    const index = free < 0 ? this.#table.length : free;
    this.#table[index] = context;
    ring.id = behaviour.indexedRings ? index : ring.address;
    return ring.address;
  }

  /** See lookup_ioctx: `undefined` for what is not a live context of this process. */
  #find(ctx_id: number): Kioctx | undefined {
    const context = this.#contexts.get(ctx_id);
    if (context === undefined || context.dead || context.ring.detached) return undefined;
    // Today's kernel finds it by the index in the ring itself, which the program can overwrite
    const { indexedRings } = this.#machine.behaviour;
    return indexedRings && this.#table[context.ring.id] !== context ? undefined : context;
  }

  /**
   * See {@link Kernel.io_destroy}. It waits for all that this thread can do; a write that the pool
   * of the runtime has already goes on behind it.
   */
  io_destroy(ctx_id: number): number {
    checkWord("io_destroy", "ctx_id", ctx_id);
    const context = this.#contexts.get(ctx_id);
    // Also where the program has detached the ring, or its memory would never be given back
    if (context === undefined || (this.#find(ctx_id) === undefined && !context.ring.detached)) {
      return -EINVAL;
    }
    this.#kill(context);
    while (context.active.size > 0 && this.#advance(Infinity)) { /* what runs */ }
    return 0;
  }

  /** See kill_ioctx. */
  #kill(context: Kioctx): void {
    const machine = this.#machine;
    const { earlyAccount } = machine.behaviour;
    // Unlinked first: from here on nobody finds it
    context.dead = true;
    this.#contexts.delete(context.id);
    this.#table[this.#table.indexOf(context)] = undefined;
    if (earlyAccount) machine.aioNr -= context.entries;
    context.drained = () => {
      context.drained = undefined;
      if (!earlyAccount) machine.aioNr -= context.entries;
      context.ring.free();
    };
    for (const request of [...context.active]) {
      if (request.cancel !== undefined) this.#cancel(request);
    }
    if (context.active.size === 0) context.drained?.();
  }

  /** See {@link Kernel.io_submit}. */
  io_submit(ctx_id: number, nr: number, iocbpp: Address): number {
    checkWord("io_submit", "ctx_id", ctx_id);
    checkWord("io_submit", "nr", nr);
    checkWord("io_submit", "iocbpp", iocbpp);
    if (nr < 0) return -EINVAL;
    return this.#submit(ctx_id, nr, (index) => {
      const iocb = this.#space.uint64(iocbpp + 8 * index);
      return iocb < 0 ? -EFAULT : iocb;
    }, false);
  }

  #submit(
    ctx_id: number,
    nr: number,
    pointer: (index: number) => Address,
    compat: boolean,
  ): number {
    if (nr < 0) return -EINVAL;
    const context = this.#find(ctx_id);
    if (context === undefined) return -EINVAL;
    const count = Math.min(nr, context.ring.nr);
    const { credits } = context;
    this.#machine.files.begin();
    credits.begin(count);
    let accepted = 0;
    let res = 0;
    while (accepted < count) {
      const iocb = pointer(accepted);
      res = iocb < 0 ? iocb : this.#submitOne(context, iocb, compat);
      if (res < 0) break;
      accepted++;
    }
    credits.end();
    return accepted > 0 ? accepted : res;
  }

  #submitOne(context: Kioctx, iocb: Address, compat: boolean): number {
    const { disk, behaviour } = this.#machine;
    const importer = this.#importer;
    let errno = importer.take(iocb);
    if (errno === 0 && behaviour.fileFirst) errno = importer.openFile();
    if (errno !== 0) return errno;
    errno = disk.submitFault(context);
    if (errno !== 0) return errno;
    if (!context.credits.take()) return -EAGAIN;
    const request = this.#idle.pop()?.renew(context, iocb) ?? new Kiocb(context, iocb);
    errno = importer.import(request, compat);
    if (errno !== 0) {
      context.credits.giveBack();
      this.#reuse(request);
      return errno;
    }
    context.active.add(request);
    this.#machine.files.hold(request);
    this.#runList.run(request);
    // The seed's: who submits helps those that were kicked
    this.#runList.drain();
    return 0;
  }

  #reuse(request: Kiocb): void {
    request.release();
    this.#idle.push(request);
  }

  #complete(request: Kiocb, res: number): void {
    this.#runList.remove(request);
    this.#machine.files.release(request);
    if (request.context === undefined) request.result = res;
    else request.context.complete(request, res);
  }

  /** See {@link Kernel.io_cancel}. */
  io_cancel(ctx_id: number, iocb: Address, result: Address): number {
    checkWord("io_cancel", "ctx_id", ctx_id);
    checkWord("io_cancel", "iocb", iocb);
    checkWord("io_cancel", "result", result);
    const space = this.#space;
    const { cancelReturnsEvent } = this.#machine.behaviour;
    if (!space.locate(iocb + IOCB_KEY, 4)) return -EFAULT;
    const key = space.view.getUint32(space.offset, true);
    const context = this.#find(ctx_id);
    if (context === undefined) return -EINVAL;
    const request = key === 0 ? context.find(iocb, !cancelReturnsEvent) : undefined;
    if (!cancelReturnsEvent) {
      if (request === undefined) return -EINVAL;
      // The event of today's kernel comes by the ring, and says 0
      request.cancel!();
      this.#complete(request, 0);
      return -EINPROGRESS;
    }
    if (request === undefined) return this.#inFlight(context, iocb) ? -EAGAIN : -EINVAL;
    this.#cancel(request);
    if (!space.locate(result, IO_EVENT_SIZE)) return -EFAULT;
    const { view, offset } = space;
    view.setInt32(offset, request.dataLow, true);
    view.setInt32(offset + 4, request.dataHigh, true);
    view.setUint32(offset + 8, iocb, true);
    view.setUint32(offset + 12, iocb / 2 ** 32, true);
    view.setInt32(offset + 16, -EINTR, true);
    view.setInt32(offset + 20, -1, true);
    view.setInt32(offset + 24, 0, true);
    view.setInt32(offset + 28, 0, true);
    return 0;
  }

  #inFlight(context: Kioctx, iocb: Address): boolean {
    for (const request of context.active) if (request.iocb === iocb) return true;
    return false;
  }

  /** Ends a request without an event. */
  #cancel(request: Kiocb): void {
    request.cancelled = true;
    request.cancel!();
    this.#complete(request, -EINTR);
  }

  /** See {@link Kernel.io_getevents}. */
  io_getevents(
    ctx_id: number,
    min_nr: number,
    nr: number,
    events: Address,
    timeout: Address | 0,
  ): number {
    checkWord("io_getevents", "ctx_id", ctx_id);
    checkWord("io_getevents", "min_nr", min_nr);
    checkWord("io_getevents", "nr", nr);
    checkWord("io_getevents", "events", events);
    checkWord("io_getevents", "timeout", timeout);
    const read = () => this.#readTimeout(timeout);
    return this.#getevents(ctx_id, min_nr, nr, events, read);
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
    checkWord("io_pgetevents", "ctx_id", ctx_id);
    checkWord("io_pgetevents", "min_nr", min_nr);
    checkWord("io_pgetevents", "nr", nr);
    checkWord("io_pgetevents", "events", events);
    checkWord("io_pgetevents", "timeout", timeout);
    checkWord("io_pgetevents", "sigmask", sigmask);
    const space = this.#space;
    if (!this.#machine.behaviour.pollAndFlags) return -ENOSYS;
    const span = this.#readTimeout(timeout);
    if (span === -EFAULT) return -EFAULT;
    if (sigmask !== 0) {
      if (!space.locate(sigmask, AIO_SIGSET_SIZE)) return -EFAULT;
      const mask = readUint64(space.view, space.offset + AIO_SIGSET_SIGMASK);
      const size = readUint64(space.view, space.offset + AIO_SIGSET_SIGSETSIZE);
      if (mask !== 0 && size !== SIGSET_SIZE) return -EINVAL;
      if (mask !== 0 && !space.locate(mask, SIGSET_SIZE)) return -EFAULT;
    }
    return this.#getevents(ctx_id, min_nr, nr, events, () => span);
  }

  /** Milliseconds, Infinity for none, or -EFAULT. */
  #readTimeout(timeout: Address | 0): number {
    if (timeout === 0) return Infinity;
    const space = this.#space;
    if (!space.locate(timeout, TIMESPEC_SIZE)) return -EFAULT;
    const seconds = readInt64(space.view, space.offset + TIMESPEC_SEC);
    const nanoseconds = readInt64(space.view, space.offset + TIMESPEC_NSEC);
    return milliseconds(seconds, nanoseconds);
  }

  #getevents(
    ctx_id: number,
    min_nr: number,
    nr: number,
    events: Address,
    timeout: () => number,
  ): number {
    const { timeoutFirst } = this.#machine.behaviour;
    const early = timeoutFirst ? timeout() : 0;
    if (early === -EFAULT) return -EFAULT;
    const context = this.#find(ctx_id);
    if (context === undefined || !(min_nr <= nr && min_nr >= 0)) return -EINVAL;
    return this.#readEvents(context, min_nr, nr, events, () => timeoutFirst ? early : timeout());
  }

  /** See read_events. */
  #readEvents(
    context: Kioctx,
    min_nr: number,
    nr: number,
    events: Address,
    timeout: () => number,
  ): number {
    const { disk, behaviour } = this.#machine;
    const space = this.#space;
    const { keepsUncopied } = behaviour;
    let count = 0;
    let end: number | undefined;
    let advanced = false;
    while (true) {
      const address = events + IO_EVENT_SIZE * count;
      const taken = context.ring.take(space, address, nr - count, keepsUncopied);
      if (taken < 0) return count > 0 ? count : taken;
      count += taken;
      if (count >= min_nr) return count;
      if (context.dead) return count > 0 ? count : -EINVAL;
      if (end === undefined) {
        const span = timeout();
        if (span === -EFAULT) return count > 0 ? count : -EFAULT;
        end = disk.now() + span;
        if (span > 0 && disk.waitFault()) this.#interrupted = true;
      }
      if (this.#interrupted) {
        this.#interrupted = false;
        return count > 0 ? count : -EINTR;
      }
      // Once in any case, or who asks again and again without waiting would never get on
      if (advanced && disk.now() >= end) return count;
      if (!this.#advance(end)) {
        // Nothing is left that could happen while this thread waits
        return end === Infinity ? (count > 0 ? count : -EDEADLK) : count;
      }
      advanced = true;
    }
  }

  /** Lets one thing happen that a waiting thread waits for; `false`: there is none. */
  #advance(until: number): boolean {
    const { disk } = this.#machine;
    if (this.#runList.drain() || disk.advance(until)) return true;
    if (until === Infinity) return false;
    disk.sleep(until);
    return disk.now() < until;
  }

  // Memory

  /** See {@link Kernel.allocate}. */
  allocate(byteLength: number): Allocation {
    return this.#space.allocate(byteLength);
  }

  /**
   * See {@link Kernel.view}: the buffer of the allocation that begins at `address`, which may be
   * longer than was asked for.
   *
   * @throws {RangeError} If no allocation begins there, or it is shorter
   */
  view(address: Address, byteLength: number): ArrayBuffer {
    return this.#space.buffer(address, byteLength);
  }

  /** See {@link Kernel.addressOf}. */
  addressOf(buffer: ArrayBuffer): Address {
    return this.#space.addressOf(buffer);
  }

  /** See {@link Kernel.limits}. */
  limits(): Limits {
    const { aioNr, aioMaxNr } = this.#machine;
    return { aioNr, aioMaxNr };
  }

  /** See {@link Kernel.wakeup}. */
  wakeup(wake: () => void): Wakeup {
    const eventfd = new Eventfd(0, false, false);
    const fd = this.#machine.files.add(eventfd);
    const wakeup: LoopWakeup = new LoopWakeup(eventfd, fd, wake, () => {
      this.#machine.files.close(fd);
      this.#wakeups.delete(wakeup);
    });
    this.#wakeups.add(wakeup);
    return wakeup;
  }

  // The simulation

  /** What the disk is simulated by; `undefined`: it is the real one. For whom a test fails. */
  get seed(): number | undefined {
    return this.#machine.seed;
  }

  /** What happened on the simulated disk, oldest first; see `formatLog`. */
  get log(): readonly LogEntry[] {
    return this.#machine.simulation?.log ?? [];
  }

  /** The clock that timeouts count by, in milliseconds: a virtual one where there is a seed. */
  now(): number {
    return this.#machine.disk.now();
  }

  /**
   * The power of the machine fails. All contexts of all its processes are gone, and what was in
   * flight with them: nobody is told. Memory stays, and what {@link PortableKernel.after} has in
   * store. Of the writes that no sync covers some are kept, some lost and some torn, as the seed
   * decides, and the files are then as they will be found.
   *
   * {@link PortableKernel.spawn} makes the first process of the machine when it is on again.
   *
   * @throws {Error} If the disk is a real one
   */
  crash(): void {
    const { simulation, processes } = this.#machine;
    if (simulation === undefined) {
      throw new Error("Cannot crash: the disk is real; make the kernel with `seed`");
    }
    for (const die of processes) die();
    simulation.crash();
  }

  /** Ends this process without its doing. */
  #die(): void {
    for (const context of this.#contexts.values()) {
      context.dead = true;
      this.#machine.aioNr -= context.entries;
      for (const request of context.active) {
        // What cannot be cancelled ends later, and without an event
        request.cancel?.();
        request.cancel = undefined;
        request.cancelled = true;
        this.#runList.remove(request);
      }
      context.active.clear();
    }
    this.#contexts.clear();
    this.#table.length = 0;
    // What waits for completions would keep the event loop from ending
    for (const wakeup of this.#wakeups) wakeup.close();
  }

  // What goes with it

  /** A counter for `aio_resfd`, and for requests that wait. See eventfd(2). */
  eventfd(
    count: number = 0,
    options: OwnFileOptions & { semaphore?: boolean } = {},
  ): PortableEventfd {
    const { files } = this.#machine;
    const eventfd = new Eventfd(count, options.blocking ?? false, options.semaphore ?? false);
    const fd = files.add(eventfd);
    return {
      fd,
      get count() {
        return eventfd.count;
      },
      signal: (count) => eventfd.signal(count),
      take: () => eventfd.take(),
      [Symbol.dispose]: () => files.close(fd),
    };
  }

  /** A pipe between requests and this program. See pipe(2). */
  pipe(options: OwnFileOptions = {}): PortablePipe {
    const { files } = this.#machine;
    const pipe = new Pipe(options.blocking ?? false);
    const readFd = files.add(new PipeReader(pipe));
    const writeFd = files.add(new PipeWriter(pipe));
    const close = (end: "read" | "write") => {
      if (end === "read") pipe.readers = false;
      else pipe.writers = false;
      files.close(end === "read" ? readFd : writeFd);
      pipe.hungUp();
    };
    return {
      readFd,
      writeFd,
      write: (bytes) => {
        const count = Math.min(bytes.length, pipe.room);
        pipe.put(bytes.slice(0, count));
        return count;
      },
      read: (count) => pipe.take(count),
      close,
      [Symbol.dispose]: () => {
        close("read");
        close("write");
      },
    };
  }

  /**
   * Does something after a time: from the event loop, or while this thread waits in a call, as
   * another thread would.
   *
   * @param milliseconds How long from now
   * @param action What to do
   */
  after(milliseconds: number, action: () => void): void {
    const { disk } = this.#machine;
    disk.at(disk.now() + milliseconds, action);
  }

  /** A signal: ends the wait that is under way, or else the next. */
  interrupt(): void {
    this.#interrupted = true;
  }

  /**
   * Runs one request and waits for it, without a context: the synchronous path of the seed
   * (init_sync_kiocb, wait_on_sync_kiocb).
   *
   * @param iocb Where the request lies
   * @returns Its result: bytes or `-errno`
   */
  run(iocb: Address): number {
    const importer = this.#importer;
    this.#machine.files.begin();
    const request = new Kiocb(undefined, iocb);
    const errno = importer.take(iocb) || importer.import(request, false);
    if (errno !== 0) return errno;
    this.#machine.files.hold(request);
    this.#runList.run(request);
    while (request.result === undefined) {
      if (this.#advance(Infinity)) continue;
      request.cancel?.();
      return -EDEADLK;
    }
    return request.result;
  }

  /**
   * The end of the process: all contexts end, as by io_destroy.
   *
   * @returns Resolves when nothing runs any more. See exit_aio
   */
  async exit(): Promise<void> {
    const ending: Promise<void>[] = [];
    for (const context of [...this.#contexts.values()]) {
      this.#kill(context);
      if (context.active.size === 0) continue;
      const { drained } = context;
      ending.push(
        new Promise((resolve) => {
          context.drained = () => {
            drained?.();
            resolve();
          };
        }),
      );
    }
    await Promise.all(ending);
  }
}
