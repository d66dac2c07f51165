/**
 * Waiting, in three stages: look at the ring; sleep in the kernel for at most `maxWait` of a turn
 * of the event loop; then give the thread back and be woken by the eventfd.
 *
 * A sleep in the kernel is what makes waiting cheap: spinning costs several times the CPU, and
 * a wake-up through the event loop costs tens of microseconds. It holds the thread, so it is short
 * and a turn has only one allowance of it: timers and sockets get their turn in between.
 *
 * @module
 */
import { clearTimeout, setImmediate, setTimeout } from "node:timers";
import type { Core } from "./core.ts";
import { idle } from "./engine.ts";
import { giveEngine } from "./engine_pool.ts";

/** Completions that follow one another in microtasks let the event loop turn after this long. */
const TURN_MILLISECONDS = 0.25;
/** Turns without a completion until the eventfd is waited for. */
const PATIENCE = 5;
/** How long until the next look where no eventfd can wake us, or the kernel lacks memory. */
const RETRY_MILLISECONDS = 1;

/** One who waits for a turn that brings something. */
interface Waiter {
  resolve(): void;
  reject(reason: unknown): void;
}

/**
 * Those whose eventfd the event loop watches. With one that it was armed for and that has come, a
 * runtime may hold the process alive until it is disarmed. Here, as not every runtime keeps what a
 * wake-up calls from the garbage collector.
 */
const watching = new Set<Pump>();

/**
 * Drives a {@link Core} from the event loop. Whoever uses a context holds its pump: the
 * `AioContext`, loops, files, and the event loop for as long as something is to come. A core leads
 * to its pump only through requests, so one that nobody uses can be found by the garbage collector.
 */
export class Pump {
  readonly #core: Core;
  /** In milliseconds, as `performance.now` counts. */
  readonly #maxWait: number;
  #turnStart = 0;
  #slept = 0;
  #fruitless = 0;
  #scheduled = false;
  #flushing = false;
  #armed = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** The engine is somebody else's: a turn that was scheduled before must not touch it. */
  #over = false;
  /** The loop has asked for more since the last turn. */
  #asked = false;
  #waiters: Waiter[] = [];

  /**
   * @param core What is driven
   * @param maxWait The allowance of a turn, in microseconds
   */
  constructor(core: Core, maxWait: number) {
    this.#core = core;
    // A kernel that works on this thread does so only while nobody sleeps
    this.#maxWait = core.kernel.inThread ? 0 : maxWait / 1000;
  }

