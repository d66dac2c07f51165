/**
 * How much a turn of the event loop has io_submit do itself.
 *
 * It hands over what a device moves, and returns. What lies in memory it copies, at a microsecond
 * a request; and for what is not there, though told not to wait, it starts the reading of it, at 25
 * to 40. Nobody can tell before, but where some were missing lately, more will be.
 *
 * @module
 */

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
/** So much of a turn, in the same measure, may go to those that are not there: 0.1 ms. */
const COST = 100;
/** So many requests are remembered, the older ones less and less. */
const MEMORY = 16;

/** That of one context. */
export class Allowance {
  /** Left to this turn. */
  requests: number = REQUESTS;
  /** See {@link Allowance.requests}. */
  bytes: number = BYTES;
  /** Whether some of it is gone, so that the next turn has to {@link Allowance.renew} it. */
  used: boolean = false;
  /** How many of the last ones were missing, 0 to 1. */
  #missing = 0;
  /** Milliseconds a byte. */
  #cost = 0;
  #lastCost = 0;

  /** A new turn of the event loop. */
  renew(): void {
    const cost = 1 + this.#missing * COST_OF_MISSING;
    this.requests = Math.min(REQUESTS, Math.floor(COST / cost));
    this.bytes = Math.max(FEWEST_BYTES, Math.min(BYTES, MILLISECONDS / this.#cost));
    this.used = false;
  }

  /** A request leaves of which io_submit copies so much. */
  charge(bytes: number): void {
    this.requests--;
    this.bytes -= bytes;
    this.used = true;
  }

  /** One came back, and its bytes had been there or not. */
  learn(missing: boolean): void {
    this.#missing += ((missing ? 1 : 0) - this.#missing) / MEMORY;
  }

  /** To copy so much took so long. */
  took(bytes: number, milliseconds: number): void {
    // The time of a few bytes is that of their requests
    if (bytes < FEWEST_BYTES) return;
    const cost = milliseconds / bytes;
    // Once may be somebody else who had the processor
    this.#cost = Math.min(cost, this.#lastCost);
    this.#lastCost = cost;
  }
}
