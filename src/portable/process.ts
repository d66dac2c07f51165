/**
 * A process: its memory and its contexts.
 *
 * @module
 */
import { EAGAIN, EINTR, EINVAL, ENOMEM } from "../abi/errno.ts";
import { IO_EVENT_SIZE } from "../abi/io_event.ts";
import type { Address, Wakeup } from "../kernel.ts";
import { AddressSpace } from "./address_space.ts";
import { CpuCredits, RingCredits } from "./credits.ts";
import type { Kiocb } from "./kiocb.ts";
import { Kioctx } from "./kioctx.ts";
import type { Machine } from "./machine.ts";
import { Ring, ringEvents } from "./ring.ts";
import { RunList, WorkQueue } from "./run_list.ts";

/** The most events that a ring may have: 256 MiB of them. */
const MAXIMUM_EVENTS = 0x10000000 / IO_EVENT_SIZE;
/** The size of struct kiocb in a 64-bit kernel of 3.4: the sum of its members in linux/aio.h. */
const KIOCB_SIZE = 216;
/** Linux 3.4: the most requests that a context may have; 256 MiB of them, too. */
const MAXIMUM_KIOCBS = Math.floor(0x10000000 / KIOCB_SIZE);

/** One process of a {@link Machine}, as far as AIO is concerned. */
export class Process {
  readonly machine: Machine;
  readonly space: AddressSpace = new AddressSpace();
  readonly workQueue: WorkQueue = new WorkQueue();
  /** Of requests without a context. */
  readonly #runList: RunList = this.#newRunList();
  /** By the id of the context: counterpart of `ioctx_list`. */
  readonly contexts: Map<Address, Kioctx> = new Map();
  /** Watches on completions, which keep the event loop alive while they are armed. */
  readonly wakeups: Set<Wakeup> = new Set();
  /** By `id` of the ring; a free index holds `undefined`. */
  readonly #table: (Kioctx | undefined)[] = [];
  /** Set when the power has failed. */
  isOver = false;

  constructor(machine: Machine) {
    this.machine = machine;
    machine.processes.add(() => this.#die());
  }

  /**
   * Makes a context.
   *
   * @param nr_events How many requests it is for
   * @param low Whether its id must fit 32 bits
   * @returns The id, or `-errno`
   */
  ioctx_alloc(nr_events: number, low: boolean): number {
    const { machine } = this;
    const { cpus, aioMaxNr, today } = machine;
    // An unsigned int, which wraps when it is doubled.
    const entries = nr_events >>> 0;
    if (entries === 0) return -EINVAL;
    const events = today ? (2 * Math.max(entries, 4 * cpus)) >>> 0 : entries;
    if (events > MAXIMUM_EVENTS || (!today && events > MAXIMUM_KIOCBS)) return -EINVAL;
    if (events === 0 || entries > aioMaxNr || machine.aioNr + entries > aioMaxNr) return -EAGAIN;
    let ring: Ring;
    try {
      ring = new Ring(this.space, ringEvents(events), low);
    } catch {
      return -ENOMEM;
    }
    const credits = today ? new CpuCredits(ring, cpus) : new RingCredits(ring);
    const context = new Kioctx(ring, credits, this.#newRunList(), entries);
    machine.aioNr += entries;
    this.contexts.set(ring.address, context);
    const free = this.#table.indexOf(undefined);
    const index = free < 0 ? this.#table.length : free;
    this.#table[index] = context;
    ring.id = today ? index : ring.address;
    return ring.address;
  }

  #newRunList(): RunList {
    return new RunList((request, res) => this.aio_complete(request, res), this.workQueue);
  }

  /** The list on which a request waits for its next run. */
  runListOf({ context }: Kiocb): RunList {
    return context?.runList ?? this.#runList;
  }

  /**
   * Finds a live context. Its counterpart takes a reference, `try_get_ioctx`; here only a wait for
   * events does, as nothing else happens during the other calls.
   */
  lookup_ioctx(ctx_id: number): Kioctx | undefined {
    const context = this.contexts.get(ctx_id);
    if (context === undefined || context.dead || context.ring.detached) return undefined;
    // Today's kernel finds it by the index in the ring itself, which the program can overwrite.
    const lost = this.machine.today && this.#table[context.ring.id] !== context;
    return lost ? undefined : context;
  }

  /**
   * Ends a context: it is not found any more, and what can be cancelled is.
   *
   * @param ended Called when nothing is in flight any more
   */
  io_destroy(context: Kioctx, ended: () => void = () => {}): void {
    context.dead = true;
    this.contexts.delete(context.ring.address);
    this.#table[this.#table.indexOf(context)] = undefined;
    context.drained = () => {
      context.drained = undefined;
      if (!this.machine.today) this.put_ioctx(context);
      ended();
    };
    if (this.machine.today) this.#kill_ctx_6_18(context);
    else this.#kill_ctx_3_4(context);
    if (context.active.size === 0) context.drained?.();
  }

  /** Linux 3.4: every request in flight is cancelled, so none gets an event or runs again. */
  #kill_ctx_3_4(context: Kioctx): void {
    for (const request of [...context.active].reverse()) {
      request.cancelled = true;
      if (request.cancel !== undefined) this.cancel(request);
    }
  }

