/**
 * A queue, first in, first out.
 *
 * @module
 */

/** Places at the front that are free are cut off when they are this many, and half of all. */
const CUT = 1024;

/** Takes constant time on average for each item, however many wait. */
export class Queue<T> {
  /** How many items wait. */
  length = 0;
  #items: (T | undefined)[] = [];
  #head = 0;

  /** The oldest item; `undefined` if there is none. */
  get oldest(): T | undefined {
    return this.#items[this.#head];
  }

  /** Puts an item at the end. */
  push(item: T): void {
    this.#items.push(item);
    this.length++;
  }

  /** Takes the oldest item; `undefined` if there is none. */
  shift(): T | undefined {
    const items = this.#items;
    if (this.#head === items.length) return undefined;
    const item = items[this.#head];
    this.length--;
    // The place must not keep the item from being collected.
    items[this.#head++] = undefined;
    if (this.#head === items.length) items.length = this.#head = 0;
    else if (this.#head >= CUT && this.#head * 2 >= items.length) {
      items.copyWithin(0, this.#head);
      items.length -= this.#head;
      this.#head = 0;
    }
    return item;
  }

  /** Takes all items. */
  takeAll(): T[] {
    const items = this.#items.slice(this.#head) as T[];
    this.clear();
    return items;
  }

  /** Forgets all items. */
  clear(): void {
    this.#items.length = this.#head = this.length = 0;
  }
}
