/** The bits of a number of 32 bits that a bucket leaves out: all but the exponent and 7 bits. */
const DROPPED = 16;
const BUCKETS = 2 ** (31 - DROPPED);

/**
 * Counts latencies in buckets that are 0.8 percent wide, as a run of a day has too many of them to
 * keep.
 */
export class Latencies {
  #counts = new Float64Array(BUCKETS);
  #number = new Float32Array(1);
  #bits = new Uint32Array(this.#number.buffer);

  /** How many were added. */
  count = 0;

  /** Adds one, in microseconds. */
  add(microseconds: number): void {
    this.#number[0] = microseconds;
    this.#counts[this.#bits[0]! >>> DROPPED]!++;
    this.count++;
  }

  /** The latency that this share of all stays below, in microseconds. */
  percentile(share: number): number {
    let left = Math.floor(share * this.count);
    const bucket = this.#counts.findIndex((count) => (left -= count) < 0);
    // The middle of the bucket.
    this.#bits[0] = (bucket + 0.5) * 2 ** DROPPED;
    return this.#number[0]!;
  }
}
