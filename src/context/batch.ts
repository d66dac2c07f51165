/**
 * Batches, and the use of their objects again.
 *
 * @module
 */
import type { ContextOperation } from "./completion.ts";
import type { Core } from "./core.ts";

/** Completions that are handed out together. */
export type Batch = ContextOperation<unknown>[];

/** The completions that a caller gets together, and what has become of the ones before. */
export class Batches {
  readonly #core: Core;
  #taken: ContextOperation<unknown>[] = [];
  /** A copy of them, which the caller may change. */
  #batch: Batch = [];

  /** @param core Whose completions they are */
  constructor(core: Core) {
    this.#core = core;
  }

  /** Takes all that are ready; those of the last batch are used again. */
  take(): Batch {
    const { ready, submission } = this.#core;
    const taken = this.#taken = ready.exchange(this.#taken);
    submission.expectAnswers(taken.length);
    try {
      fill(this.#batch, taken);
    } catch {
      // It was frozen.
      fill(this.#batch = [], taken);
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
