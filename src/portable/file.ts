/**
 * What a request works on.
 *
 * @module
 */
import type { FileIdentity } from "../threads/file_identity.ts";
import type { Kiocb } from "./kiocb.ts";

// Results of a run that the program never sees; numbers as in include/linux/errno.h.

/** The request was handed on and completes later. */
export const EIOCBQUEUED = 529;
/** Nothing could be done yet, and {@link Kiocb.kick} will cause the next run. */
export const EIOCBRETRY = 530;

/** How a file of the kernel's own behaves: an eventfd or a pipe. */
export interface OwnFileOptions {
  /**
   * Whether a read waits when there is nothing to read, instead of failing with EAGAIN.
   *
   * @default {false}
   */
  blocking?: boolean | undefined;
}

/** An open file, as struct file with its operations. */
export interface PortableFile {
  /** Counterpart of `f_count`: requests in flight, and the descriptor of a file of the kernel's own. */
  users: number;
  /** The last user has gone, which is when an end of a pipe is closed. */
  release?(): void;
  /** Tells a file of `node:fs` from others that get its descriptor later. */
  readonly identity?: FileIdentity;
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
  /** Whether a write is made page by page: of a FIFO. */
  readonly writesPages?: boolean;
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
  /** Woken by changes of readiness; none: it is always as ready as it is now. */
  readonly waiters?: WaitQueue;
}

/** Receives what a file may have become ready for: a mask, or 0 for anything. */
type Waiter = (mask: number) => void;

/** The waiters for a change of a file. */
export class WaitQueue {
  readonly #waiters = new Set<Waiter>();

  /** Adds a waiter, each a function of its own; the result removes it. */
  add(waiter: Waiter): () => void {
    this.#waiters.add(waiter);
    return () => this.#waiters.delete(waiter);
  }

  /** Calls all waiters with what the file is ready for now; 0: each must look. */
  wake(mask: number = 0): void {
    // No waiter is added meanwhile: a request runs again in its turn.
    for (const waiter of this.#waiters) waiter(mask);
  }

  /**
   * Has a request run again after a change.
   *
   * @param suits Whether a change is of use to the request
   * @returns The result of this run
   */
  retryAfter(request: Kiocb, suits: (mask: number) => boolean = () => true): number {
    const leave = this.add((mask) => {
      if (!suits(mask)) return;
      leave();
      request.kick();
    });
    request.cancel = leave;
    return -EIOCBRETRY;
  }
}
