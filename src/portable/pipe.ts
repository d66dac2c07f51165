/**
 * The portable counterpart of pipe(2), for requests that wait for the other end.
 *
 * @module
 */
import { EAGAIN, EPIPE } from "../abi/errno.ts";
import { PAGE_SIZE } from "../abi/page.ts";
import { POLLERR, POLLHUP, POLLIN, POLLOUT, POLLRDNORM, POLLWRNORM } from "../abi/poll.ts";
import { type OwnFileOptions, type PortableFile, WaitQueue } from "./file.ts";
import type { Files } from "./files.ts";

/** How many pages a pipe has. See PIPE_DEF_BUFFERS. */
const PAGES = 16;

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

/** A page, whose bytes from `start` to `end` were written and not read yet: struct pipe_buffer. */
interface PipeBuffer {
  readonly page: Uint8Array;
  start: number;
  end: number;
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
  /** Oldest first. */
  readonly #buffers: PipeBuffer[] = [];
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
    return this.#buffers.reduce((sum, { start, end }) => sum + end - start, 0);
  }

  /** Whether no page is free: counterpart of `pipe_full`. */
  get full(): boolean {
    return this.#buffers.length === PAGES;
  }

  /** How many bytes of a write of `count` there is room for. */
  roomFor(count: number): number {
    const free = PAGE_SIZE * (PAGES - this.#buffers.length);
    return Math.min(count, this.#merged(count) + free);
  }

  /** How many bytes of a write fit behind the last ones: all that does not fill pages, or none. */
  #merged(count: number): number {
    const last = this.#buffers.at(-1);
    const rest = count % PAGE_SIZE;
    return last !== undefined && last.end + rest <= PAGE_SIZE ? rest : 0;
  }

  write(bytes: Uint8Array): number {
    const count = this.roomFor(bytes.length);
    let at = this.#merged(bytes.length);
    if (at > 0) {
      const last = this.#buffers.at(-1)!;
      last.page.set(bytes.subarray(0, at), last.end);
      last.end += at;
    }
    while (at < count) {
      const part = bytes.subarray(at, Math.min(count, at + PAGE_SIZE));
      const page = new Uint8Array(PAGE_SIZE);
      page.set(part);
      this.#buffers.push({ page, start: 0, end: part.length });
      at += part.length;
    }
    if (count > 0) this.readersWaiting.wake(POLLIN | POLLRDNORM);
    return count;
  }

  read(count: number): Uint8Array {
    const wasFull = this.full;
    const taken = new Uint8Array(Math.min(count, this.length));
    let at = 0;
    while (at < taken.length) {
      const first = this.#buffers[0]!;
      const end = Math.min(first.end, first.start + taken.length - at);
      taken.set(first.page.subarray(first.start, end), at);
      at += end - first.start;
      first.start = end;
      if (first.start === first.end) this.#buffers.shift();
    }
    // Room in a page that is not free yet is of no use to a writer.
    if (wasFull && !this.full) this.writersWaiting.wake(POLLOUT | POLLWRNORM);
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
      const room = pipe.roomFor(request.length);
      if (room === 0) {
        return pipe.blocking ? pipe.writersWaiting.retryAfter(request) : -EAGAIN;
      }
      const bytes = new Uint8Array(room);
      request.gather(bytes);
      return pipe.write(bytes);
    },
    poll: () => (pipe.full ? 0 : POLLOUT | POLLWRNORM) | (pipe.readers ? 0 : POLLERR),
  };
}
