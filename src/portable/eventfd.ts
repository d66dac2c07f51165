/**
 * The portable counterpart of eventfd(2).
 *
 * @module
 */
import { EAGAIN, EINVAL } from "../abi/errno.ts";
import { POLLIN, POLLOUT } from "../abi/poll.ts";
import { type OwnFileOptions, type PortableFile, WaitQueue } from "./file.ts";
import type { Files } from "./files.ts";
import type { Kiocb } from "./kiocb.ts";

/** A number counts no further; the kernel's own counter sticks at 2 ** 64 - 2. */
const MOST = Number.MAX_SAFE_INTEGER;
const SIZE = 8;

/** How a {@link PortableEventfd} behaves. */
export interface EventfdOptions extends OwnFileOptions {
  /**
   * Whether a read takes 1 of the counter, not all of it.
   *
   * @default {false}
   */
  semaphore?: boolean | undefined;
}

/** A counter of the portable kernel; see eventfd(2). */
export interface PortableEventfd extends Disposable {
  /** For `aio_resfd`, and for requests: reads and polls. */
  readonly fd: number;
  /** The counter. */
  readonly count: number;
  /** Adds to the counter; 1 by default. */
  signal(count?: number): void;
  /** Takes the count, or 1 of it for a semaphore; 0 if the counter is 0. */
  take(): number;
}

/**
 * A counter that can be read, polled, and signalled by completions. The kernel has no asynchronous
 * write of it.
 */
export class Eventfd implements PortableFile, PortableEventfd {
  readonly fd: number;
  users = 0;
  readonly readable = true;
  readonly writable = true;
  readonly resumesReads = true;
  readonly waiters: WaitQueue = new WaitQueue();
  readonly #files: Files;
  readonly #blocking: boolean;
  readonly #semaphore: boolean;
  #count: number;

  constructor(
    files: Files,
    count: number,
    { blocking = false, semaphore = false }: EventfdOptions = {},
  ) {
    this.#files = files;
    this.fd = files.add(this);
    this.#count = count;
    this.#blocking = blocking;
    this.#semaphore = semaphore;
  }

  get count(): number {
    return this.#count;
  }

  signal(count: number = 1): void {
    this.#count = Math.min(MOST, this.#count + count);
    this.waiters.wake(POLLIN);
  }

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
    return this.#blocking ? this.waiters.retryAfter(request) : -EAGAIN;
  }

  poll(): number {
    return (this.#count > 0 ? POLLIN : 0) | POLLOUT;
  }

  [Symbol.dispose](): void {
    this.#files.close(this.fd);
  }
}
