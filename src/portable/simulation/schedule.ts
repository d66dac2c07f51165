/**
 * Virtual time: a clock that jumps from one event to the next.
 *
 * A thread that waits makes the next event happen at once. Otherwise the event loop does, once the
 * program has had its turn to answer the last one. So a run is repeatable, however long the program
 * takes for its answers: there is never more than one completion to answer.
 *
 * @module
 */
import { Once } from "../../once.ts";
import { setImmediate, setTimeout } from "../../timers.ts";

/**
 * Turns of the event loop without any call, after which the program is taken to wait.
 *
 * A context is woken in the turn after a completion. It submits what that leads to in the same turn,
 * or in the next if it has used up the time that it allows itself. Two more turns are for programs
 * that let the loop turn themselves.
 */
const QUIET_TURNS = 4;

/**
 * Milliseconds of the real clock in which a context that was refused tries again: it sets a timer
 * of 1 ms for that, as no completion would wake it.
 */
const RETRY_MILLISECONDS = 3;

/** A call takes time as well, so a program that asks without waiting gets its completions, too. */
const CALL_MICROSECONDS = 1;

/** A request of the program, which arrives at the disk. */
interface Arrival {
  readonly rank: number;
  readonly arrive: () => void;
}

/** An event that is to come. */
export interface ScheduledEvent {
  /** In microseconds. */
  readonly time: number;
  readonly happen: () => void;
}

/** The events that are to come, and the clock. */
export class Schedule {
  /** Microseconds: whole numbers, so that sums are the same everywhere. */
  #now = 0;
  /** Soonest first; events of the same time in the order in which they were added. */
  readonly #events: ScheduledEvent[] = [];
  #arrivals: Arrival[] = [];
  #quiet = 0;
  readonly #turning = new Once(setImmediate, () => this.#turned());
  /** Timers of the program come before the next event. */
  #patient = false;
  #waiting = false;

  /** In milliseconds. */
  get now(): number {
    return this.#now / 1000;
  }

  /** Adds an event in so many microseconds. */
  after(microseconds: number, happen: () => void): ScheduledEvent {
    const time = this.#now + microseconds;
    const event = { time, happen };
    let place = this.#events.length;
    while (place > 0 && this.#events[place - 1]!.time > time) place--;
    this.#events.splice(place, 0, event);
    this.touch();
    return event;
  }

  /** Adds an event at a time in milliseconds. */
  at(time: number, happen: () => void): void {
    this.after(Math.max(0, microseconds(time) - this.#now), happen);
  }

  /**
   * Takes note of a request, until the program has made all that it makes now. Which of several
   * contexts submits first may depend on the real clock, so their ranks decide.
   *
   * @param rank Of the context
   * @param arrive What the request leads to
   */
  ask(rank: number, arrive: () => void): void {
    this.#arrivals.push({ rank, arrive });
    this.touch();
  }

  /** The program has made all requests that it makes now. */
  settle(): void {
    const arrivals = this.#arrivals;
    if (arrivals.length === 0) return;
    this.#arrivals = [];
    arrivals.sort((a, b) => a.rank - b.rank);
    for (const { arrive } of arrivals) arrive();
  }

  /** Removes an event. */
  remove(event: ScheduledEvent): void {
    const place = this.#events.indexOf(event);
    if (place >= 0) this.#events.splice(place, 1);
  }

  /** The program has made a call, so it has another turn. */
  touch(): void {
    this.#quiet = 0;
    this.#turn();
  }

  /**
   * Lets contexts that were refused try again before the next event. Their timers are set by the
   * time that the program is quiet, so a timer that is set then fires after them, however slow it
   * was.
   */
  hold(): void {
    this.#patient = true;
    this.touch();
  }

  /**
   * Makes the next event happen, for a thread that waits.
   *
   * @param until In milliseconds
   * @returns `false` if there is none until then
   */
  advance(until: number): boolean {
    this.settle();
    const limit = Math.max(microseconds(until), this.#now + CALL_MICROSECONDS);
    const next = this.#events[0];
    if (next !== undefined && next.time <= limit) {
      this.#quiet = 0;
      this.#step();
      return true;
    }
    if (limit > microseconds(until)) this.#now = limit;
    return false;
  }

  /** Moves the clock to `until`, in milliseconds; there is no event before. */
  sleep(until: number): void {
    this.#now = Math.max(this.#now, microseconds(until));
  }

  #step(): void {
    const next = this.#events.shift();
    if (next === undefined) return;
    this.#now = Math.max(this.#now, next.time);
    next.happen();
  }

  get #idle(): boolean {
    return this.#events.length === 0 && this.#arrivals.length === 0;
  }

  #turn(): void {
    if (!this.#waiting && !this.#idle) this.#turning.ask();
  }

  #turned(): void {
    if (this.#waiting || this.#idle) return;
    if (++this.#quiet >= QUIET_TURNS) {
      this.#quiet = 0;
      if (this.#patient) return this.#wait();
      this.settle();
      this.#step();
    }
    this.#turn();
  }

  #wait(): void {
    this.#patient = false;
    this.#waiting = true;
    setTimeout(() => {
      this.#waiting = false;
      this.touch();
    }, RETRY_MILLISECONDS);
  }
}

/** Never less than was asked for, or a thread that waits until then would never stop waiting. */
function microseconds(milliseconds: number): number {
  const rounded = Math.ceil(milliseconds * 1000);
  return rounded / 1000 < milliseconds ? rounded + 1 : rounded;
}
