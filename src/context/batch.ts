/**
 * Completions that are handed out together.
 *
 * @module
 */
import type { ContextOperation } from "./completion.ts";

/** Where completions are counted that a loop has dealt with. */
interface Owner {
  readonly reaper: { handedOut(): void };
}

/** An array that tells how far a loop over it has come. */
export class Batch extends Array<ContextOperation<unknown>> {
  /** `map`, `filter` and their kin make plain arrays. */
  static override get [Symbol.species](): ArrayConstructor {
    return Array;
  }

  readonly #owner: Owner;

  constructor(owner: Owner) {
    super();
    this.#owner = owner;
  }

  override [Symbol.iterator](): ArrayIterator<ContextOperation<unknown>> {
    return new BatchIterator(this, this.#owner) as unknown as ArrayIterator<
      ContextOperation<unknown>
    >;
  }
}

class BatchIterator implements Iterator<ContextOperation<unknown>> {
  readonly #batch: Batch;
  readonly #owner: Owner;
  #index = 0;

  constructor(batch: Batch, owner: Owner) {
    this.#batch = batch;
    this.#owner = owner;
  }

  [Symbol.iterator](): this {
    return this;
  }

  next(): IteratorResult<ContextOperation<unknown>> {
    if (this.#index > 0) this.#owner.reaper.handedOut();
    const value = this.#batch[this.#index++];
    return value === undefined ? { value, done: true } : { value, done: false };
  }
}
