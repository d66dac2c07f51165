import type { TreePage } from "./tree_page.ts";

/** Keeps the links of many pages, 4 bytes a number. */
export class LinkStore {
  #numbers = new Uint32Array(1024);
  /** 0 is no ticket, so that number stays unused. */
  #used = 1;

  /**
   * Keeps the links of a page.
   *
   * @returns A ticket above 0 for {@link LinkStore.load}.
   */
  store({ children, chains }: TreePage): number {
    const ticket = this.#used;
    const first = ticket + 2;
    this.#used = first + children.length + chains.length;
    if (this.#used > this.#numbers.length) {
      const larger = new Uint32Array(this.#used * 2);
      larger.set(this.#numbers);
      this.#numbers = larger;
    }
    this.#numbers.set([children.length, chains.length], ticket);
    this.#numbers.set(children, first);
    this.#numbers.set(chains, first + children.length);
    return ticket;
  }

  /** The links that were stored under a ticket, as views that are valid until the next `store`. */
  load(ticket: number): { children: Uint32Array; chains: Uint32Array } {
    const middle = ticket + 2 + this.#numbers[ticket]!;
    return {
      children: this.#numbers.subarray(ticket + 2, middle),
      chains: this.#numbers.subarray(middle, middle + this.#numbers[ticket + 1]!),
    };
  }
}
