/**
 * How much a turn of the event loop has io_submit do itself.
 *
 * io_submit hands over what a device moves, and returns. What lies in memory it copies, at a
 * microsecond a request; and for what is not there, though told not to wait, it starts to read it,
 * at 25 to 40. Nothing tells before, but where some were missing lately, more will be.
 *
 * @module
 */
import { Fifo } from "../fifo.ts";
import type { Operation } from "./operation.ts";
import type { Submission } from "./submission.ts";

/** The most requests a turn. */
const REQUESTS = 64;
/** Bytes a turn, where they are copied as usual. The request that crosses it is copied whole. */
const BYTES = 1 << 18;
/** Where they are not: pages that a virtual machine has just got from its host take 10 µs each. */
const FEWEST_BYTES = 1 << 16;
/** What may be spent on them then. */
const MILLISECONDS = 0.2;
/** What a request takes that is not there, if one that is there takes 1. */
const COST_OF_MISSING = 30;
/** So much of a turn, in the same measure, may go to requests that are not there: 0.1 ms. */
const COST = 100;
/** So many requests are remembered, the older ones less and less. */
const MEMORY = 16;

/** The budget of one context. */
export class CopyBudget {
  readonly #submission: Submission;
  #requests = REQUESTS;
  #bytes = BYTES;
  /** Whether {@link CopyBudget.renew} is to be called in the next turn. */
  needsTurn = false;
  /** Operations beyond the budget of this turn. */
  readonly #held = new Fifo<Operation>();
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

  /** A new turn of the event loop: io_submit may block the thread again for a while. */
  renew(): void {
    const cost = 1 + this.#missing * COST_OF_MISSING;
    this.#requests = Math.min(REQUESTS, Math.floor(COST / cost));
    this.#bytes = Math.max(FEWEST_BYTES, Math.min(BYTES, MILLISECONDS / this.#cost));
    while (this.#held.length > 0 && this.#requests > 0 && this.#bytes > 0) {
      this.queue(this.#held.shift()!);
    }
    this.needsTurn = this.unsent > 0 || this.#held.length > 0;
  }

  /** Sends what is queued, and learns what the copies cost. */
  submit(): void {
    const bytes = this.unsent;
    // The time of a few bytes is that of their requests.
    if (bytes < FEWEST_BYTES) {
      this.#submission.submit();
    } else {
      const start = performance.now();
      this.#submission.submit();
      const cost = (performance.now() - start) / bytes;
      // A single slow copy may be another process that had the processor.
      this.#cost = Math.min(cost, this.#lastCost);
      this.#lastCost = cost;
    }
    this.unsent = 0;
  }

  /** A request came back, and its bytes had been missing or not. */
  recordMiss(missing: boolean): void {
    this.#missing += ((missing ? 1 : 0) - this.#missing) / MEMORY;
  }
}
