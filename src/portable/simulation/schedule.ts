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

/** Something that the program asked for. */
interface Arrival {
  readonly rank: number;
  readonly arrive: () => void;
}

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
  #arrivals: Arrival[] = [];
  #quiet = 0;
  #turning = false;
  /** The next thing is to wait for timers of the program. */
  #patient = false;
  #waiting = false;

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

  /**
   * Takes note of what the program asks for, until it has asked for all that it wants now. Which of
   * several contexts sends first may depend on the real clock, so that their ranks decide.
   *
   * @param rank Of the context
   * @param arrive What follows from it
   */
  ask(rank: number, arrive: () => void): void {
    this.#arrivals.push({ rank, arrive });
    this.touch();
  }

  /** The program has asked for all that it wants now. */
  settle(): void {
    const arrivals = this.#arrivals;
    if (arrivals.length === 0) return;
    this.#arrivals = [];
    arrivals.sort((a, b) => a.rank - b.rank);
    for (const { arrive } of arrivals) arrive();
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

  /**
   * Lets contexts that were refused try again before the next thing happens. Their timers are set
   * when the program is quiet, so one that is set then comes after them, however slow it was.
   */
  hold(): void {
    this.#patient = true;
    this.touch();
  }

  /**
   * Has the next thing happen, for a thread that waits.
   *
   * @param until In milliseconds
   * @returns `false`: nothing happens until then
   */
  advance(until: number): boolean {
    this.settle();
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
    const next = this.#coming.shift();
    if (next === undefined) return;
    this.#now = Math.max(this.#now, next.time);
    next.happen();
  }

  get #idle(): boolean {
    return this.#coming.length === 0 && this.#arrivals.length === 0;
  }

  #turn(): void {
    if (this.#turning || this.#waiting || this.#idle) return;
    this.#turning = true;
    setImmediate(this.#turned);
  }

  readonly #turned = (): void => {
    this.#turning = false;
    if (this.#waiting || this.#idle) return;
    if (++this.#quiet >= QUIET_TURNS) {
      this.#quiet = 0;
      if (this.#patient) return this.#wait();
      this.settle();
      this.#step();
    }
    this.#turn();
  };

  #wait(): void {
    this.#patient = false;
    this.#waiting = true;
    setTimeout(() => {
      this.#waiting = false;
      this.touch();
    }, RETRY_MILLISECONDS);
  }
}

/** Never less than was asked for, or who waits until then would wait again and again. */
function microseconds(milliseconds: number): number {
  const rounded = Math.ceil(milliseconds * 1000);
  return rounded / 1000 < milliseconds ? rounded + 1 : rounded;
}
