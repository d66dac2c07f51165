/**
 * The way up: events come out of the ring, or from io_getevents, and complete their operations.
 *
 * @module
 */
import { AIO_RING_HEAD_OFFSET, AIO_RING_HEADER_SIZE } from "../abi/aio_ring.ts";
import { EDEADLK, EINTR } from "../abi/errno.ts";
import { IO_EVENT_SIZE } from "../abi/io_event.ts";
import { writeTimespec } from "../abi/timespec.ts";
import { AioError } from "../errors/aio_error.ts";
import { FIRST_ANSWER, LEFT_PER_STEP } from "../tuning.ts";
import type { KernelContext } from "./kernel_context.ts";
import type { ReadyQueue } from "./ready_queue.ts";
import type { Submission } from "./submission.ts";

const EVENT_WORDS = IO_EVENT_SIZE / 4;
const HEAD = AIO_RING_HEAD_OFFSET / 4;
const HEADER_WORDS = AIO_RING_HEADER_SIZE / 4;
/** Word of `res` in an event; on a little-endian machine its low half, and no result needs more. */
const RES_WORD = 4;

/** Of a kernel that works on this thread. */
const DEADLOCK = "what is in flight, such as a write that the threads of the runtime have, " +
  "completes through the event loop, which this wait blocks; use `for await`";

/** How completions are taken: out of the ring in memory, or by io_getevents alone. */
export type Reap = "ring" | "syscall";

/** Reaps one context. */
export class Reaper {
  readonly #context: KernelContext;
  readonly #submission: Submission;
  readonly #ready: ReadyQueue;
  #useRing: boolean;
  /** Places of the ring. */
  readonly #nr: number;
  /** See {@link FIRST_ANSWER}: how many of the operations of files are completed at once. */
  #most = Infinity;

  constructor(context: KernelContext, submission: Submission, ready: ReadyQueue, reap: Reap) {
    this.#context = context;
    this.#submission = submission;
    this.#ready = ready;
    this.#nr = context.ring.nr;
    this.#useRing = reap === "ring" && context.ring.usable;
  }

  /**
   * Takes completions that are available, without waiting.
   *
   * @returns How many
   */
  reap(): number {
    if (!this.#useRing) return this.#getevents(0, 0);
    const { ring } = this.#context;
    const available = ring.available();
    if (available === 0) {
      this.#starved();
      return 0;
    }
    if (available < 0) {
      // Something wrote to the header: from here on the kernel's own way is the only safe one.
      this.#useRing = false;
      return this.#getevents(0, 0);
    }
    const submission = this.#submission;
    // A loop takes all; the promises of files are resolved in portions.
    const count = this.#ready.filesWait ? Math.min(available, this.#most) : available;
    this.#most += 1 + Math.floor((available - count) / LEFT_PER_STEP);
    const { words } = ring;
    const nr = this.#nr;
    // Plain reads: `available` has loaded the tail with an acquire, and `advance` stores the head with
    // a release, so they come after the one and before the other. Nobody else writes the head.
    let at = words[HEAD]!;
    for (let i = 0; i < count; i++) {
      const event = HEADER_WORDS + EVENT_WORDS * at;
      submission.complete(words[event]!, words[event + RES_WORD]!);
      if (++at === nr) at = 0;
    }
    ring.advance(count);
    submission.recordPrompt(count);
    if (submission.backlog.length > 0) submission.refill();
    return count;
  }

  /**
   * Takes completions out of the ring from now on.
   *
   * @returns `false` if this changes nothing
   */
  useRing(): boolean {
    const { ring } = this.#context;
    if (this.#useRing || !ring.usable || ring.available() < 0) return false;
    return this.#useRing = true;
  }

  /** The ring is empty: what comes next is answered in small portions first. */
  #starved(): void {
    if (this.#submission.inFlight === 0) return;
    this.#submission.recordLate();
    this.#most = FIRST_ANSWER;
  }

  /**
   * Sleeps in the kernel until a completion is available. Blocks the thread.
   *
   * @param microseconds For how long at most
   * @param minimum How many completions to wait for
   * @returns How many completions were taken
   */
  sleep(microseconds: number, minimum = 1): number {
    const { inFlight } = this.#submission;
    return this.#getevents(Math.min(minimum, inFlight, this.#context.entries), microseconds);
  }

  /** Sleeps in the kernel though nothing is in flight. */
  pause(microseconds: number): void {
    this.#getevents(1, microseconds);
  }

  #getevents(minimum: number, microseconds: number): number {
    const { kernel, contextId, entries, events, eventsAddress, timeout, timeoutAddress } =
      this.#context;
    const submission = this.#submission;
    const most = this.#ready.filesWait ? Math.min(entries, Math.max(minimum, this.#most)) : entries;
    const until = microseconds === Infinity ? 0 : timeoutAddress;
    if (until !== 0) writeTimespec(timeout, 0, microseconds);
    const count = kernel.io_getevents(contextId, minimum, most, eventsAddress, until);
    if (count === -EINTR) return 0;
    if (count < 0) {
      const hint = count === -EDEADLK ? DEADLOCK : undefined;
      throw new AioError(count, "io_getevents", { hint });
    }
    if (count === 0) {
      this.#starved();
      return 0;
    }
    this.#most++;
    for (let i = 0; i < count; i++) {
      const event = EVENT_WORDS * i;
      submission.complete(events[event]!, events[event + RES_WORD]!);
    }
    if (minimum === 0) submission.recordPrompt(count);
    if (submission.backlog.length > 0) submission.refill();
    return count;
  }
}
