/**
 * The loops over a context's completions.
 *
 * @module
 */
import { type Batch, Batches } from "./batch.ts";
import type { Completion } from "./completion.ts";
import type { Core } from "./core.ts";
import type { EventLoop } from "./event_loop.ts";

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

/** What both kinds of loop share: when to wait, and when it is over. */
abstract class CompletionIterator<Item> implements AsyncIterableIterator<Item> {
  protected readonly core: Core;
  readonly #loop: EventLoop;
  readonly #guard: LoopGuard;

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
      return Promise.resolve({ value: this.take(), done: false });
    } catch (error) {
      this.#guard.leave(this);
      return Promise.reject(error);
    }
  }

  #later(): Promise<IteratorResult<Item>> {
    return new Promise((resolve, reject) => {
      const waiter = {
        resolve: () => {
          const { ready } = this.core;
          if (ready.length > 0) resolve({ value: this.take(), done: false });
          else if (ready.expected === 0) resolve(this.return());
          else this.#loop.waitFor(waiter);
        },
        reject: (reason: unknown) => {
          this.#guard.leave(this);
          reject(reason);
        },
      };
      this.#loop.waitFor(waiter);
    });
  }

  return(): Promise<IteratorResult<Item>> {
    this.release();
    this.#guard.leave(this);
    return Promise.resolve({ value: undefined, done: true });
  }
}

/** `for await (const completion of aio)`: each an object of its own. */
export class SingleIterator extends CompletionIterator<Completion<unknown>> {
  protected override take(): Completion<unknown> {
    return this.core.ready.shift();
  }

  protected override release(): void {
    this.core.reaper.handedOut();
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
