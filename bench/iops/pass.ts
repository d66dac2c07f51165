import { BLOCK } from "../blocks.ts";

/** The clock is looked at after so many requests, a power of two. */
const LOOK = 64;
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

/** A time in which a participant keeps its requests going. */
export class Pass {
  /** The position of the last request of each slot. */
  readonly last: Float64Array;
  /** How many requests have ended. */
  ended = 0;
  readonly #position: () => number;
  readonly #end: number;
  readonly #latencies: Latencies | undefined;
  #running = true;

  /**
   * Begins at once.
   *
   * @param depth How many requests are in flight
   * @param position Where the next one goes
   * @param seconds When it is over
   * @param latencies Takes times; without it only the count counts
   */
  constructor(depth: number, position: () => number, seconds: number, latencies?: Latencies) {
    this.last = new Float64Array(depth);
    this.#position = position;
    this.#latencies = latencies;
    this.#end = performance.now() + seconds * 1000;
  }

  /** Begins a request in a slot; returns its position. */
  start(slot: number): number {
    if (this.#latencies !== undefined) this.#latencies.start(slot);
    return this.last[slot] = this.#position();
  }

  /**
   * The request in a slot has its result; returns whether another one is to follow.
   *
   * @throws {Error} If it did not move the whole block
   */
  end(slot: number, res: number): boolean {
    if (this.#latencies !== undefined) this.#latencies.end(slot);
    if (res !== BLOCK) throw new Error(`A request failed: result is ${res}`);
    if ((++this.ended & (LOOK - 1)) === 0) this.#running = performance.now() < this.#end;
    return this.#running;
  }
}
