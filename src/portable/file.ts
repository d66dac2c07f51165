/**
 * What a request works on.
 *
 * @module
 */
import type { Kiocb } from "./kiocb.ts";

/** One who is told when a file may have become ready, and for what: a mask, or 0 for anything. */
export type Waiter = (mask: number) => void;

/** An open file, as struct file with its operations. */
export interface PortableFile {
  /** Whether it was opened for reading. */
  readonly readable: boolean;
  /** Whether it was opened for writing. */
  readonly writable: boolean;
  /** Whether it has positions. */
  readonly positional: boolean;
  /** Whether a short read is followed by another, where requests are retried: no pipe or socket. */
  readonly resumesReads: boolean;
  /** Whether a write goes on until all is written, whatever the release: a blocking pipe. */
  readonly writesWhole: boolean;
  /** Whether fsync means anything. */
  readonly syncs: boolean;
  /** Starts or does a read: bytes, `-errno`, -EIOCBQUEUED or -EIOCBRETRY; none: EINVAL. */
  read?(request: Kiocb): number;
  /** Starts or does a write; as `read`. */
  write?(request: Kiocb): number;
  /** Starts a sync: -EIOCBQUEUED. */
  sync?(request: Kiocb): number;
  /** The mask of what it is ready for; none: it cannot be polled. */
  poll?(): number;
  /** Adds one who is told of every change of readiness, until the returned function is called. */
  wait?(waiter: Waiter): () => void;
}

/** Those who wait for a change of a file. */
export class WaitQueue {
  readonly #waiters = new Set<Waiter>();

  /** Adds one; the result takes it away again. */
  add(waiter: Waiter): () => void {
    // An object of its own, so that one waiter may wait twice
    const entry: Waiter = (mask) => waiter(mask);
    this.#waiters.add(entry);
    return () => this.#waiters.delete(entry);
  }

  /** Tells all what it is ready for now; 0: they must look. */
  wake(mask: number = 0): void {
    // Nobody comes back while it is told: a request runs again in its turn
    for (const waiter of this.#waiters) waiter(mask);
  }
}

/** Waits for a change and says EIOCBRETRY: the request runs again then. */
export function retryAfter(
  request: Kiocb,
  wait: (waiter: Waiter) => () => void,
  code: number,
): number {
  const leave = wait(() => {
    leave();
    request.cancel = undefined;
    request.kick();
  });
  request.cancel = leave;
  return code;
}
