/**
 * Room for completions. A request takes a place of the ring before it begins, and the place is free
 * again once its event was read, so a completion never finds the ring full.
 *
 * @module
 */
import type { Ring } from "./ring.ts";

/** The places of one ring. */
export interface Credits {
  /** An io_submit of `count` requests begins. */
  begin?(count: number): void;
  /** Takes a place; `false` if there is none: EAGAIN. */
  take(): boolean;
  /** Gives back the place of a request that was refused after all, or that ends without an event. */
  giveBack(): void;
  /** The io_submit ends: gives back the places that were taken ahead and not used. */
  end?(): void;
  /** The event of a request is in the ring. */
  completed(): void;
}

/** How many places are taken at once: KIOCB_BATCH_SIZE. */
const BATCH_SIZE = 32;

/** Linux 3.4: by the room that the ring has, in batches of {@link BATCH_SIZE}. */
export class RingCredits implements Credits {
  readonly #ring: Ring;
  /** Counterpart of `reqs_active`: in flight, and taken ahead. */
  #active = 0;
  #ahead = 0;
  #left = 0;

  constructor(ring: Ring) {
    this.#ring = ring;
  }

  /** Counterpart of `kiocb_batch_init`. */
  begin(count: number): void {
    this.#left = count;
  }

  /** Counterpart of `aio_get_req`, with `kiocb_batch_refill` and `__aio_get_req`. */
  take(): boolean {
    if (this.#ahead === 0) {
      const room = this.#ring.nr - 1 - this.#ring.unread - this.#active;
      this.#ahead = Math.max(0, Math.min(this.#left, BATCH_SIZE, room));
      this.#left -= this.#ahead;
      this.#active += this.#ahead;
      if (this.#ahead === 0) return false;
    }
    this.#ahead--;
    return true;
  }

  /** Counterpart of `really_put_req`. */
  giveBack(): void {
    this.#active--;
  }

  /** Counterpart of `kiocb_batch_free`. */
  end(): void {
    this.#active -= this.#ahead;
    this.#ahead = 0;
  }

  completed(): void {
    this.#active--;
  }
}

/**
 * Linux 6.18: places move between the context and the CPU in batches. There is one thread, and so
 * one CPU. See get_reqs_available and refill_reqs_available.
 */
export class CpuCredits implements Credits {
  readonly #ring: Ring;
  readonly #batch: number;
  #available: number;
  #parked = 0;
  /** Events put into the ring whose places were not given back yet. */
  #completed = 0;

  /** @param cpus How many processors the machine may have */
  constructor(ring: Ring, cpus: number) {
    this.#ring = ring;
    this.#available = ring.nr - 1;
    this.#batch = Math.max(1, Math.floor(this.#available / (4 * cpus)));
  }

  take(): boolean {
    if (this.#takeParked()) return true;
    // Only now is it noticed what the program has read since.
    this.#refill();
    return this.#takeParked();
  }

  #takeParked(): boolean {
    if (this.#parked === 0) {
      if (this.#available < this.#batch) return false;
      this.#available -= this.#batch;
      this.#parked = this.#batch;
    }
    this.#parked--;
    return true;
  }

  giveBack(count: number = 1): void {
    this.#parked += count;
    while (this.#parked >= 2 * this.#batch) {
      this.#parked -= this.#batch;
      this.#available += this.#batch;
    }
  }

  completed(): void {
    this.#completed++;
    if (this.#completed > 1) this.#refill();
  }

  #refill(): void {
    const read = Math.max(0, this.#completed - this.#ring.unread);
    this.#completed -= read;
    this.giveBack(read);
  }
}