  /** Linux 3.4: gives a reference back; the account is settled with the last. */
  put_ioctx(context: Kioctx): void {
    context.users--;
    if (context.users > 0) return;
    // Counterpart of `__put_ioctx`.
    this.machine.aioNr -= context.entries;
    context.ring.aio_free_ring();
  }

  /**
   * Linux 6.18: the account is settled and the ring unmapped at once; then what can be cancelled
   * completes, by `free_ioctx_users`.
   */
  #kill_ctx_6_18(context: Kioctx): void {
    this.machine.aioNr -= context.entries;
    context.ring.aio_free_ring();
    for (const request of [...context.active]) {
      if (request.cancel !== undefined) this.aio_poll_cancel(request);
    }
  }

  /** Linux 3.4: ends a request without an event. */
  cancel(request: Kiocb): void {
    request.cancelled = true;
    request.cancel!();
    this.aio_complete(request, -EINTR);
  }

  /** Linux 6.18: ends a request with an event that says 0. */
  aio_poll_cancel(request: Kiocb): void {
    request.cancel!();
    this.aio_complete(request, 0);
  }

  /** A request has its result. */
  aio_complete(request: Kiocb, res: number): void {
    this.runListOf(request).remove(request);
    this.machine.files.release(request);
    if (request.context === undefined) request.result = res;
    else request.context.complete(request, res);
  }

  /** Runs what was kicked, behind a request that was just submitted. */
  runKicked(context: Kioctx): void {
    // Linux 6.18 has no run list: a poll that is woken completes at once, in whichever context.
    if (this.machine.today) this.workQueue.aio_kick_handler();
    else context.runList.aio_run_all_iocbs();
  }

  /**
   * Lets one thing happen that a thread that waits may be waiting for.
   *
   * @returns `false` if nothing could happen until then
   */
  advance(until: number): boolean {
    const { disk } = this.machine;
    if (this.workQueue.aio_kick_handler() || disk.advance(until)) return true;
    if (until === Infinity) return false;
    disk.sleep(until);
    return disk.now() < until;
  }

  /** Ends all contexts, and resolves when nothing is in flight any more. */
  async exit_aio(): Promise<void> {
    await Promise.all(
      this.contexts.values().map((context) =>
        new Promise<void>((resolve) => this.io_destroy(context, resolve))
      ),
    );
  }

  /** The power has failed. */
  #die(): void {
    this.isOver = true;
    for (const context of this.contexts.values()) {
      context.dead = true;
      this.machine.aioNr -= context.entries;
      // What cannot be cancelled ends later, and without an event.
      this.#kill_ctx_3_4(context);
      context.active.clear();
    }
    this.contexts.clear();
    this.#table.length = 0;
    // An armed watch would keep the event loop from ending.
    for (const wakeup of this.wakeups) wakeup.close();
  }
}
