/**
 * A process: its memory and its contexts.
 *
 * @module
 */
import { EAGAIN, EINTR, EINVAL, ENOMEM } from "../abi/errno.ts";
import { IO_EVENT_SIZE } from "../abi/io_event.ts";
import { IOCB_CMD_POLL } from "../abi/opcodes.ts";
import type { Address, Wakeup } from "../kernel.ts";
import { AddressSpace } from "./address_space.ts";
import { CpuCredits, RingCredits } from "./credits.ts";
import type { Kiocb } from "./kiocb.ts";
import { Kioctx } from "./kioctx.ts";
import type { Machine } from "./machine.ts";
import { Ring, ringEvents } from "./ring.ts";
import { RunList } from "./run_list.ts";

/** The most events that a ring may have: 256 MiB of them. */
const MAXIMUM_EVENTS = 0x10000000 / IO_EVENT_SIZE;

/** One process of a {@link Machine}, as far as AIO is concerned. */
export class Process {
  readonly machine: Machine;
  readonly space: AddressSpace = new AddressSpace();
  readonly runList: RunList = new RunList((request, res) => this.aio_complete(request, res));
  /** By the id of the context: counterpart of `ioctx_list`. */
  readonly contexts: Map<Address, Kioctx> = new Map();
  /** Watches on completions, which keep the event loop alive while they are armed. */
  readonly wakeups: Set<Wakeup> = new Set();
  /** By `id` of the ring; a free index holds `undefined`. */
  readonly #table: (Kioctx | undefined)[] = [];

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
    if (events > MAXIMUM_EVENTS) return -EINVAL;
    if (events === 0 || entries > aioMaxNr || machine.aioNr + entries > aioMaxNr) return -EAGAIN;
    let ring: Ring;
    try {
      ring = new Ring(this.space, ringEvents(events), low);
    } catch {
      return -ENOMEM;
    }
    const credits = today ? new CpuCredits(ring, cpus) : new RingCredits(ring);
    const context = new Kioctx(ring, credits, entries);
    machine.aioNr += entries;
    this.contexts.set(ring.address, context);
    const free = this.#table.indexOf(undefined);
    const index = free < 0 ? this.#table.length : free;
    this.#table[index] = context;
    ring.id = today ? index : ring.address;
    return ring.address;
  }

  /** Finds a live context. Its counterpart takes a reference, `try_get_ioctx`; here none is. */
  lookup_ioctx(ctx_id: number): Kioctx | undefined {
    const context = this.contexts.get(ctx_id);
    if (context === undefined || context.dead || context.ring.detached) return undefined;
    // Today's kernel finds it by the index in the ring itself, which the program can overwrite.
    const lost = this.machine.today && this.#table[context.ring.id] !== context;
    return lost ? undefined : context;
  }

  /**
   * Ends a context: cancels what can be cancelled.
   *
   * @param ended Called when nothing is in flight any more
   */
  kill_ctx(context: Kioctx, ended: () => void = () => {}): void {
    const { machine } = this;
    // Unlinked first, so that it is not found any more.
    context.dead = true;
    this.contexts.delete(context.ring.address);
    this.#table[this.#table.indexOf(context)] = undefined;
    if (machine.today) machine.aioNr -= context.entries;
    // Counterpart of `__put_ioctx`, which `put_ioctx` calls for the last reference.
    context.drained = () => {
      context.drained = undefined;
      if (!machine.today) machine.aioNr -= context.entries;
      context.ring.aio_free_ring();
      ended();
    };
    for (const request of [...context.active]) {
      if (request.cancel === undefined) continue;
      if (machine.today) this.#free_ioctx_user(request);
      else this.cancel(request);
    }
    if (context.active.size === 0) context.drained?.();
  }

  /** The part of `free_ioctx_users` that concerns one request. */
  #free_ioctx_user(request: Kiocb): void {
    if (request.opcode === IOCB_CMD_POLL) this.aio_poll_cancel(request);
    // On a blocking pipe Linux would not have returned from io_submit. A write that waits for its
    // turn to append is written before io_destroy returns.
    else if (request.file.waiters !== undefined) this.cancel(request);
  }

  /** Ends a poll as any other request: with an event, and with a signal to its eventfd. */
  aio_poll_cancel(request: Kiocb): void {
    request.cancel!();
    this.aio_complete(request, 0);
  }

  /** Ends a request without an event. */
  cancel(request: Kiocb): void {
    request.cancelled = true;
    request.cancel!();
    this.aio_complete(request, -EINTR);
  }

  /** A request has its result. */
  aio_complete(request: Kiocb, res: number): void {
    this.runList.remove(request);
    this.machine.files.release(request);
    if (request.context === undefined) request.result = res;
    else request.context.complete(request, res);
  }

  /**
   * Lets one thing happen that a thread that waits may be waiting for.
   *
   * @returns `false` if nothing could happen until then
   */
  advance(until: number): boolean {
    const { disk } = this.machine;
    if (this.runList.aio_run_iocbs() || disk.advance(until)) return true;
    if (until === Infinity) return false;
    disk.sleep(until);
    return disk.now() < until;
  }

  /** Ends all contexts, and resolves when nothing is in flight any more. */
  async exit_aio(): Promise<void> {
    await Promise.all(
      this.contexts.values().map((context) =>
        new Promise<void>((resolve) => this.kill_ctx(context, resolve))
      ),
    );
  }

  /** The power has failed. */
  #die(): void {
    for (const context of this.contexts.values()) {
      context.dead = true;
      this.machine.aioNr -= context.entries;
      for (const request of context.active) {
        // What cannot be cancelled ends later, and without an event.
        request.cancel?.();
        request.cancel = undefined;
        request.cancelled = true;
        this.runList.remove(request);
      }
      context.active.clear();
    }
    this.contexts.clear();
    this.#table.length = 0;
    // An armed watch would keep the event loop from ending.
    for (const wakeup of this.wakeups) wakeup.close();
  }
}
