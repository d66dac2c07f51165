/**
 * The portable counterpart of pipe(2), for requests that wait for the other end.
 *
 * @module
 */
import { EAGAIN, EPIPE } from "../abi/errno.ts";
import { POLLERR, POLLHUP, POLLIN, POLLOUT, POLLRDNORM, POLLWRNORM } from "../abi/poll.ts";
import { type OwnFileOptions, type PortableFile, WaitQueue } from "./file.ts";
import type { Files } from "./files.ts";

/** How much a pipe holds. See pipe(7). */
const CAPACITY = 65536;
/** A write of no more is all or nothing. */
const PIPE_BUF = 4096;

/** The two ends of a pipe of the portable kernel; see pipe(2). */
export interface PortablePipe extends Disposable {
  /** The end that requests read from. */
  readonly readFd: number;
  /** The end that requests write to. */
  readonly writeFd: number;
  /** Puts bytes in, as many as there is room for, and returns their number. */
  write(bytes: Uint8Array): number;
  /** Takes the oldest bytes out, at most `count`. */
  read(count: number): Uint8Array;
  /** Closes one end, once no request holds it any more. */
  close(end: "read" | "write"): void;
}

/** The bytes between the two ends. */
export class Pipe implements PortablePipe {
  readonly readFd: number;
  readonly writeFd: number;
  /** Waiters for bytes. */
  readonly readersWaiting: WaitQueue = new WaitQueue();
  /** Waiters for room. */
  readonly writersWaiting: WaitQueue = new WaitQueue();
  readonly blocking: boolean;
  readonly #files: Files;
  #bytes = new Uint8Array(0);
  /** Whether the end to read from is open. */
  readers = true;
  /** Whether the end to write to is open. */
  writers = true;

  constructor(files: Files, { blocking = false }: OwnFileOptions) {
    this.#files = files;
    this.blocking = blocking;
    this.readFd = files.add(readEnd(this));
    this.writeFd = files.add(writeEnd(this));
  }

  get length(): number {
    return this.#bytes.length;
  }

  get room(): number {
    return CAPACITY - this.#bytes.length;
  }

  write(bytes: Uint8Array): number {
    const count = Math.min(bytes.length, this.room);
    const joined = new Uint8Array(this.#bytes.length + count);
    joined.set(this.#bytes);
    joined.set(bytes.subarray(0, count), this.#bytes.length);
    this.#bytes = joined;
    if (count > 0) this.readersWaiting.wake(POLLIN | POLLRDNORM);
    return count;
  }

  read(count: number): Uint8Array {
    const taken = this.#bytes.slice(0, count);
    this.#bytes = this.#bytes.slice(taken.length);
    if (taken.length > 0) this.writersWaiting.wake(POLLOUT | POLLWRNORM);
    return taken;
  }

  close(end: "read" | "write"): void {
    this.#files.close(end === "read" ? this.readFd : this.writeFd);
  }

  /** Nothing holds an end any more. */
  closed(end: "read" | "write"): void {
    if (end === "read") this.readers = false;
    else this.writers = false;
    this.readersWaiting.wake();
    this.writersWaiting.wake();
  }

  [Symbol.dispose](): void {
    this.close("read");
    this.close("write");
  }
}

function readEnd(pipe: Pipe): PortableFile {
  return {
    users: 0,
    release: () => pipe.closed("read"),
    readable: true,
    writable: false,
    waiters: pipe.readersWaiting,
    read(request) {
      if (request.length === 0) return 0;
      if (pipe.length > 0) {
        const bytes = pipe.read(request.length);
        request.scatter(bytes);
        return bytes.length;
      }
      if (!pipe.writers) return 0;
      return pipe.blocking ? pipe.readersWaiting.retryAfter(request) : -EAGAIN;
    },
    poll: () => (pipe.length > 0 ? POLLIN | POLLRDNORM : 0) | (pipe.writers ? 0 : POLLHUP),
  };
}

function writeEnd(pipe: Pipe): PortableFile {
  return {
    users: 0,
    release: () => pipe.closed("write"),
    readable: false,
    writable: true,
    writesWhole: pipe.blocking,
    waiters: pipe.writersWaiting,
    write(request) {
      if (request.length === 0) return 0;
      if (!pipe.readers) return -EPIPE;
      const least = request.total <= PIPE_BUF ? request.length : 1;
      if (pipe.room < least) {
        return pipe.blocking ? pipe.writersWaiting.retryAfter(request) : -EAGAIN;
      }
      const bytes = new Uint8Array(Math.min(pipe.room, request.length));
      request.gather(bytes);
      return pipe.write(bytes);
    },
    poll: () => (pipe.room >= PIPE_BUF ? POLLOUT | POLLWRNORM : 0) | (pipe.readers ? 0 : POLLERR),
  };
}
