/**
 * Reading events, and waiting for them.
 *
 * @module
 */
import { EDEADLK, EFAULT, EINTR, EINVAL } from "../abi/errno.ts";
import { IO_EVENT_SIZE } from "../abi/io_event.ts";
import { TIMESPEC_NSEC, TIMESPEC_SEC, TIMESPEC_SIZE } from "../abi/timespec.ts";
import type { Address } from "../kernel.ts";
import type { Kioctx } from "./kioctx.ts";
import type { Process } from "./process.ts";

/** What 63 bits of nanoseconds hold. */
const KTIME_SEC_MAX = 9_223_372_036n;

/** The waiting side of a process. */
export class EventReader {
  readonly #process: Process;
  #interrupted = false;

  constructor(process: Process) {
    this.#process = process;
  }

  /** A signal: ends the wait that is under way, or else the next. */
  interrupt(): void {
    this.#interrupted = true;
  }

  /** @param compat Whether the timespec is that of a 32-bit program */
  do_io_getevents(
    ctx_id: number,
    min_nr: number,
    nr: number,
    events: Address,
    timeout: Address | 0,
    compat: boolean,
  ): number {
    const process = this.#process;
    const { today } = process.machine;
    // Linux 6.18 reads it first of all, Linux 3.4 when there is something to wait for.
    const span = today ? this.timespec(timeout, compat) : 0;
    if (span === -EFAULT) return -EFAULT;
    const context = process.lookup_ioctx(ctx_id);
    if (context === undefined || !(min_nr <= nr && min_nr >= 0)) return -EINVAL;
    if (today) return this.#read_events_6_18(context, min_nr, nr, events, span);
    context.users++;
    try {
      return this.#read_events_3_4(context, min_nr, nr, events, timeout, compat);
    } finally {
      process.put_ioctx(context);
    }
  }

  /** A timespec of the program in milliseconds; Infinity for none, or -EFAULT. */
  timespec(address: Address | 0, compat: boolean): number {
    if (address === 0) return Infinity;
    const { space, machine: { today } } = this.#process;
    if (!space.locate(address, compat ? 8 : TIMESPEC_SIZE)) return -EFAULT;
    const { view, offset } = space;
    const [seconds, nanoseconds] = compat
      ? [BigInt(view.getInt32(offset, true)), BigInt(view.getInt32(offset + 4, true))]
      : [
        view.getBigInt64(offset + TIMESPEC_SEC, true),
        view.getBigInt64(offset + TIMESPEC_NSEC, true),
      ];
    // That kernel counts in ticks, and does not subtract the one from the other.
    if (!today && (seconds < 0n || nanoseconds < 0n)) return Infinity;
    return timespec64_to_ktime(seconds, nanoseconds);
  }

  // `init_timeout`, `set_timeout`, `timeout_func` and `clear_timeout` are one look at the clock.

  /** Linux 3.4: one event at a time, and the run list before anything is waited for. */
  #read_events_3_4(
    context: Kioctx,
    min_nr: number,
    nr: number,
    events: Address,
    timeout: Address | 0,
    compat: boolean,
  ): number {
    const { space, machine: { disk } } = this.#process;
    const { ring, runList } = context;
    let count = 0;
    // Takes what is in the ring: 0, or -EFAULT if an event could not be copied and is lost.
    const take = (): number => {
      while (count < nr) {
        const taken = ring.aio_read_evt(space, events + IO_EVENT_SIZE * count);
        if (taken <= 0) return taken;
        count++;
      }
      return 0;
    };
    let errno = take();
    if (errno === 0 && count < min_nr && runList.length > 0) {
      runList.aio_run_all_iocbs();
      errno = take();
    }
    // A lost event is an error only if there are too few others.
    if (count >= min_nr) return count;
    if (errno !== 0) return errno;
    const span = this.timespec(timeout, compat);
    if (span === -EFAULT) return count || -EFAULT;
    const end = this.#begin(span);
    let advanced = false;
    while (true) {
      errno = take();
      if (errno !== 0 || count >= min_nr) return count || errno;
      if (context.dead) return count || -EINVAL;
      // Once in any case, or a program that asks again and again without waiting would starve.
      if (advanced && disk.now() >= end) return count;
      // Looked for after a wait, so not at all without one.
      if (span > 0 && this.#takeSignal()) return count || -EINTR;
      // Nothing is left that could happen while this thread waits.
      if (!this.#process.advance(end)) return end < Infinity ? count : count || -EDEADLK;
      advanced = true;
    }
  }

  /** Linux 6.18: all events that are available at once, and a signal before the time is over. */
  #read_events_6_18(
    context: Kioctx,
    min_nr: number,
    nr: number,
    events: Address,
    span: number,
  ): number {
    const { space, machine: { disk } } = this.#process;
    let count = 0;
    let end: number | undefined;
    let advanced = false;
    while (true) {
      const address = events + IO_EVENT_SIZE * count;
      const taken = context.ring.aio_read_events_ring(space, address, nr - count);
      if (taken < 0) return count || taken;
      count += taken;
      // The disk works on while a program only asks, or a loop that never waits would find nothing.
      const asksInVain = count === 0 && min_nr === 0 && nr > 0 && !advanced;
      if (asksInVain && this.#process.advance(disk.now())) {
        advanced = true;
        continue;
      }
      if (count >= min_nr) return count;
      if (context.dead) return count || -EINVAL;
      end ??= this.#begin(span);
      if (this.#takeSignal()) return count || -EINTR;
      if (advanced && disk.now() >= end) return count;
      if (!this.#process.advance(end)) return end < Infinity ? count : count || -EDEADLK;
      advanced = true;
    }
  }

  /** Begins a wait; returns when it ends, by the clock of the disk. */
  #begin(span: number): number {
    const { disk } = this.#process.machine;
    if (span > 0 && disk.waitFault?.()) this.#interrupted = true;
    return disk.now() + span;
  }

  /** Whether a signal is pending, which is then no longer. */
  #takeSignal(): boolean {
    const pending = this.#interrupted;
    this.#interrupted = false;
    return pending;
  }
}

/**
 * Adds up whatever signs the two have, in 64 bits that wrap, as the kernel does not check them.
 *
 * @returns Milliseconds; Infinity for a sum below 0 and for one that is too long to count
 */
function timespec64_to_ktime(seconds: bigint, nanoseconds: bigint): number {
  if (seconds >= KTIME_SEC_MAX) return Infinity;
  const sum = BigInt.asIntN(64, seconds * 1_000_000_000n + nanoseconds);
  return sum < 0n ? Infinity : Number(sum) / 1e6;
}
