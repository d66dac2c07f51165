/**
 * How long io_submit may hold the thread with what it does itself.
 *
 * It hands over what a device moves, and returns. What lies in memory it copies, and for what is
 * not there, though told not to wait, it starts the reading of it: 1 µs a request or 30, and nobody
 * can tell before. So such requests are sent in portions, as large as the last ones allow, until
 * the time of this turn of the event loop is used up.
 *
 * @module
 */

/** Milliseconds a turn. The program's own work on what was read takes longer. */
const TURN_MILLISECONDS = 0.1;
/** What is in memory may be followed by what is not: no portion has more requests. */
const LARGEST_PORTION = 32;
/** Nor more bytes, but for a request that begins within them. */
export const LARGEST_PORTION_BYTES: number = 1 << 19;

/** The time of one context. */
export class Allowance {
  #left = TURN_MILLISECONDS;
  /** Milliseconds that a request takes. */
  #cost = TURN_MILLISECONDS / LARGEST_PORTION;

  /** A new turn of the event loop. */
  renew(): void {
    this.#left = TURN_MILLISECONDS;
  }

  /** Whether the rest has to wait for the next turn. */
  get spent(): boolean {
    return this.#left <= 0;
  }

  /** How many requests may be sent at once. */
  get portion(): number {
    return Math.max(1, Math.min(LARGEST_PORTION, Math.floor(TURN_MILLISECONDS / this.#cost)));
  }

  /** `count` requests took so long. */
  charge(count: number, milliseconds: number): void {
    this.#left -= milliseconds;
    const cost = milliseconds / count;
    // Slower is believed at once, faster bit by bit
    this.#cost = Math.max(cost, (this.#cost + cost) / 2);
  }
}
