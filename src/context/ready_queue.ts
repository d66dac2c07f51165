/**
 * Completions on their way to a loop.
 *
 * @module
 */
import { type Completion, ContextOperation } from "./completion.ts";
import type { Core } from "./core.ts";

/** Places of completions handed out are cut off when they are this many, and half of all. */
const CUT = 1024;

/** Completions that no loop has taken yet, oldest first, and completed ones for the next requests. */
export class ReadyQueue {
  /** Requests under way whose completions will come here: what a loop waits for. */
  expected = 0;
  readonly #core: Core;
  #completions: ContextOperation<unknown>[] = [];
  #head = 0;
  /** Operations whose completions have been seen. */
  readonly #spare: ContextOperation<unknown>[] = [];

  constructor(core: Core) {
    this.#core = core;
  }

  /** How many completions no loop has taken. */
  get length(): number {
    return this.#completions.length - this.#head;
  }

  /** Whether requests are under way whose completions no loop takes: a file's, with a promise. */
  get filesWait(): boolean {
    const { queued, inFlight } = this.#core.submission;
    return queued + inFlight > this.expected;
  }

  /** An operation to be filled in. */
  blank(): ContextOperation<unknown> {
    return this.#spare.pop() ?? new ContextOperation(this.#core);
  }

  /** An operation has its result. */
  push(completion: ContextOperation<unknown>): void {
    this.expected--;
    this.#completions.push(completion);
  }

  /** Takes the oldest completion, as an object of its own; there must be one. */
  shift(): Completion<unknown> {
    const completions = this.#completions;
    const operation = completions[this.#head++]!;
    if (this.#head === completions.length) completions.length = this.#head = 0;
    else if (this.#head >= CUT && this.#head * 2 >= completions.length) {
      completions.copyWithin(0, this.#head);
      completions.length -= this.#head;
      this.#head = 0;
    }
    const completion = operation.toOwn();
    this.#reuse(operation);
    return completion;
  }

  /** Forgets the completions that no loop has taken. */
  drop(): void {
    this.#completions.length = this.#head = 0;
  }

  /**
   * Takes all completions, in exchange for an array of completions that have been seen. Callers must
   * not get these arrays: completions are added to one of them while events are reaped.
   */
  exchange(seen: ContextOperation<unknown>[]): ContextOperation<unknown>[] {
    this.recycle(seen);
    const completions = this.#completions;
    if (this.#head > 0) completions.splice(0, this.#head);
    this.#head = 0;
    this.#completions = seen;
    return completions;
  }

  /** Takes back completions that have been seen, to be used again. */
  recycle(seen: ContextOperation<unknown>[]): void {
    for (const operation of seen) this.#reuse(operation);
    seen.length = 0;
  }

  #reuse(operation: ContextOperation<unknown>): void {
    operation.forget();
    this.#spare.push(operation);
  }
}