  /**
   * Sends what is queued and takes completions, sleeping for them within the allowance.
   *
   * @returns Whether there were any; `false` also when it is time to let the event loop turn
   */
  poll(): boolean {
    const core = this.#core;
    if (this.#over || performance.now() - this.#turnStart > TURN_MILLISECONDS) return false;
    core.submit();
    const found = core.reap() > 0 || core.readyCount > 0 || this.#sleep() > 0;
    // Whatever the loop does next, also if it never asks again, the process is to stay alive
    // A short read that goes on is queued by its own completion, and nobody else asks for it
    const unsent = core.queued > 0 && core.sinks > 0;
    if (core.inFlight > 0 || core.needsTurn || unsent || this.#waiters.length > 0) this.schedule();
    else this.#relax();
    return found;
  }

  /** Resolves after a turn that brought something, or when nothing is left to wait for. */
  wait(): Promise<void> {
    const waiting = new Promise<void>((resolve, reject) => this.#waiters.push({ resolve, reject }));
    this.schedule();
    return waiting;
  }

  /** Has what is queued sent in the next turn at the latest. */
  ask(): void {
    this.#asked = true;
    this.schedule();
  }

  /** Has what is queued sent when the code that runs now is done: many requests, one io_submit. */
  flushSoon(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    queueMicrotask(this.#flush);
  }

  /** After a submit by hand: keeps the process alive while something is in flight. */
  schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#turnScheduled);
  }

  /** Waits until nothing is queued or in flight, and gives the engine back. */
  async close(): Promise<void> {
    const core = this.#core;
    core.closing = true;
    core.cancelPolls();
    while (!core.idle) await this.#drained();
    this.#disarm();
    core.drop();
    this.#over = true;
    giveEngine(core.engine);
  }

  /** Resolves when something completed, or an operation of a file is over. */
  #drained(): Promise<void> {
    const core = this.#core;
    if (core.inFlight > 0 || core.queued > 0) return this.wait();
    return new Promise((resolve) => core.operationOver = resolve);
  }

  readonly #flush = (): void => {
    this.#flushing = false;
    if (this.#over) return;
    const core = this.#core;
    core.submit();
    // What is cached is there already; but continuations must not keep the event loop for ever
    if (performance.now() - this.#turnStart <= TURN_MILLISECONDS) core.reap();
    // What was taken may be what a loop waits for: the turn tells it
    const more = core.inFlight > 0 || core.queued > 0 || core.needsTurn;
    if (more || this.#waiters.length > 0) this.schedule();
    else this.#relax();
  };

  readonly #turnScheduled = (): void => {
    this.#scheduled = false;
    this.#turn();
  };

  readonly #woken = (): void => {
    this.#armed = false;
    this.#turn();
  };

  #turn(): void {
    if (this.#over) return;
    try {
      this.#takeTurn();
    } catch (error) {
      // What the kernel refuses concerns those who wait; with nobody there it must not be lost
      const waiters = this.#waiters;
      if (waiters.length === 0) throw error;
      this.#waiters = [];
      for (const { reject } of waiters) reject(error);
    }
  }

  #takeTurn(): void {
    const core = this.#core;
    this.#turnStart = performance.now();
    this.#slept = 0;
    core.turn();
    const wanted = this.#wanted();
    if (wanted || this.#asked) core.submit();
    // What was sent once goes on being sent as slots become free
    this.#asked &&= core.queued > 0;
    let found = core.reap();
    if (found === 0 && wanted) found = this.#sleep();
    this.#fruitless = found > 0 ? 0 : this.#fruitless + 1;
    this.#notify(found > 0);
    this.#goOn(found > 0, wanted);
  }

  /** Someone waits for completions: a loop, or the promise of a file. */
  #wanted(): boolean {
    return this.#waiters.length > 0 || this.#core.sinks > 0;
  }

  /** Stage two. */
  #sleep(): number {
    const core = this.#core;
    if (core.inFlight === 0 || this.#slept >= this.#maxWait) return 0;
    const before = performance.now();
    const found = core.sleep((this.#maxWait - this.#slept) * 1000);
    this.#slept = found > 0 ? this.#slept + performance.now() - before : this.#maxWait;
    return found;
  }

  #notify(found: boolean): void {
    const core = this.#core;
    const news = found || core.outstanding === 0 || core.readyCount > 0;
    if (this.#waiters.length === 0 || !news) return;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const { resolve } of waiters) resolve();
  }

  #goOn(found: boolean, wanted: boolean): void {
    const core = this.#core;
    if (core.needsTurn) this.schedule();
    else if (core.inFlight === 0) {
      this.#relax();
      // The kernel refuses for want of memory, and no completion will tell when it has some
      if (core.queued > 0 && (wanted || this.#asked)) {
        // What follows from a completion is sent at once, what the kernel refused a little later
        if (found) this.schedule();
        else this.#retryLater();
      }
    } else if (found || (wanted && this.#fruitless < PATIENCE && this.#maxWait > 0)) {
      this.schedule();
    } else this.#arm();
  }

  /** Stage three. */
  #arm(): void {
    const { wakeup } = this.#core.engine;
    if (wakeup === undefined) return this.#retryLater();
    if (this.#armed) return;
    // The eventfd counts completions that were taken long ago, too
    wakeup.drain();
    // One that came before the drain would wake nobody
    if (this.#core.reap() > 0) {
      this.#notify(true);
      this.schedule();
      return;
    }
    this.#armed = true;
    watching.add(this);
    this.#core.engine.woken = this.#woken;
    wakeup.arm();
  }

  #retryLater(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#turn();
    }, RETRY_MILLISECONDS);
  }

  /** Lets the process end when nothing is in flight. */
  #relax(): void {
    if (this.#core.inFlight === 0) this.#disarm();
  }

  #disarm(): void {
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!watching.delete(this)) return;
    this.#armed = false;
    const { engine } = this.#core;
    engine.woken = idle;
    engine.wakeup?.disarm();
  }
}
