/**
 * Completions that are handed out together.
 *
 * @module
 */
import type { Completion } from "./completion.ts";

/** One who wants to know of each completion that is handed out. */
interface Owner {
  handedOut(): void;
}

/** An array that tells how far a loop over it has come. */
export class Batch extends Array<Completion<unknown>> {
  /** `map`, `filter` and their kin make plain arrays. */
  static override get [Symbol.species](): ArrayConstructor {
    return Array;
  }

  readonly #owner: Owner;

  constructor(owner: Owner) {
    super();
    this.#owner = owner;
  }

  override [Symbol.iterator](): ArrayIterator<Completion<unknown>> {
    return new BatchIterator(this, this.#owner) as unknown as ArrayIterator<Completion<unknown>>;
  }
}

class BatchIterator implements Iterator<Completion<unknown>> {
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

  next(): IteratorResult<Completion<unknown>> {
    if (this.#index > 0) this.#owner.handedOut();
    const value = this.#batch[this.#index++];
    return value === undefined ? { value, done: true } : { value, done: false };
  }
}
