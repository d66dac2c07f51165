import type { Latencies } from "./latencies.ts";
import { BLOCK, type Positions } from "./positions.ts";

/** The clock is looked at after so many requests, a power of two. */
const LOOK = 64;

/** A time in which a participant keeps its requests going. */
export class Pass {
  /** The position of the last request of each slot. */
  readonly last: Float64Array;
  /** How many requests have ended. */
  ended = 0;
  readonly #positions: Positions;
  readonly #end: number;
  readonly #latencies: Latencies | undefined;
  #wrong = 0;
  #firstWrong = 0;
  #running = true;

  /**
   * Begins at once.
   *
   * @param depth How many requests are in flight
   * @param positions Where they go
   * @param seconds When it is over
   * @param latencies Takes times; without it only the count counts
   */
  constructor(depth: number, positions: Positions, seconds: number, latencies?: Latencies) {
    this.last = new Float64Array(depth);
    this.#positions = positions;
    this.#latencies = latencies;
    this.#end = performance.now() + seconds * 1000;
  }

  /** Begins a request in a slot; returns its position. */
  start(slot: number): number {
    if (this.#latencies !== undefined) this.#latencies.start(slot);
    return this.last[slot] = this.#positions.next();
  }

  /** The request in a slot has its result; returns whether another one is to follow. */
  end(slot: number, res: number): boolean {
    if (this.#latencies !== undefined) this.#latencies.end(slot);
    if (res !== BLOCK) this.#fail(res);
    if ((++this.ended & (LOOK - 1)) === 0) this.#running = performance.now() < this.#end;
    return this.#running;
  }

  #fail(res: number): void {
    if (this.#wrong++ === 0) this.#firstWrong = res;
    this.#running = false;
  }

  /**
   * To be called when the pass is over.
   *
   * @throws {Error} If a request did not move the whole block
   */
  check(): void {
    if (this.#wrong === 0) return;
    throw new Error(
      `${this.#wrong} of ${this.ended} requests failed: first is ${this.#firstWrong}`,
    );
  }
}
