/**
 * The loops over a context's completions.
 *
 * @module
 */
import { type Batch, Batches } from "./batch.ts";
import type { Completion } from "./completion.ts";
import type { Core } from "./core.ts";
import type { EventLoop, Waiter } from "./event_loop.ts";
import { StepResult } from "./step_result.ts";

/** Admits one loop at a time: two would each see only a part. */
export class LoopGuard {
  #loop: object | undefined = undefined;

  /**
   * Admits a loop, as often as it asks.
   *
   * @throws {Error} If another loop is under way
   */
  enter(loop: object): void {
    if (this.#loop !== undefined && this.#loop !== loop) {
      throw new Error(
        "Cannot take completions: another loop over this context is under way; end it first, or make a context for each loop",
      );
    }
    this.#loop = loop;
  }

  /** Whether a loop is under way. */
  get isTaken(): boolean {
    return this.#loop !== undefined;
  }

  /** The loop is over. */
  leave(loop: object): void {
    if (this.#loop === loop) this.#loop = undefined;
  }
}

/** A step of a loop that waits for a completion. */
interface Step<Item> extends Waiter {
  settle(result: IteratorResult<Item> | Promise<IteratorResult<Item>>): void;
}

/** What both kinds of loop share: when to wait, and when it is over. */
abstract class CompletionIterator<Item> implements AsyncIterableIterator<Item> {
  protected readonly core: Core;
  readonly #loop: EventLoop;
  readonly #guard: LoopGuard;
  /** Steps that wait, oldest first: most often none or one. */
  readonly #waiting: Step<Item>[] = [];
  readonly #result = new StepResult<Item>();

  constructor(core: Core, loop: EventLoop, guard: LoopGuard) {
    this.core = core;
    this.#loop = loop;
    this.#guard = guard;
  }

  /** Takes what is ready; something is. */
  protected abstract take(): Item;

  /** Called before completions are asked for. */
  protected release(): void {}

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Item>> {
    try {
      this.#guard.enter(this);
      this.release();
      const { ready, submission } = this.core;
      if (ready.length > 0) {
        // Sent in the next turn: while completions are available, the thread has enough to do.
        if (submission.queued > 0) this.#loop.ask();
      } else {
        if (ready.expected === 0) return this.return();
        if (!this.#loop.poll() || ready.length === 0) return this.#later();
      }
      return this.#result.of(this.take());
    } catch (error) {
      this.#guard.leave(this);
      return Promise.reject(error);
    }
  }

  #later(): Promise<IteratorResult<Item>> {
    this.#result.forget();
    return new Promise((settle, fail) => {
      const step: Step<Item> = {
        settle,
        resolve: () => {
          // A step that was called before in the same turn may have ended this one.
          if (!this.#waiting.includes(step)) return;
          const { ready } = this.core;
          if (ready.length === 0 && ready.expected > 0) return this.#loop.waitFor(step);
          this.#forget(step);
          settle(ready.length > 0 ? { value: this.take(), done: false } : this.return());
        },
        reject: (reason) => {
          this.#forget(step);
          this.#guard.leave(this);
          fail(reason);
        },
      };
      this.#waiting.push(step);
      this.#loop.waitFor(step);
    });
  }

  #forget(step: Step<Item>): void {
    const index = this.#waiting.indexOf(step);
    if (index >= 0) this.#waiting.splice(index, 1);
  }

  /** Ends steps that wait, too: a completion that one of them took would be missing in the next loop. */
  return(): Promise<IteratorResult<Item>> {
    const end: IteratorResult<Item> = { value: undefined, done: true };
    for (const step of this.#waiting.splice(0)) {
      this.#loop.stopWaiting(step);
      step.settle(end);
    }
    this.#result.forget();
    this.release();
    this.core.submission.expectAnswers(0);
    this.#guard.leave(this);
    return Promise.resolve(end);
  }
}

/** `for await (const completion of aio)`: each an object of its own. */
export class SingleIterator extends CompletionIterator<Completion<unknown>> {
  protected override take(): Completion<unknown> {
    const { ready, submission } = this.core;
    submission.expectAnswers(1, ready.length - 1);
    return ready.shift();
  }

  protected override release(): void {
    this.core.ready.release();
  }
}

/** `for await (const batch of aio.batches())`: all that is available, in objects used again. */
export class BatchIterator extends CompletionIterator<Batch> {
  readonly #batches = new Batches(this.core);

  protected override take(): Batch {
    return this.#batches.take();
  }

  protected override release(): void {
    this.#batches.release();
  }
}
