import type { Random } from "../../tests/support/random.ts";
import type { Task } from "./participants.ts";
import type { Workload } from "./workloads.ts";

/** The clock is looked at after so many requests, a power of two. */
const LOOK = 64;
/** One request out of so many is timed. */
const SAMPLING = 10;

/** A time in which a participant keeps its requests going. */
export class Pass {
  /** The position of the last request of each slot. */
  readonly last: Float64Array;
  /** How many requests have ended. */
  ended = 0;
  /** Milliseconds from the queueing of a request to its result in the program's hands. */
  readonly latencies: number[] = [];
  /** Whether the request that was begun last writes. */
  writes = false;
  readonly #work: Workload;
  readonly #blocks: number;
  readonly #random: Random;
  readonly #end: number;
  readonly #timed: boolean;
  readonly #most: number;
  readonly #starts: Float64Array;
  #skipped = 0;
  #next = 0;
  #running = true;

  /**
   * Begins at once.
   *
   * @param task What is done
   * @param random Says where
   * @param seconds When it is over
   * @param timed Whether one request in ten is timed; without it only the count counts
   * @param most After how many requests it is over at the latest, or soon after
   */
  constructor(
    { depth, work, blocks }: Task,
    random: Random,
    seconds: number,
    timed: boolean,
    most = Infinity,
  ) {
    this.last = new Float64Array(depth);
    this.#starts = new Float64Array(depth);
    this.#work = work;
    this.#blocks = blocks;
    this.#random = random;
    this.#timed = timed;
    this.#most = most;
    this.#end = performance.now() + seconds * 1000;
  }

  /** Begins a request in a slot; returns its position. */
  start(slot: number): number {
    if (this.#timed && ++this.#skipped === SAMPLING) {
      this.#skipped = 0;
      this.#starts[slot] = performance.now();
    }
    const { block, writes, inOrder } = this.#work;
    if (writes > 0) this.writes = this.#random.fraction() < writes;
    const index = inOrder ? this.#next++ % this.#blocks : this.#random.below(this.#blocks);
    return this.last[slot] = index * block;
  }

  /**
   * The request in a slot has its result; returns whether another one is to follow.
   *
   * @throws {Error} If it did not move the whole block
   */
  end(slot: number, res: number): boolean {
    if (this.#timed && this.#starts[slot] !== 0) {
      this.latencies.push(performance.now() - this.#starts[slot]!);
      this.#starts[slot] = 0;
    }
    if (res !== this.#work.block) throw new Error(`A request failed: result is ${res}`);
    if ((++this.ended & (LOOK - 1)) === 0) {
      this.#running = this.ended < this.#most && performance.now() < this.#end;
    }
    return this.#running;
  }
}
