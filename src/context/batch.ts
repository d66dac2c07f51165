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
  /** Handed out: valid below `#count`. Never made shorter, see {@link ReadyQueue}. */
  readonly #taken: ContextOperation<unknown>[] = [];
  #count = 0;
  /** A copy of them, which the caller may change. */
  #batch: Batch = [];

  /** @param core Whose completions they are */
  constructor(core: Core) {
    this.#core = core;
  }

  /** Takes all that are ready; those of the last batch are used again. */
  take(): Batch {
    this.release();
    const { ready, submission } = this.#core;
    this.#count = ready.moveTo(this.#taken);
    submission.expectAnswers(this.#count);
    try {
      this.#fill(this.#batch);
    } catch {
      // It was frozen.
      this.#fill(this.#batch = []);
    }
    return this.#batch;
  }

  /** The caller is done with the last batch. */
  release(): void {
    const { ready } = this.#core;
    const taken = this.#taken;
    const count = this.#count;
    for (let index = 0; index < count; index++) ready.recycle(taken[index]!);
    this.#count = 0;
  }

  /** By index, as the array may have methods of its own by now. */
  #fill(batch: Batch): void {
    const taken = this.#taken;
    const count = batch.length = this.#count;
    for (let index = 0; index < count; index++) batch[index] = taken[index]!;
  }
}
