/**
 * Completions that are handed out together.
 *
 * @module
 */
import type { ContextOperation } from "./completion.ts";
import type { ReadyQueue } from "./ready_queue.ts";

/** Where completions come from, and are counted when a loop has dealt with them. */
interface Owner {
  readonly reaper: { handedOut(): void };
  readonly ready: ReadyQueue;
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
    return new CountingIterator(this, this.#owner) as unknown as ArrayIterator<
      ContextOperation<unknown>
    >;
  }
}

class CountingIterator implements Iterator<ContextOperation<unknown>> {
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

/** The completions that a caller gets together, and what has become of the ones before. */
export class Batches {
  readonly #core: Owner;
  #taken: ContextOperation<unknown>[] = [];
  /** A copy of them, which the caller may change. */
  #batch: Batch;

  /** @param core Whose completions they are */
  constructor(core: Owner) {
    this.#core = core;
    this.#batch = new Batch(core);
  }

  /** Takes all that are ready; those of the last batch are used again. */
  take(): Batch {
    const taken = this.#taken = this.#core.ready.exchange(this.#taken);
    try {
      fill(this.#batch, taken);
    } catch {
      // It was frozen.
      fill(this.#batch = new Batch(this.#core), taken);
    }
    return this.#batch;
  }

  /** The caller is done with the last batch. */
  release(): void {
    this.#core.ready.recycle(this.#taken);
  }
}

/** By index, as the array may have methods of its own by now. */
function fill(batch: Batch, operations: readonly ContextOperation<unknown>[]): void {
  batch.length = operations.length;
  for (let index = 0; index < operations.length; index++) batch[index] = operations[index]!;
}
