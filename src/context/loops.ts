/**
 * The loops over a context's completions.
 *
 * @module
 */
import { Batch } from "./batch.ts";
import type { Completion } from "./completion.ts";
import type { Core } from "./core.ts";
import type { Pump } from "./pump.ts";

/** Admits one loop at a time: two would each see only a part. */
export class Turnstile {
  #loop: object | undefined;

  /**
   * Lets a loop pass, as often as it asks.
   *
   * @throws {Error} If another one is inside
   */
  enter(loop: object): void {
    if (this.#loop !== undefined && this.#loop !== loop) {
      throw new Error(
        "Cannot take completions: another loop over this context is under way; end it first, or make a context for each loop",
      );
    }
    this.#loop = loop;
  }

  /** The loop is over. */
  leave(loop: object): void {
    if (this.#loop === loop) this.#loop = undefined;
  }
}

/** What both kinds of loop share: when to wait, and when it is over. */
abstract class Loop<Item> implements AsyncIterableIterator<Item> {
  protected readonly core: Core;
  readonly #pump: Pump;
  readonly #turnstile: Turnstile;

  constructor(core: Core, pump: Pump, turnstile: Turnstile) {
    this.core = core;
    this.#pump = pump;
    this.#turnstile = turnstile;
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
      this.#turnstile.enter(this);
      this.release();
      const { core } = this;
      if (core.readyCount > 0) {
        // Sent with the next turn: while completions are there, the thread has enough to do
        if (core.queued > 0) this.#pump.ask();
      } else {
        if (core.outstanding === 0) return this.return();
        if (!this.#pump.poll() || core.readyCount === 0) return this.#later();
      }
      return Promise.resolve({ value: this.take(), done: false });
    } catch (error) {
      this.#turnstile.leave(this);
      return Promise.reject(error);
    }
  }

  async #later(): Promise<IteratorResult<Item>> {
    const { core } = this;
    try {
      while (core.readyCount === 0) {
        if (core.outstanding === 0) return this.return();
        await this.#pump.wait();
      }
    } catch (error) {
      this.#turnstile.leave(this);
      throw error;
    }
    return { value: this.take(), done: false };
  }

  return(): Promise<IteratorResult<Item>> {
    this.release();
    this.#turnstile.leave(this);
    return Promise.resolve({ value: undefined, done: true });
  }
}

/** `for await (const completion of aio)`: each an object of its own. */
export class CompletionLoop extends Loop<Completion<unknown>> {
  protected override take(): Completion<unknown> {
    return this.core.shift();
  }

  protected override release(): void {
    this.core.handedOut();
  }
}

/** `for await (const batch of aio.batches())`: all that is there, in objects used again. */
export class BatchLoop extends Loop<Batch> {
  #batch = new Batch(this.core);

  protected override take(): Batch {
    return this.#batch = this.core.exchange(this.#batch);
  }

  protected override release(): void {
    this.core.recycle(this.#batch);
  }
}
