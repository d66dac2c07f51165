/**
 * Waiting for completions, in three stages:
 *
 * | stage | where | while | what happens | leads to |
 * | --- | --- | --- | --- | --- |
 * | look | `poll`, `#flushNow`, `#takeTurn` | code of this turn asks, at most {@link TURN_MILLISECONDS} | submit, reap the ring | sleep, if nothing is there, something waits and `maxWait` is not 0; else idle |
 * | sleep | `#sleep` | at most `maxWait` of a turn: {@link DEFAULT_MAX_WAIT}, or 0 where `Wakeup.prompt` is set, as in Node and on the portable kernel | the thread blocks in io_getevents | look, in the next turn; idle when {@link PATIENCE_MILLISECONDS} are over, or usually are |
 * | idle | `#arm` | as long as it takes | the eventfd is armed: the event loop does other work, or sleeps | look, when the eventfd is readable |
 *
 * A sleep in the kernel is what makes a short wait cheap: spinning costs several times the CPU, and
 * a wake-up through the event loop costs tens of microseconds. It blocks the thread, so it is short
 * and a turn has only one allowance of it: timers and sockets get their turn in between. Of a long
 * wait a wake-up is a small part, and many short sleeps cost more than it.
 *
 * @module
 */
import { AioError } from "../errors/aio_error.ts";
import { Once } from "../once.ts";
import { clearTimeout, now, queueMicrotask, setImmediate, setTimeout } from "../timers.ts";
import {
  DEFAULT_MAX_WAIT,
  RETRY_MILLISECONDS,
  TURN_MILLISECONDS,
  TURNS_BEFORE_TIMER,
} from "../tuning.ts";
import { CopyBudget } from "./copy_budget.ts";
import type { Core } from "./core.ts";
import { ignore } from "./kernel_context.ts";
import { giveKernelContext } from "./kernel_context_pool.ts";
import { Waits } from "./waits.ts";

/** Code that waits for a turn that brings something, or for when nothing is left to wait for. */
export interface Waiter {
  /** Called in that turn. */
  resolve(): void;
  /** Called with what the kernel refuses. */
  reject(reason: unknown): void;
}

/**
 * Objects that are used again by any file of a context. The garbage collector then has less to
 * collect and, as they are old soon, few old objects that lead to new ones, however many files are
 * open. And as some always are alive, V8 keeps what it has optimized for them: a full collection that
 * finds no object of a class makes it throw that away.
 *
 * Writes of 100 bytes one at a time, in runs of 300 with a file each between which everything was
 * collected, took 1.20 times as long as FileHandle's in Node, and 1.03 with this.
 */
export interface IdleTransfers {
  readonly reads: unknown[];
  readonly readAts: unknown[];
  readonly writes: unknown[];
}

/**
 * The contexts whose eventfd is watched. With one that it was armed for and that has come, a
 * runtime may keep the process alive until it is disarmed. Referenced here, as not every runtime
 * keeps what a wake-up calls from the garbage collector.
 */
const watching = new Set<EventLoop>();

/**
 * Drives a {@link Core} from the event loop. Whoever uses a context references its event loop: the
 * `AioContext`, loops, files, and the runtime for as long as something is to come. A core leads to
 * it only through operations, so a context that nothing uses can be found by the garbage collector.
 */
export class EventLoop {
  /** Of the copies that io_submit makes. */
  readonly budget: CopyBudget;
  /** Reads and writes of files that are over, to be used again. */
  readonly idle: IdleTransfers = { reads: [], readAts: [], writes: [] };
  /** Whether {@link EventLoop.send} has scheduled a flush that has not begun. */
  #sending = false;
  readonly #turn: Once;
  readonly #core: Core;
  /** In milliseconds, as `performance.now` counts. */
  #maxWait: number;
  #turnStart = 0;
  #slept = 0;
  /** Turns without a completion, one after the other. */
  #fruitless = 0;
  readonly #waits = new Waits(now);
  #armed = false;
  #timer: ReturnType<typeof setTimeout> | undefined = undefined;
  /** The kernel context was given back: a turn that was scheduled before must not touch it. */
  #over = false;
  /** The user has asked for more since the last turn. */
  #asked = false;
  #waiters: Waiter[] = [];

  /**
   * @param core What is driven
   * @param maxWait How long a turn may sleep in the kernel, in microseconds; by default 0 where
   * nothing is gained by it
   */
  constructor(core: Core, maxWait?: number) {
    this.#core = core;
    this.budget = new CopyBudget(core.submission);
    const prompt = core.context.wakeup?.prompt ?? false;
    this.#maxWait = (maxWait ?? (prompt ? 0 : DEFAULT_MAX_WAIT)) / 1000;
    this.#turn = new Once(setImmediate, this.#takeTurn);
  }

