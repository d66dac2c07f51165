/**
 * How much a turn of the event loop has io_submit do itself.
 *
 * io_submit hands over what a device moves, and returns. What lies in memory it copies, at a
 * microsecond a request; and for what is not there, though told not to wait, it starts to read it,
 * at 25 to 40. Nothing tells before, but where some were missing lately, more will be.
 *
 * @module
 */
import { ECANCELED } from "../abi/errno.ts";
import { Queue } from "../queue.ts";
import { now } from "../timers.ts";
import {
  COPIED_BYTES_PER_TURN,
  COPIES_PER_TURN,
  COST_OF_MISS,
  MISS_COST_PER_TURN,
  READS_REMEMBERED,
  SLOW_BYTES_PER_TURN,
  SLOW_COPY_MILLISECONDS,
} from "../tuning.ts";
import type { Operation } from "./operation.ts";
import type { Submission } from "./submission.ts";

/** The budget of one context. */
export class CopyBudget {
  readonly #submission: Submission;
  #requests = COPIES_PER_TURN;
  #bytes = COPIED_BYTES_PER_TURN;
  /** Whether {@link CopyBudget.renew} is to be called in the next turn. */
  needsTurn = false;
  /** Operations beyond the budget of this turn. */
  readonly #held = new Queue<Operation>();
  /** Bytes that the next io_submit copies. */
  unsent = 0;
  /** How many of the last requests were missing, 0 to 1. */
  #missing = 0;
  /** Milliseconds a byte. */
  #cost = 0;
  #lastCost = 0;

  /** @param submission Where operations are queued */
  constructor(submission: Submission) {
    this.#submission = submission;
  }

  /** Queues an operation whose bytes io_submit copies: now, or in a later turn. */
  queue(operation: Operation): void {
    // It was held here, or missing in the page cache, when it was aborted.
    if (operation.stopped) return operation.complete(-ECANCELED);
    this.needsTurn = true;
    // While operations are held, nothing is left of the budget.
    if (this.#requests <= 0 || this.#bytes <= 0) {
      this.#held.push(operation);
      return;
    }
    this.#requests--;
    this.#bytes -= operation.nbytes;
    this.unsent += operation.nbytes;
    this.#submission.queue(operation);
  }

  /**
   * Whether this turn has enough left for a copy that the caller is about to make on this thread;
   * then it is spent.
   */
  spend(bytes: number): boolean {
    this.needsTurn = true;
    if (this.#requests <= 0 || bytes > this.#bytes) return false;
    this.#requests--;
    this.#bytes -= bytes;
    return true;
  }

  /** A new turn of the event loop: io_submit may block the thread again for a while. */
  renew(): void {
    const cost = 1 + this.#missing * COST_OF_MISS;
    this.#requests = Math.min(COPIES_PER_TURN, Math.floor(MISS_COST_PER_TURN / cost));
    const bytes = Math.min(COPIED_BYTES_PER_TURN, SLOW_COPY_MILLISECONDS / this.#cost);
    this.#bytes = Math.max(SLOW_BYTES_PER_TURN, bytes);
    while (this.#held.length > 0 && this.#requests > 0 && this.#bytes > 0) {
      this.queue(this.#held.shift()!);
    }
    this.needsTurn = this.unsent > 0 || this.#held.length > 0;
  }

  /** Sends what is queued, and learns what the copies cost. */
  submit(): void {
    const start = now();
    this.#submission.submit();
    this.recordCost(start, this.unsent);
    this.unsent = 0;
  }

  /** Bytes were copied on this thread, from the time `start` until now. */
  recordCost(start: number, bytes: number): void {
    // The time of a few bytes is that of their requests.
    if (bytes < SLOW_BYTES_PER_TURN) return;
    const cost = (now() - start) / bytes;
    // A single slow copy may be another process that had the processor.
    this.#cost = Math.min(cost, this.#lastCost);
    this.#lastCost = cost;
  }

  /** A request came back, and its bytes had been missing or not. */
  recordMiss(missing: boolean): void {
    this.#missing += ((missing ? 1 : 0) - this.#missing) / READS_REMEMBERED;
  }
}
