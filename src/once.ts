/**
 * Work that is asked for often and done once.
 *
 * @module
 */

/** Schedules an action, unless it is scheduled already and has not begun. */
export class Once {
  readonly #schedule: (run: () => void) => void;
  readonly #action: () => void;
  /** Whether it is to run, and has not begun. */
  scheduled = false;

  /**
   * @param schedule Such as `queueMicrotask` or `setImmediate`
   * @param action What is scheduled
   */
  constructor(schedule: (run: () => void) => void, action: () => void) {
    this.#schedule = schedule;
    this.#action = action;
  }

  /** Has the action run once after this call. */
  ask(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    this.#schedule(this.#run);
  }

  readonly #run = (): void => {
    // Cleared first: the action may ask for the next run.
    this.scheduled = false;
    this.#action();
  };
}