  /**
   * Sends what is queued and takes completions, sleeping for them within the allowance.
   *
   * @returns Whether there were any; `false` also when it is time to let the event loop turn
   */
  poll(): boolean {
    if (this.#over || now() - this.#turnStart > TURN_MILLISECONDS) return false;
    const { submission, reaper, ready } = this.#core;
    (this.budget.unsent > 0 ? this.budget : submission).submit();
    const found = reaper.reap() > 0 || ready.length > 0 || this.#sleep() > 0;
    if (found) this.#waits.end();
    // Whatever the loop does next, also if it never asks again, the process is to stay alive. And a
    // short read that goes on is queued by its own completion, which nothing else asks for.
    const { inFlight, queued } = submission;
    const unsent = queued > 0 && ready.filesWait;
    const more = inFlight > 0 || this.budget.needsTurn || unsent;
    if (more || this.#waiters.length > 0) this.#turn.ask();
    else this.#relax();
    return found;
  }

  /**
   * Has what is queued, if anything is, sent when the current JavaScript has finished: many requests,
   * one io_submit.
   */
  send(): void {
    if (this.#sending || (this.#core.submission.queued === 0 && !this.budget.needsTurn)) return;
    this.#sending = true;
    queueMicrotask(this.#flushNow);
  }

  /** Whether code waits for a completion. */
  get isAwaited(): boolean {
    return this.#waiters.length > 0;
  }

  /** Has a waiter called once. */
  waitFor(waiter: Waiter): void {
    this.#waiters.push(waiter);
    this.#turn.ask();
  }

  /** Takes {@link EventLoop.waitFor} back. */
  stopWaiting(waiter: Waiter): void {
    this.#waiters = this.#waiters.filter((other) => other !== waiter);
  }

  /** Has what is queued sent in the next turn at the latest. */
  ask(): void {
    this.#asked = true;
    this.#turn.ask();
  }

  /** Has a turn follow: it wakes a loop that waits, and keeps the process alive until then. */
  schedule(): void {
    this.#turn.ask();
  }

  /**
   * Waits until nothing is queued or in flight, and gives the kernel context back. What a power
   * failure has ended is not waited for.
   *
   * @throws {AioError} If the kernel refuses a call without which it cannot be waited for
   */
  async close(): Promise<void> {
    const core = this.#core;
    const { submission } = core;
    submission.closing = true;
    submission.endPolls();
    if (core.files.isOver) {
      this.#disarm();
      this.#over = true;
      return;
    }
    let refused = 0;
    while (!core.idle || submission.lost > 0) {
      try {
        if (!submission.isStuck) await this.#drained();
        else if (core.reaper.reap() === 0) refused = this.#destroy();
      } catch (error) {
        if (!this.#avoidGetevents()) throw error;
      }
    }
    this.#disarm();
    this.#over = true;
    // No turn follows in which a loop that waits would take the last completions.
    this.#notify(true);
    if (!submission.destroyed) giveKernelContext(core.context);
    else if (refused < 0) {
      throw new AioError(refused, "io_destroy", {
        message: "polls are left to the kernel, which lets nothing cancel them",
        hint:
          "a seccomp filter or sandbox refuses io_cancel and io_destroy since the context was made",
      });
    }
  }

  /** Resolves when something completed, or an operation of a file is over. */
  #drained(): Promise<void> {
    const core = this.#core;
    const inKernel = core.submission.inFlight > 0 || core.submission.queued > 0;
    return new Promise((resolve, reject) => {
      if (inKernel) this.waitFor({ resolve, reject });
      else core.operationOver = resolve;
    });
  }

  /**
   * Ends the kernel context itself, which io_cancel was refused for: io_destroy cancels polls, too.
   *
   * @returns What it answered
   */
  #destroy(): number {
    this.#disarm();
    this.#over = true;
    const errno = this.#core.context.destroy();
    this.#core.submission.abandonAll();
    return errno;
  }

  readonly #flushNow = (): void => {
    this.#sending = false;
    if (this.#over) return;
    const { submission, reaper } = this.#core;
    const copies = this.budget.unsent > 0;
    (copies ? this.budget : submission).submit();
    // What io_submit copied has completed. But continuations must not starve the event loop. Where
    // no turn is scheduled, it has most often turned since the last one; after copies one is
    // scheduled, so this adds to the time of a turn at most once.
    const fresh = copies && !this.#turn.scheduled;
    if (fresh) this.#turnStart = now();
    if (fresh || now() - this.#turnStart <= TURN_MILLISECONDS) {
      try {
        if (reaper.reap() > 0) this.#waits.end();
      } catch {
        // Nobody called this, so the turn that follows meets the error again and knows who waits.
        this.#turn.ask();
      }
    }
    // What was taken may be what a loop waits for: the turn wakes it.
    const more = submission.inFlight > 0 || submission.queued > 0 || this.budget.needsTurn;
    if (more || this.#waiters.length > 0) this.#turn.ask();
    else this.#relax();
  };

  readonly #takeTurn = (): void => {
    if (this.#over) return;
    const { submission, reaper, ready } = this.#core;
    this.#turnStart = now();
    this.#slept = 0;
    try {
      if (this.budget.needsTurn) this.budget.renew();
      const wanted = this.#waiters.length > 0 || ready.filesWait;
      // Also where the copies were cancelled meanwhile, so that they no longer count as unsent.
      if (this.budget.unsent > 0) this.budget.submit();
      else if (submission.queued > 0 && (wanted || this.#asked)) submission.submit();
      // What was sent once goes on being sent as slots become free.
      this.#asked &&= submission.queued > 0;
      let found = reaper.reap();
      if (found === 0 && wanted) found = this.#sleep();
      if (found > 0) this.#waits.end();
      else if (!wanted) this.#waits.forget();
      this.#fruitless = found > 0 ? 0 : this.#fruitless + 1;
      if (this.#waiters.length > 0) this.#notify(found > 0);
      this.#goOn(found > 0, wanted);
    } catch (error) {
      // What the kernel refuses concerns the code that waits; without any it must not be lost.
      const waiters = this.#waiters;
      this.#waiters = [];
      for (const { reject } of waiters) reject(error);
      // The promises of files do not wait for turns, but for completions.
      if (waiters.length > 0 && !ready.filesWait) return;
      if (error instanceof AioError && this.#avoidGetevents()) this.#turn.ask();
      else if (waiters.length === 0) throw error;
    }
  };

  /** The second stage. */
  #sleep(): number {
    const { submission, reaper } = this.#core;
    if (submission.inFlight === 0 || this.#slept >= this.#maxWait) return 0;
    this.#waits.begin();
    if (!this.#waits.isShort) return 0;
    const before = now();
    const found = reaper.sleep((this.#maxWait - this.#slept) * 1000);
    this.#slept = found > 0 ? this.#slept + now() - before : this.#maxWait;
    return found;
  }

  /**
   * Does without io_getevents from now on, where it is refused: completions are in the ring, and
   * the eventfd wakes the event loop.
   *
   * @returns `false` if this changes nothing
   */
  #avoidGetevents(): boolean {
    const sleeps = this.#maxWait > 0;
    this.#maxWait = 0;
    return this.#core.reaper.useRing() || sleeps;
  }

  #notify(found: boolean): void {
    const { ready } = this.#core;
    if (!found && ready.expected > 0 && ready.length === 0) return;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const { resolve } of waiters) resolve();
  }

  /** What the next turn is to be, if there is to be one. */
  #goOn(found: boolean, wanted: boolean): void {
    const { submission } = this.#core;
    if (this.budget.needsTurn) this.#turn.ask();
    else if (submission.inFlight === 0) {
      if (this.#timer !== undefined || watching.has(this)) this.#disarm();
      if (submission.queued > 0 && (wanted || this.#asked)) {
        // What follows from a completion is sent at once. What the kernel refused for want of
        // memory is sent a little later, as no completion will say when it has some.
        if (found) this.#turn.ask();
        else this.#retryLater();
      }
    } else if (found || (wanted && this.#maxWait > 0 && this.#waits.isShort)) {
      this.#turn.ask();
    } else this.#arm();
  }

  /** The third stage. */
  #arm(): void {
    const { wakeup } = this.#core.context;
    if (wakeup === undefined) return this.#retryLater();
    // Of these the eventfd says nothing. They were sent when all before them had completed at once.
    if (this.#core.submission.hasSilent()) {
      if (this.#fruitless < TURNS_BEFORE_TIMER) return this.#turn.ask();
      this.#retryLater();
    }
    if (this.#armed) return;
    // The eventfd counts completions that were taken long ago, too.
    wakeup.drain();
    // A completion that came before the drain would wake nothing.
    if (this.#core.reaper.reap() > 0) {
      this.#notify(true);
      this.#turn.ask();
      return;
    }
    this.#armed = true;
    watching.add(this);
    this.#core.context.woken = this.#woken;
    try {
      wakeup.arm();
    } catch {
      // One runtime makes a descriptor for the watch, and none is left: completions are looked for.
      this.#armed = false;
      this.#retryLater();
    }
  }

  readonly #woken = (): void => {
    this.#armed = false;
    this.#takeTurn();
  };

  #retryLater(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#takeTurn();
    }, RETRY_MILLISECONDS);
  }

  /** Lets the process end when nothing is in flight. */
  #relax(): void {
    const disarmed = this.#timer === undefined && !watching.has(this);
    if (!disarmed && this.#core.submission.inFlight === 0) this.#disarm();
  }

  #disarm(): void {
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!watching.delete(this)) return;
    this.#armed = false;
    const { context } = this.#core;
    context.woken = ignore;
    context.wakeup?.disarm();
  }
}
