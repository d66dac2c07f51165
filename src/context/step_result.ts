/**
 * What a step of a loop resolves with.
 *
 * @module
 */

/**
 * The result of a step and its promise, which the next step uses again: made anew for each
 * completion, they are more garbage than the completion itself.
 *
 * Not before its value was taken: steps that are asked for at once get a result each. `for await`,
 * and whatever else asks for one step after the other, has taken the value by then.
 */
export class StepResult<Item> implements IteratorYieldResult<Item> {
  readonly done = false;
  declare readonly value: Item;
  #item: Item | undefined = undefined;
  #isTaken = true;
  /** Made by the first step that needs it: many a loop waits for its only one. */
  #promise: Promise<IteratorYieldResult<Item>> | undefined = undefined;

  /** A property of its own, as that of any result. One function for all of them, which V8 inlines. */
  static readonly #VALUE: PropertyDescriptor & ThisType<StepResult<unknown>> = {
    enumerable: true,
    get() {
      this.#isTaken = true;
      return this.#item;
    },
  };

  constructor() {
    Object.defineProperty(this, "value", StepResult.#VALUE);
  }

  /** What a step resolves with that takes this item. */
  of(item: Item): Promise<IteratorYieldResult<Item>> {
    if (!this.#isTaken) return Promise.resolve({ value: item, done: false });
    this.#isTaken = false;
    this.#item = item;
    return this.#promise ??= Promise.resolve(this);
  }

  /** Keeps no item alive that was taken. */
  forget(): void {
    if (this.#isTaken) this.#item = undefined;
  }
}
