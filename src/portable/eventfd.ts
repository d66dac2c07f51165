/**
 * The portable counterpart of eventfd(2).
 *
 * @module
 */
import { EAGAIN, EINVAL } from "../abi/errno.ts";
import { POLLIN, POLLOUT } from "../abi/poll.ts";
import { type PortableFile, retryAfter, type Waiter, WaitQueue } from "./file.ts";
import type { Kiocb } from "./kiocb.ts";

/** A number counts no further; the kernel's own counter sticks at 2 ** 64 - 2. */
const MOST = Number.MAX_SAFE_INTEGER;
const SIZE = 8;

/**
 * A counter that can be read, polled, and signalled by completions. The kernel has no asynchronous
 * write of it.
 */
export class Eventfd implements PortableFile {
  readonly readable = true;
  readonly writable = true;
  readonly resumesReads = true;
  readonly #waiting = new WaitQueue();
  readonly #blocking: boolean;
  readonly #semaphore: boolean;
  #count: number;

  constructor(count: number, blocking: boolean, semaphore: boolean) {
    this.#count = count;
    this.#blocking = blocking;
    this.#semaphore = semaphore;
  }

  /** The counter. */
  get count(): number {
    return this.#count;
  }

  /** Adds to the counter. */
  signal(count: number = 1): void {
    this.#count = Math.min(MOST, this.#count + count);
    this.#waiting.wake(POLLIN);
  }

  /** Takes the count, or 1 of it for a semaphore; 0 if the counter is 0. */
  take(): number {
    const taken = this.#semaphore ? Math.min(1, this.#count) : this.#count;
    this.#count -= taken;
    return taken;
  }

  read(request: Kiocb): number {
    if (request.length < SIZE) return -EINVAL;
    if (this.#count > 0) {
      request.scatter(new Uint8Array(BigUint64Array.of(BigInt(this.take())).buffer));
      return SIZE;
    }
    return this.#blocking ? retryAfter(request, (waiter) => this.wait(waiter)) : -EAGAIN;
  }

  poll(): number {
    return (this.#count > 0 ? POLLIN : 0) | POLLOUT;
  }

  wait(waiter: Waiter): () => void {
    return this.#waiting.add(waiter);
  }
}
