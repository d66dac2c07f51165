/**
 * The portable counterpart of pipe(2), for requests that wait for the other end.
 *
 * @module
 */
import { EAGAIN, EPIPE } from "../abi/errno.ts";
import { POLLERR, POLLHUP, POLLIN, POLLOUT, POLLRDNORM, POLLWRNORM } from "../abi/poll.ts";
import { type PortableFile, retryAfter, type Waiter, WaitQueue } from "./file.ts";
import type { Kiocb } from "./kiocb.ts";

/** How much a pipe holds. See pipe(7). */
const CAPACITY = 65536;
/** A write of no more is all or nothing. */
const PIPE_BUF = 4096;

/** The bytes between the two ends. */
export class Pipe {
  /** Waiters for bytes. */
  readonly readersWaiting: WaitQueue = new WaitQueue();
  /** Waiters for room. */
  readonly writersWaiting: WaitQueue = new WaitQueue();
  readonly blocking: boolean;
  #bytes = new Uint8Array(0);
  /** Whether the end to read from is open. */
  readers = true;
  /** Whether the end to write to is open. */
  writers = true;

  constructor(blocking: boolean) {
    this.blocking = blocking;
  }

  get length(): number {
    return this.#bytes.length;
  }

  get room(): number {
    return CAPACITY - this.#bytes.length;
  }

  /** Puts bytes in; there must be room. */
  put(bytes: Uint8Array): void {
    const joined = new Uint8Array(this.#bytes.length + bytes.length);
    joined.set(this.#bytes);
    joined.set(bytes, this.#bytes.length);
    this.#bytes = joined;
    if (bytes.length > 0) this.readersWaiting.wake(POLLIN | POLLRDNORM);
  }

  /** Takes the oldest bytes, at most `count`. */
  take(count: number): Uint8Array {
    const taken = this.#bytes.slice(0, count);
    this.#bytes = this.#bytes.slice(taken.length);
    if (taken.length > 0) this.writersWaiting.wake(POLLOUT | POLLWRNORM);
    return taken;
  }

  /** An end was closed. */
  hungUp(): void {
    this.readersWaiting.wake(0);
    this.writersWaiting.wake(0);
  }
}

/** The end to read from. */
export class PipeReader implements PortableFile {
  readonly readable = true;
  readonly writable = false;
  readonly #pipe: Pipe;

  constructor(pipe: Pipe) {
    this.#pipe = pipe;
  }

  read(request: Kiocb): number {
    const pipe = this.#pipe;
    if (request.length === 0) return 0;
    if (pipe.length > 0) {
      const bytes = pipe.take(request.length);
      request.scatter(bytes);
      return bytes.length;
    }
    if (!pipe.writers) return 0;
    return pipe.blocking ? retryAfter(request, (waiter) => this.wait(waiter)) : -EAGAIN;
  }

  poll(): number {
    const { length, writers } = this.#pipe;
    return (length > 0 ? POLLIN | POLLRDNORM : 0) | (writers ? 0 : POLLHUP);
  }

  wait(waiter: Waiter): () => void {
    return this.#pipe.readersWaiting.add(waiter);
  }
}

/** The end to write to. */
export class PipeWriter implements PortableFile {
  readonly readable = false;
  readonly writable = true;
  readonly writesWhole: boolean;
  readonly #pipe: Pipe;

  constructor(pipe: Pipe) {
    this.#pipe = pipe;
    this.writesWhole = pipe.blocking;
  }

  write(request: Kiocb): number {
    const pipe = this.#pipe;
    if (request.length === 0) return 0;
    if (!pipe.readers) return -EPIPE;
    const least = request.total <= PIPE_BUF ? request.length : 1;
    if (pipe.room < least) {
      return pipe.blocking ? retryAfter(request, (waiter) => this.wait(waiter)) : -EAGAIN;
    }
    const bytes = new Uint8Array(Math.min(pipe.room, request.length));
    request.gather(bytes);
    pipe.put(bytes);
    return bytes.length;
  }

  poll(): number {
    const { room, readers } = this.#pipe;
    return (room >= PIPE_BUF ? POLLOUT | POLLWRNORM : 0) | (readers ? 0 : POLLERR);
  }

  wait(waiter: Waiter): () => void {
    return this.#pipe.writersWaiting.add(waiter);
  }
}
