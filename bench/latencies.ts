/** One request out of so many is timed. */
const SAMPLING = 10;
/** Enough for a short pass; after so many samples no more are taken. */
const CAPACITY = 1 << 20;

/** The latencies of a pass, in microseconds. */
export interface Percentiles {
  /** Half of the requests took no longer. */
  readonly p50: number;
  /** 99 of 100 took no longer. */
  readonly p99: number;
  /** 999 of 1000 took no longer. */
  readonly p999: number;
}

/** Takes the time of one request in ten, from its queueing to its result in the program's hands. */
export class Latencies {
  readonly #samples = new Float64Array(CAPACITY);
  readonly #starts: Float64Array;
  #count = 0;
  #skipped = 0;

  /** @param depth How many requests are in flight */
  constructor(depth: number) {
    this.#starts = new Float64Array(depth);
  }

  /** A request begins. */
  start(slot: number): void {
    if (++this.#skipped < SAMPLING) return;
    this.#skipped = 0;
    this.#starts[slot] = performance.now();
  }

  /** A request has ended. */
  end(slot: number): void {
    const start = this.#starts[slot]!;
    if (start === 0) return;
    this.#starts[slot] = 0;
    if (this.#count < CAPACITY) this.#samples[this.#count++] = performance.now() - start;
  }

  /** What the times were. */
  percentiles(): Percentiles {
    const sorted = this.#samples.subarray(0, this.#count).sort();
    const at = (share: number): number =>
      1000 * sorted[Math.min(this.#count - 1, Math.floor(share * this.#count))]!;
    return { p50: at(0.5), p99: at(0.99), p999: at(0.999) };
  }
}
