/**
 * Virtual time: a clock that jumps from one thing that happens to the next.
 *
 * A thread that waits has the next thing happen at once. Otherwise the event loop has it, and only
 * when the program had its turn to answer the last: that is what makes a run repeatable, however
 * long the program takes for its answers. There is never more than one completion to answer.
 *
 * @module
 */
import { setImmediate, setTimeout } from "node:timers";

/**
 * Turns of the event loop without any call, after which the program has nothing more to say.
 *
 * A context is woken in the turn after a completion, and sends what that leads to in the same turn,
 * or in the next where it has used up the time that it allows itself. Two more are for programs
 * that let the loop turn themselves.
 */
const QUIET_TURNS = 4;

/**
 * Milliseconds of the real clock in which a context that was refused tries again: it has a timer
 * of 1 ms for that, as nothing would tell it. See {@link Pump}.
 */
const RETRY_MILLISECONDS = 3;

/** A call takes time as well: who asks without waiting gets to the next completion some day. */
const CALL_MICROSECONDS = 1;

/** Something that will happen. */
export interface Coming {
  /** In microseconds. */
  readonly time: number;
  readonly happen: () => void;
}

/** What will happen, and the clock. */
export class Schedule {
  /** Microseconds: whole numbers, so that sums are the same everywhere. */
  #now = 0;
  /** Soonest first; those of the same time in the order in which they were added. */
  readonly #coming: Coming[] = [];
  #quiet = 0;
  #turning = false;
  #holds = 0;

  /** In milliseconds. */
  get now(): number {
    return this.#now / 1000;
  }

  /** Has something happen after so many microseconds. */
  after(microseconds: number, happen: () => void): Coming {
    const time = this.#now + microseconds;
    const coming = { time, happen };
    let place = this.#coming.length;
    while (place > 0 && this.#coming[place - 1]!.time > time) place--;
    this.#coming.splice(place, 0, coming);
    this.touch();
    return coming;
  }

  /** Has something happen at a time in milliseconds. */
  at(time: number, happen: () => void): void {
    this.after(Math.max(0, microseconds(time) - this.#now), happen);
  }

  /** Has something not happen after all. */
  remove(coming: Coming): void {
    const place = this.#coming.indexOf(coming);
    if (place >= 0) this.#coming.splice(place, 1);
  }

  /** The program does something: it is to have its turn again. */
  touch(): void {
    this.#quiet = 0;
    this.#turn();
  }

  /** Holds the event loop back until those who were refused have tried again. */
  hold(): void {
    this.#holds++;
    setTimeout(() => {
      this.#holds--;
      this.touch();
    }, RETRY_MILLISECONDS);
  }

  /**
   * Has the next thing happen, for a thread that waits.
   *
   * @param until In milliseconds
   * @returns `false`: nothing happens until then
   */
  advance(until: number): boolean {
    const limit = Math.max(microseconds(until), this.#now + CALL_MICROSECONDS);
    const next = this.#coming[0];
    if (next !== undefined && next.time <= limit) {
      this.#quiet = 0;
      this.#step();
      return true;
    }
    if (limit > microseconds(until)) this.#now = limit;
    return false;
  }

  /** Moves the clock; there is nothing before `until`, in milliseconds. */
  sleep(until: number): void {
    this.#now = Math.max(this.#now, microseconds(until));
  }

  #step(): void {
    const next = this.#coming.shift()!;
    this.#now = Math.max(this.#now, next.time);
    next.happen();
  }

  #turn(): void {
    if (this.#turning || this.#holds > 0 || this.#coming.length === 0) return;
    this.#turning = true;
    setImmediate(this.#turned);
  }

  readonly #turned = (): void => {
    this.#turning = false;
    if (this.#holds > 0 || this.#coming.length === 0) return;
    if (++this.#quiet >= QUIET_TURNS) {
      this.#quiet = 0;
      this.#step();
    }
    this.#turn();
  };
}

/** Never less than was asked for, or who waits until then would wait again and again. */
function microseconds(milliseconds: number): number {
  const rounded = Math.ceil(milliseconds * 1000);
  return rounded / 1000 < milliseconds ? rounded + 1 : rounded;
}
