/**
 * Random numbers from a seed, the same in every runtime.
 *
 * @module
 */

const UPPER = 2 ** 32;

/** sfc32 of PractRand, its state filled by splitmix32: integers of 32 bits, and nothing rounded. */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** @param seed Where it begins; 32 bits count */
  constructor(seed: number) {
    let state = seed | 0;
    const split = () => {
      state = (state + 0x9e3779b9) | 0;
      let word = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
      word = Math.imul(word ^ (word >>> 15), 0x735a2d97);
      return word ^ (word >>> 15);
    };
    this.#a = split();
    this.#b = split();
    this.#c = split();
  }

  /** An integer of 32 bits, from 0. */
  word(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum | 0;
    return sum >>> 0;
  }

  /** An integer from 0 up to, and without, `end`. */
  below(end: number): number {
    return Math.floor(this.word() / UPPER * end);
  }

  /** Whether something happens that has this probability. */
  chance(probability: number): boolean {
    return this.word() < probability * UPPER;
  }

  /** A generator of its own: how much is drawn from it changes nothing here. */
  fork(): Random {
    return new Random(this.word());
  }
}
