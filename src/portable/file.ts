/**
 * What a request works on.
 *
 * @module
 */
import type { Kiocb } from "./kiocb.ts";

// Results of a run that the program never sees; numbers as in include/linux/errno.h.

/** The request was handed on and completes later. */
export const EIOCBQUEUED = 529;
/** Nothing could be done yet, and {@link Kiocb.kick} will cause the next run. */
export const EIOCBRETRY = 530;

/** Receives what a file may have become ready for: a mask, or 0 for anything. */
export type Waiter = (mask: number) => void;

/** An open file, as struct file with its operations. */
export interface PortableFile {
  /** Whether it was opened for reading. */
  readonly readable: boolean;
  /** Whether it was opened for writing. */
  readonly writable: boolean;
  /** Whether it has positions. */
  readonly positional?: boolean;
  /** Whether a short read is continued, where requests are retried: not of a pipe or socket. */
  readonly resumesReads?: boolean;
  /** Whether a short write is continued, whatever the release: of a blocking pipe. */
  readonly writesWhole?: boolean;
  /** Whether fsync means anything. */
  readonly syncs?: boolean;
  /** Starts or does a read: bytes, `-errno`, -EIOCBQUEUED or -EIOCBRETRY; none: EINVAL. */
  read?(request: Kiocb): number;
  /** Starts or does a write; as `read`. */
  write?(request: Kiocb): number;
  /** Starts a sync: -EIOCBQUEUED. */
  sync?(request: Kiocb): number;
  /** The mask of what it is ready for; none: it cannot be polled. */
  poll?(): number;
  /** Adds a waiter for changes of readiness; the result removes it. */
  wait?(waiter: Waiter): () => void;
}

/** The waiters for a change of a file. */
export class WaitQueue {
  readonly #waiters = new Set<Waiter>();

  /** Adds a waiter; the result removes it. */
  add(waiter: Waiter): () => void {
    // An object of its own, so that the same waiter can be added twice.
    const entry: Waiter = (mask) => waiter(mask);
    this.#waiters.add(entry);
    return () => this.#waiters.delete(entry);
  }

  /** Calls all waiters with what the file is ready for now; 0: each must look. */
  wake(mask: number = 0): void {
    // No waiter is added meanwhile: a request runs again in its turn.
    for (const waiter of this.#waiters) waiter(mask);
  }
}

/** Has a request run again after a change of a file, and returns the result of this run. */
export function retryAfter(request: Kiocb, wait: (waiter: Waiter) => () => void): number {
  const leave = wait(() => {
    leave();
    request.cancel = undefined;
    request.kick();
  });
  request.cancel = leave;
  return -EIOCBRETRY;
}
