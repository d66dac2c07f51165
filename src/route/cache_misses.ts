/**
 * Reads that the page cache did not have.
 *
 * A read that is told not to wait leaves with EAGAIN, but Linux has begun to read for it
 * (filemap_get_pages, mm/filemap.c): a little later the same read finds its bytes. Nothing tells
 * when. So one of them is made by the threads of `node:fs`, which waits for the disk; when it
 * returns, those behind it are tried again, and the first that still has to wait is the next to be
 * sent there. One trip to a thread brings many reads, and all of them are on their way to the disk
 * at once, however few the threads are.
 *
 * @module
 */
import { ECANCELED } from "../abi/errno.ts";
import { FAILED_TRIES_ALLOWED, MISSES_TRIED_AT_ONCE, TRIES_BEFORE_THREADS } from "../tuning.ts";
import type { Router } from "./router.ts";
import type { Transfer } from "./transfer.ts";

/** The misses of one file. */
export class CacheMisses {
  readonly #router: Router;
  /** How many the threads have. */
  #onThreads = 0;
  #parked: Transfer[] = [];
  #found = 0;
  #vain = 0;

  /** @param router Of the file */
  constructor(router: Router) {
    this.#router = router;
  }

  /** A read has to wait. */
  add(read: Transfer): void {
    if (read.stopped) return read.settle(-ECANCELED);
    if (read.tries > TRIES_BEFORE_THREADS) this.#vain++;
    const useless = this.#vain > FAILED_TRIES_ALLOWED && this.#vain > this.#found;
    if (this.#onThreads === 0 || read.tries > TRIES_BEFORE_THREADS || useless) {
      this.#onThreads++;
      read.missed = true;
      this.#router.sendToThreads(read);
    } else this.#parked.push(read);
  }

  /** A read that was tried again has found its bytes. */
  found(): void {
    this.#found++;
  }

  /** One is back from the threads: the disk has answered, and perhaps others, too. */
  returned(): void {
    this.#onThreads--;
    const parked = this.#parked;
    const first = parked.splice(0, MISSES_TRIED_AT_ONCE);
    // A thread has to come back for those that stay.
    while (this.#onThreads === 0 && parked.length > 0) this.add(parked.shift()!);
    for (const read of first) this.#router.tryAgain(read);
  }
}
