/**
 * The files of the kernel's own, as the program holds them.
 *
 * @module
 */
import { Eventfd } from "./eventfd.ts";
import type { Files } from "./files.ts";
import { Pipe, PipeReader, PipeWriter } from "./pipe.ts";

/** How an {@link PortableEventfd} or a {@link PortablePipe} behaves. */
export interface OwnFileOptions {
  /**
   * Whether a read waits when there is nothing to read, instead of failing with EAGAIN.
   *
   * @default {false}
   */
  blocking?: boolean;
}

/** How a {@link PortableEventfd} behaves. */
export interface EventfdOptions extends OwnFileOptions {
  /**
   * Whether a read takes 1 of the counter, not all of it.
   *
   * @default {false}
   */
  semaphore?: boolean;
}

/** A counter of the portable kernel; see eventfd(2). */
export interface PortableEventfd extends Disposable {
  /** For `aio_resfd`, and for requests: reads and polls. */
  readonly fd: number;
  /** The counter. */
  readonly count: number;
  /** Adds to the counter; 1 by default. */
  signal(count?: number): void;
  /** Takes the count, or 1 of it for a semaphore. */
  take(): number;
}

/** The two ends of a pipe of the portable kernel; see pipe(2). */
export interface PortablePipe extends Disposable {
  /** The end that requests read from. */
  readonly readFd: number;
  /** The end that requests write to. */
  readonly writeFd: number;
  /** Puts bytes in, as many as there is room for, and returns their number. */
  write(bytes: Uint8Array): number;
  /** Takes bytes out, at most `count`. */
  read(count: number): Uint8Array;
  /** Closes one end. */
  close(end: "read" | "write"): void;
}

/** Makes an eventfd with a descriptor. */
export function openEventfd(
  files: Files,
  count: number,
  { blocking = false, semaphore = false }: EventfdOptions,
): PortableEventfd {
  const eventfd = new Eventfd(count, blocking, semaphore);
  const fd = files.add(eventfd);
  return {
    fd,
    get count() {
      return eventfd.count;
    },
    signal: (count) => eventfd.signal(count),
    take: () => eventfd.take(),
    [Symbol.dispose]: () => files.close(fd),
  };
}

/** Makes a pipe with two descriptors. */
export function openPipe(files: Files, { blocking = false }: OwnFileOptions): PortablePipe {
  const pipe = new Pipe(blocking);
  const readFd = files.add(new PipeReader(pipe));
  const writeFd = files.add(new PipeWriter(pipe));
  const close = (end: "read" | "write") => {
    if (end === "read") pipe.readers = false;
    else pipe.writers = false;
    files.close(end === "read" ? readFd : writeFd);
    pipe.hungUp();
  };
  return {
    readFd,
    writeFd,
    write: (bytes) => {
      const count = Math.min(bytes.length, pipe.room);
      pipe.put(bytes.slice(0, count));
      return count;
    },
    read: (count) => pipe.take(count),
    close,
    [Symbol.dispose]: () => {
      close("read");
      close("write");
    },
  };
}
