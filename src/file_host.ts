/**
 * What an open file asks of the machine beside the six calls.
 *
 * @module
 */

/** The alignments in bytes that a file asks for when it is opened with O_DIRECT. */
export interface DirectAlignment {
  /** For the address of the memory. */
  readonly memory: number;
  /** For position and length of a write. */
  readonly offset: number;
  /** For position and length of a read; at most {@link DirectAlignment.offset}. */
  readonly readOffset: number;
}

/**
 * What io_submit blocks the thread for when it is given a transfer of a file that was opened without
 * O_DIRECT: nothing, as others do the work; the copy, as the file lies in memory; or the disk.
 */
export type Blocking = "nothing" | "copy" | "disk";

/** The current position of an open file. */
export interface FilePosition {
  /** Where it is. */
  get(): number;
  /** Moves it. */
  set(position: number): void;
}

/**
 * Facts and calls that a file needs of the machine. Every member but the first is optional: without
 * it more is copied, or an operation is not available.
 */
export interface FileHost {
  /** What io_submit may block for with this file; see {@link Blocking}. */
  blocksFor(fd: number): Blocking;
  /** What statx(2) says of O_DIRECT on this file; `undefined` where the file system is silent. */
  directAlignment?(fd: number): DirectAlignment | undefined;
  /**
   * Moves the position of a descriptor; see lseek(2). Without it a file that is opened with O_DIRECT
   * has no current position, because its transfers are aligned and so need to be given one.
   *
   * @returns Where it is then, or `-errno`
   */
  readonly seek?: (fd: number, offset: number, whence: number) => number;
  /**
   * Whether a read with RWF_NOWAIT may end before the file does, through the page cache: it is of no
   * use then. See readv(2), "BUGS".
   */
  readonly endsEarly?: boolean;
  /**
   * Reads on this thread; see preadv2(2). Without it threads make all reads at the descriptor's own
   * position, and those into memory that has no address.
   *
   * @param bytes Memory that is not shared, and of a fixed length
   * @param start Where in it the read begins
   * @param position Where in the file; -1 is the descriptor's own position, which is moved
   * @param rwFlags RWF_NOWAIT, or 0 for a file in memory
   * @returns How many bytes there were, or `-errno`: EAGAIN if it would have to wait
   */
  readNow?(
    fd: number,
    bytes: Uint8Array<ArrayBuffer>,
    start: number,
    length: number,
    position: number,
    rwFlags: number,
  ): number;
  /**
   * The current position of a file that was just opened, for all files of a kernel that does not
   * see what is transferred by `node:fs`: a simulation.
   */
  newPosition?(): FilePosition;
  /**
   * The process that the files belong to, if it is not this one but a simulated one: a write that
   * never ends because the power failed must not keep the next process waiting.
   */
  readonly process?: object | undefined;
  /**
   * Whether that process is over, as the power failed: what it has in flight never completes, so
   * that whoever closes its files and contexts must not wait for it.
   */
  readonly isOver?: boolean;
  /**
   * How a file is synced where the runtime does not let its threads do that, as Node under
   * `--permission`: by a request, or by the runtime's own FileHandle if it is threads that do the
   * requests. Either follows each durable write then. `undefined` where threads may sync.
   */
  readonly syncsBy?: "request" | "handle" | undefined;
  /**
   * Writes on another thread, the iovecs at the address `iov`; see pwritev(2). The position -1 is
   * the descriptor's own, which is moved. Only available where the asynchronous writes of
   * `node:fs` block this one. The iovecs and the memory must be kept until the promise settles.
   *
   * @returns The number of bytes; -1, or a rejection, for any error
   */
  pwritev?(fd: number, iov: number, iovcnt: number, position: number): Promise<number>;
  /**
   * The same bytes, in a form that `node:fs` uses where they lie. Only available where it copies
   * memory from `allocate` of the main module, on this thread. They must be kept while the alias is
   * used, and users must not get it: it can be detached.
   */
  alias?(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer>;
  /**
   * Has space reserved by another thread; see fallocate(2), mode 0. Without it a file has no
   * `allocate`.
   *
   * @returns 0 or `-errno`
   */
  fallocate?(fd: number, position: number, byteLength: number): Promise<number>;
}
