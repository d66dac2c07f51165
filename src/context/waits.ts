/**
 * How long completions let wait, which tells whether to sleep for the next one.
 *
 * @module
 */
import { PATIENCE_MILLISECONDS, WAITS_REMEMBERED } from "../tuning.ts";

/** The waits of one event loop. */
export class Waits {
  /** The time in milliseconds. */
  readonly #now: () => number;
  /** When the wait under way began; `undefined` if there is none. */
  #since: number | undefined = undefined;
  /** How long waits took of late. */
  #usual = 0;

  /** @param now Gives the time in milliseconds */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** There is nothing yet, and something waits. */
  begin(): void {
    this.#since ??= this.#now();
  }

  /** Something completed. */
  end(): void {
    if (this.#since === undefined) return;
    // One that took for ever counts no more than that.
    const wait = Math.min(this.#now() - this.#since, 2 * PATIENCE_MILLISECONDS);
    this.#usual += (wait - this.#usual) / WAITS_REMEMBERED;
    this.#since = undefined;
  }

  /** Nothing waits any more, though nothing completed. */
  forget(): void {
    this.#since = undefined;
  }

  /** Whether the wait under way may be over soon. */
  get isShort(): boolean {
    if (this.#since === undefined || this.#usual > PATIENCE_MILLISECONDS) return false;
    return this.#now() - this.#since <= PATIENCE_MILLISECONDS;
  }
}
