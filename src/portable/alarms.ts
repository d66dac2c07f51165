/**
 * Actions at a time.
 *
 * @module
 */
import { now, setTimeout } from "../timers.ts";

/** The event loop has no longer timers. */
const LONGEST_TIMER = 2 ** 31 - 1;

interface Alarm {
  readonly time: number;
  readonly action: () => void;
}

/** By the clock of the real machine, from the event loop or by a thread that waits. */
export class Alarms {
  /** By time. */
  readonly #alarms: Alarm[] = [];

  /** When the next alarm is due; Infinity for none. */
  get next(): number {
    return this.#alarms[0]?.time ?? Infinity;
  }

  /** Sets an alarm. */
  add(time: number, action: () => void): void {
    this.#alarms.push({ time, action });
    this.#alarms.sort((a, b) => a.time - b.time);
    if (time < Infinity) this.#setTimer(time);
  }

  /**
   * Does what is due.
   *
   * @returns Whether anything was
   */
  ring(): boolean {
    if (this.next > now()) return false;
    while (this.next <= now()) this.#alarms.shift()!.action();
    return true;
  }

  /** Each alarm has a timer, which finds nothing to do if a thread that waits has rung it. */
  #setTimer(time: number): void {
    setTimeout(() => {
      this.ring();
      if (time > now()) this.#setTimer(time);
    }, Math.min(LONGEST_TIMER, Math.max(0, time - now())));
  }
}
