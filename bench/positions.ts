/** The bytes of a request. */
export const BLOCK = 4096;

const SEED = 0x2545f491;

/** Random positions in a file, multiples of {@link BLOCK}: the same ones each time. */
export class Positions {
  readonly #blocks: number;
  #state = SEED;

  /** @param blocks How many blocks the file has */
  constructor(blocks: number) {
    this.#blocks = blocks;
  }

  /** The next position in bytes; Marsaglia's xorshift32. */
  next(): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return (x >>> 0) % this.#blocks * BLOCK;
  }
}
