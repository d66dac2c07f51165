/**
 * Completions on their way to a loop.
 *
 * @module
 */
import { type Completion, ContextOperation } from "./completion.ts";
import type { Core } from "./core.ts";

/** Places of completions handed out are cut off when they are this many, and half of all. */
const CUT = 1024;

/**
 * Completions that no loop has taken yet, oldest first, and completed ones for the next requests.
 *
 * Both arrays are counted here and never made shorter: V8 gives the memory of an array back when its
 * length is set to 0 or `pop` leaves it nearly empty, and each batch would ask for it again. That took
 * 20 bytes and 10 ns a request. Places that are not valid hold nothing that is in use: the data of a
 * completion may lead to its context, which could then never be collected.
 */
export class ReadyQueue {
  /** Requests under way whose completions will come here: what a loop waits for. */
  expected = 0;
  readonly #core: Core;
  /** Valid from `#head` to `#tail`. */
  readonly #completions: (ContextOperation<unknown> | undefined)[] = [];
  #head = 0;
  #tail = 0;
  /** Operations whose completions have been seen: valid below `#spareCount`. */
  readonly #spare: (ContextOperation<unknown> | undefined)[] = [];
  #spareCount = 0;
  /**
   * The operation whose completion was taken last, while it is the first spare one. It still has its
   * memory until the next is taken: a request most often answers a completion with the same, and to
   * find out where that is took 20 to 40 of 170 to 230 ns.
   */
  #latest: ContextOperation<unknown> | undefined = undefined;
  /** Whether callers may hold operations, whose memory they could change. */
  #areShared = false;

  constructor(core: Core) {
    this.#core = core;
  }

  /** How many completions no loop has taken. */
  get length(): number {
    return this.#tail - this.#head;
  }

  /** Whether requests are under way whose completions no loop takes: a file's, with a promise. */
  get filesWait(): boolean {
    const { queued, inFlight } = this.#core.submission;
    return queued + inFlight > this.expected;
  }

  /** An operation to be filled in. */
  blank(): ContextOperation<unknown> {
    if (this.#spareCount === 0) return new ContextOperation(this.#core);
    const operation = this.#spare[--this.#spareCount]!;
    this.#spare[this.#spareCount] = undefined;
    this.#latest = undefined;
    return operation;
  }

  /** An operation has its result. */
  push(completion: ContextOperation<unknown>): void {
    this.expected--;
    this.#completions[this.#tail++] = completion;
  }

  /** Takes the oldest completion, as an object of its own; there must be one. */
  shift(): Completion<unknown> {
    this.release();
    const operation = this.#completions[this.#head]!;
    this.#completions[this.#head++] = undefined;
    if (this.#head === this.#tail) this.#head = this.#tail = 0;
    else if (this.#head >= CUT && this.#head * 2 >= this.#tail) {
      this.#completions.copyWithin(0, this.#head, this.#tail).fill(
        undefined,
        this.#head,
        this.#tail,
      );
      this.#tail -= this.#head;
      this.#head = 0;
    }
    const completion = operation.toOwn();
    if (this.#areShared) this.recycle(operation);
    else {
      // Not kept for a moment: it may lead to the context, which a loop that is never ended must not
      // keep alive.
      operation.data = undefined;
      this.#spare[this.#spareCount++] = operation;
      this.#latest = operation;
    }
    return completion;
  }

  /** The caller is done with the completion that was taken last, and no request has answered it. */
  release(): void {
    if (this.#latest === undefined) return;
    this.#latest.forget();
    this.#latest = undefined;
  }

  /** Forgets the completions that no loop has taken. */
  drop(): void {
    this.#completions.length = this.#head = this.#tail = 0;
  }

  /**
   * Moves all completions to the start of an array.
   *
   * @returns How many
   */
  moveTo(taken: ContextOperation<unknown>[]): number {
    this.#areShared = true;
    const count = this.length;
    const completions = this.#completions;
    const head = this.#head;
    for (let index = 0; index < count; index++) {
      taken[index] = completions[head + index]!;
      completions[head + index] = undefined;
    }
    this.#head = this.#tail = 0;
    return count;
  }

  /** Takes back an operation whose completion has been seen, to be used again. */
  recycle(operation: ContextOperation<unknown>): void {
    operation.forget();
    this.#spare[this.#spareCount++] = operation;
  }
}
