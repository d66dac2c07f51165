/**
 * Reads that the page cache did not have.
 *
 * A read that is told not to wait leaves with EAGAIN, but Linux has begun to read for it
 * (filemap_get_pages, mm/filemap.c): a little later the same read finds its bytes. Nothing tells
 * when. So one of them is made by the threads of `node:fs`, which waits for the disk; when it is
 * back, those behind it are tried again, and the first that still has to wait is the next to be
 * sent there. One trip to a thread brings many reads, and all of them are on their way to the disk
 * at once, however few the threads are.
 *
 * @module
 */

/** So many are tried again at once. */
const AT_ONCE = 16;
/** So often is one tried again before it goes to the threads. */
const TRIES = 2;
/** Where more go in vain than this and than those that do not, the kernel has begun nothing. */
const IN_VAIN = 64;

/** A read that was not in the page cache. */
export interface Miss {
  /** How often it was tried again. */
  tries: number;
  /** Tries it again; at the latest when somebody submits. */
  attempt(): void;
  /** Has it made by other threads; {@link Misses.walked} is to be called then. */
  walk(): void;
}

/** Those of one file. */
export class Misses {
  /** How many the threads have. */
  #walking = 0;
  #parked: Miss[] = [];
  #found = 0;
  #vain = 0;

  /** One that has to wait. */
  add(miss: Miss): void {
    if (miss.tries > TRIES) this.#vain++;
    const useless = this.#vain > IN_VAIN && this.#vain > this.#found;
    if (this.#walking === 0 || miss.tries > TRIES || useless) {
      this.#walking++;
      miss.walk();
    } else this.#parked.push(miss);
  }

  /** One that was tried again and found its bytes. */
  found(): void {
    this.#found++;
  }

  /** One is back from the threads: the disk has answered, and perhaps others, too. */
  walked(): void {
    this.#walking--;
    const parked = this.#parked;
    if (parked.length === 0) return;
    const first = parked.splice(0, AT_ONCE);
    // Somebody has to come back for those that stay
    if (this.#walking === 0 && parked.length > 0) this.add(parked.shift()!);
    for (const miss of first) {
      miss.tries++;
      miss.attempt();
    }
  }
}
