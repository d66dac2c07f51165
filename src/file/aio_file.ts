/**
 * Open files, in the shape of the `FileHandle` of `node:fs/promises`.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { type BigIntStats, fstat, ftruncate, type ReadStream, type Stats } from "node:fs";
import type { CreateReadStreamOptions, FileHandle } from "node:fs/promises";
import type { ReadableStream } from "node:stream/web";
import { promisify } from "node:util";
import { EOPNOTSUPP } from "../abi/errno.ts";
import { IOCB_CMD_FDSYNC, IOCB_CMD_FSYNC } from "../abi/opcodes.ts";
import { checkInteger, checkRange } from "../check.ts";
import { AioError } from "../errors/aio_error.ts";
import { unwatch, watch } from "../forgotten.ts";
import { checkIntact } from "../memory/intrinsics.ts";
import { AdoptedHandle, disown, takeClose } from "./adopted_handle.ts";
import {
  type DurableOptions,
  flagsOf,
  gatherFrom,
  type MemoryRange,
  parseRead,
  parseVector,
  parseWrite,
  type ReadOptions,
  scatterTo,
  type WriteOptions,
} from "./arguments.ts";
import { type Chunks, chunksOf } from "./chunks.ts";
import { Control } from "./control.ts";
import { Cursor } from "./cursor.ts";
import type { OpenFile } from "./open_file.ts";
import { LARGEST_READ, readAt, readInto, readLong, type ReadResult } from "./read.ts";
import {
  type RangeOrder,
  type RangeRequest,
  type RangeRequests,
  type RangeResult,
  Ranges,
} from "./read_many.ts";
import { readToEnd } from "./read_to_end.ts";
import { sizeOf } from "./size_of.ts";
import { checkStreamRange, webStream } from "./streams.ts";
import { lockLength, write, writeAfter } from "./write.ts";
import type { WriteResult } from "./write_one.ts";

const fstatAsync = promisify(fstat);
const ftruncateAsync = promisify(ftruncate);

/** How {@link AioFile.readAt} reads. */
export interface ReadAtOptions {
  /** Rejects the promise at once with `signal.reason`. */
  signal?: AbortSignal;
}

/** How {@link AioFile.readMany} reads. */
export interface ReadManyOptions {
  /**
   * The most ranges in flight.
   *
   * @default {64}
   */
  depth?: number;
  /**
   * Whether ranges come as soon as they are there, or as they were asked for.
   *
   * @default {"completion"}
   */
  order?: RangeOrder;
  /** Ends the iteration with `signal.reason`. */
  signal?: AbortSignal;
}

/** How {@link AioFile.scan} reads. */
export interface ScanOptions extends ReadManyOptions {
  /**
   * Bytes of a block.
   *
   * @default {65536}
   */
  blockSize?: number;
  /**
   * Where to begin, in bytes.
   *
   * @default {0}
   */
  start?: number;
  /** Where to end, in bytes; by default, and at most, where the file ends when the scan begins. */
  end?: number;
}

/** How {@link AioFile.readFile} reads. */
export interface ReadFileOptions {
  /** The result is a string in this encoding, not a Buffer. */
  encoding?: BufferEncoding | null | undefined;
  /** Rejects the promise with `signal.reason`. */
  signal?: AbortSignal | undefined;
}

/** How {@link AioFile.writeFile} writes. */
export interface WriteFileOptions {
  /**
   * Of strings.
   *
   * @default {"utf8"}
   */
  encoding?: BufferEncoding | null;
  /** Rejects the promise with `signal.reason` before the next part. */
  signal?: AbortSignal;
}

const MAXIMUM_DEPTH = 65536;
const MAXIMUM_BLOCK_SIZE = 1 << 30;

/**
 * An open file. Made by `open`.
 *
 * It is the `FileHandle` that `node:fs/promises` opened, and has every member of it. Those that are
 * listed here are kaio's own: they take the same arguments and give the same results and error
 * codes, reject with {@link AioError}, and do not block the thread while a disk works, with `direct`
 * or without. All others are the runtime's.
 *
 * A write makes the file no longer than it asks for, not even for a moment, with `direct` or without:
 * others never see more, nor is there more if the process is killed.
 *
 * Several operations may be under way at once. What is promised of their order:
 *
 * - An operation that is begun after the promise of another has resolved comes after it: a read
 *   sees the write, and a sync covers it.
 * - Operations that are under way at once have no order, so two writes to the same bytes may end
 *   either way, and a sync covers or misses a write. But:
 * - Those without a position take turns, each where the one before it ended.
 * - {@link AioFile.truncate} and {@link AioFile.allocate} come after the writes begun before them
 *   and before those begun after them, also where those are on another `AioFile` for the same file
 *   in this thread.
 *
 * A file that was not closed is closed after it became unreachable: when neither the `AioFile` nor
 * an operation, loop or stream on it is left. A warning `KAIO_NOT_CLOSED` then names the place where
 * it was opened.
 */
export class AioFile extends AdoptedHandle implements AsyncDisposable {
  readonly #file: OpenFile;
  readonly #cursor: Cursor;
  /** Closes the handle as the runtime does. */
  readonly #closeHandle: () => Promise<void>;
  /** Closes the second descriptor of a file that is written with O_DIRECT. */
  readonly #closeBuffered: (() => Promise<void>) | undefined;
  #closing: Promise<void> | undefined;
  #streamed = false;

  /** @internal */
  constructor(handle: FileHandle, file: OpenFile, closeBuffered?: () => Promise<void>) {
    const closeHandle = takeClose(handle);
    super(handle);
    this.#file = file;
    this.#cursor = new Cursor(file);
    this.#closeHandle = closeHandle;
    this.#closeBuffered = closeBuffered;
    watch(this, `AioFile of '${file.path}'`, closerOf(file, [disown(handle), closeBuffered]));
  }

  /**
   * The file descriptor; -1 once the file is closed. It does not keep the file open: see
   * {@link AioFile}.
   */
  override get fd(): number {
    return this.#closing === undefined ? this.#file.fd : -1;
  }

  /** The path that the file was opened with. */
  get path(): string {
    return this.#file.path;
  }

  /** Whether reads and writes pass by the page cache. */
  get direct(): boolean {
    return this.#file.direct;
  }

  /**
   * Reads a range.
   *
   * @param position Where it begins, in bytes
   * @param length How many bytes
   * @param options A signal
   * @returns Exactly that range; shorter only where the file ends
   * @throws {RangeError} If `position` or `length` is out of range
   * @throws {AioError} What the kernel answered; EBADF if the file is closed
   */
  readAt(
    position: number,
    length: number,
    options?: ReadAtOptions,
  ): Promise<Uint8Array<ArrayBuffer>> {
    try {
      const file = this.#file;
      checkRange("read", position, length);
      file.check("read");
      const signal = options?.signal;
      signal?.throwIfAborted();
      if (length === 0) return Promise.resolve(new Uint8Array(0));
      if (length > LARGEST_READ || file.isStream) return this.#readLong(position, length, signal);
      return readAt(file, position, length, signal);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #readLong(
    position: number,
    length: number,
    signal: AbortSignal | undefined,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const file = this.#file;
    return file.during(async () => {
      // A range far beyond the end must not cost the memory that it would have
      const size = file.isRegular ? await sizeOf(file) : position + length;
      // Files of /proc say that they have 0 bytes
      if (size === 0) {
        return new Uint8Array((await readToEnd(file, position, signal)).subarray(0, length));
      }
      const bytes = new Uint8Array(Math.max(0, Math.min(length, size - position)));
      const count = await readLong(file, bytes, 0, bytes.length, position, signal);
      return count === bytes.length ? bytes : bytes.slice(0, count);
    });
  }

  /**
   * Reads many ranges, a number of them in flight.
   *
   * @example
   * ```ts
   * import { open } from "kaio";
   *
   * await using file = await open("app.db");
   * const pages = [7, 3, 1].map((page) => ({ position: (page - 1) * 4096, length: 4096, data: page }));
   * for await (const { bytes, data } of file.readMany(pages, { depth: 16 })) {
   *   console.log(data, bytes.length);
   * }
   * ```
   *
   * @param requests The ranges; asked for more as room becomes free
   * @param options Depth, order and signal
   * @returns The ranges; the bytes of each are valid until the next is asked for
   * @throws {RangeError} If `depth` is not an integer from 1 to 65536
   */
  readMany<T = undefined>(
    requests: RangeRequests<T>,
    options: ReadManyOptions = {},
  ): AsyncIterableIterator<RangeResult<T>> {
    return this.#ranges(requests, options, false);
  }

  /**
   * Reads the file, or a part of it, in blocks.
   *
   * @param options Size of the blocks, depth, range, order and signal
   * @returns The blocks; the bytes of each are valid until the next is asked for
   * @throws {RangeError} If an option is out of range
   * @throws {AioError} ENODATA if the file shrinks meanwhile
   */
  scan(options: ScanOptions = {}): AsyncIterableIterator<RangeResult<undefined>> {
    const { blockSize = 65536, start = 0 } = options;
    checkInteger("scan", "blockSize", blockSize, MAXIMUM_BLOCK_SIZE, 1);
    checkInteger("scan", "start", start, Number.MAX_SAFE_INTEGER);
    checkInteger("scan", "end", options.end ?? start, Number.MAX_SAFE_INTEGER, start);
    this.#file.check("read");
    const requests = async () => {
      const size = await this.#file.during(() => sizeOf(this.#file));
      return blocks(start, Math.min(options.end ?? size, size), blockSize);
    };
    return this.#ranges(requests, options, true);
  }

  #ranges<T>(
    requests: RangeRequests<T> | (() => Promise<RangeRequests<T>>),
    { depth = 64, order = "completion", signal }: ReadManyOptions,
    whole: boolean,
  ): Ranges<T> {
    checkInteger("read ranges", "depth", depth, MAXIMUM_DEPTH, 1);
    if (order !== "completion" && order !== "request") {
      throw new TypeError(
        `Cannot read ranges: \`order\` must be "completion" or "request": current value is "${order}"`,
      );
    }
    this.#file.check("read");
    return new Ranges(this.#file, requests, { depth, order, signal, whole, owner: this });
  }

  /**
   * Reads into a buffer; see `FileHandle.read`.
   *
   * @param buffer Where the bytes go, or all arguments in one object; by default 16 KiB of memory
   * @param offset First byte of the buffer, or the other arguments in one object
   * @param length How many bytes
   * @param position Position in the file; `null`: where the last read or write without one ended
   * @returns The number of bytes, 0 at the end of the file, and the buffer
   * @throws {TypeError} ERR_INVALID_ARG_TYPE
   * @throws {RangeError} ERR_OUT_OF_RANGE
   * @throws {AioError} What the kernel answered
   */
  override read<B extends ArrayBufferView>(
    buffer: B,
    offset?: number | null,
    length?: number | null,
    position?: number | bigint | null,
  ): Promise<{ bytesRead: number; buffer: B }>;
  /** The same with the other arguments in one object. */
  override read<B extends ArrayBufferView>(
    buffer: B,
    options?: ReadOptions,
  ): Promise<{ bytesRead: number; buffer: B }>;
  /** The same with all arguments in one object. */
  override read<B extends ArrayBufferView = Buffer>(
    options?: (ReadOptions & { buffer?: B }) | null,
  ): Promise<{ bytesRead: number; buffer: B }>;
  override read(
    buffer?: ArrayBufferView | ReadOptions | null,
    offset?: number | ReadOptions | null,
    length?: number | null,
    position?: number | bigint | null,
  ): Promise<{ bytesRead: number; buffer: ArrayBufferView }> {
    try {
      const range = parseRead(buffer, offset, length, position);
      const file = this.#file;
      file.check("read");
      const { length: count, position: at } = range;
      if (at === undefined || count > LARGEST_READ || file.isStream || count === 0) {
        return this.#readParts(range);
      }
      return readInto(file, range.bytes, range.offset, count, at, range.buffer);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** What is not one request at a position. */
  async #readParts(range: MemoryRange): Promise<ReadResult<ArrayBufferView>> {
    const { buffer, bytes, offset, length, position } = range;
    const read = async (at: number) => {
      checkIntact(bytes, offset + length, "read into");
      return await readLong(this.#file, bytes, offset, length, at);
    };
    // Under way from now on, also while it waits for its turn: closing waits for it.
    const bytesRead = length === 0 ? 0 : await this.#file.during(() => this.#at(position, read));
    return { bytesRead, buffer };
  }

  /**
   * Reads into several buffers, filled one after the other; see `FileHandle.readv`.
   *
   * @param buffers Where the bytes go
   * @param position Position in the file; `null`: where the last read or write without one ended
   * @returns The number of bytes, and the buffers
   * @throws {TypeError} ERR_INVALID_ARG_TYPE
   * @throws {AioError} What the kernel answered
   */
  override async readv<B extends readonly ArrayBufferView[]>(
    buffers: B,
    position?: number | null,
  ): Promise<{ bytesRead: number; buffers: B }> {
    const vector = parseVector("read", buffers, position);
    this.#file.check("read");
    const { length, position: at } = vector;
    const bytes = new Uint8Array(length);
    const range = { buffer: bytes, bytes, offset: 0, length, position: at, rwFlags: 0 };
    const { bytesRead } = await this.#readParts(range);
    scatterTo(vector, bytes.subarray(0, bytesRead));
    return { bytesRead, buffers };
  }

  /**
   * Writes a buffer or a string; see `FileHandle.write`.
   *
   * @param data The bytes, which are to stay as they are until the promise resolves
   * @param offset First byte of the buffer, or the other arguments in one object; of a string the
   * position
   * @param length How many bytes; of a string the encoding
   * @param position Position in the file; `null`: where the last read or write without one ended
   * @returns The number of bytes, and what was written
   * @throws {TypeError} ERR_INVALID_ARG_TYPE
   * @throws {RangeError} ERR_OUT_OF_RANGE
   * @throws {AioError} What the kernel answered
   */
  override write<D extends ArrayBufferView | string>(
    data: D,
    offset?: number | WriteOptions | null,
    length?: number | BufferEncoding | null,
    position?: number | null,
  ): Promise<{ bytesWritten: number; buffer: D }> {
    try {
      const range = parseWrite(data, offset, length, position);
      this.#file.check("write");
      return this.#write(range, data);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Writes several buffers, one after the other; see `FileHandle.writev`.
   *
   * @param buffers The bytes
   * @param position Position in the file; `null`: where the last read or write without one ended
   * @param options Whether the bytes are on the disk when the promise resolves
   * @returns The number of bytes, and the buffers
   * @throws {TypeError} ERR_INVALID_ARG_TYPE
   * @throws {AioError} What the kernel answered
   */
  override async writev<B extends readonly ArrayBufferView[]>(
    buffers: B,
    position?: number | null,
    options?: DurableOptions,
  ): Promise<{ bytesWritten: number; buffers: B }> {
    const vector = parseVector("write", buffers, position);
    const rwFlags = flagsOf(options);
    this.#file.check("write");
    const bytes = gatherFrom(vector);
    const { length, position: at } = vector;
    const range = { bytes, offset: 0, length, position: at, rwFlags };
    return { bytesWritten: (await this.#write(range, null)).bytesWritten, buffers };
  }

  /**
   * Reads from the current position to the end; see `FileHandle.readFile`.
   *
   * @param options Encoding and signal, or the encoding
   * @returns A Buffer, or a string if there is an encoding
   * @throws {AioError} What the kernel answered
   */
  override readFile(
    options?: (ReadFileOptions & { encoding?: null | undefined }) | null,
  ): Promise<Buffer<ArrayBuffer>>;
  /** The same as a string. */
  override readFile(
    options: (ReadFileOptions & { encoding: BufferEncoding }) | BufferEncoding,
  ): Promise<string>;
  override async readFile(
    options?: ReadFileOptions | BufferEncoding | null,
  ): Promise<Buffer<ArrayBuffer> | string> {
    const { encoding, signal } = typeof options === "string"
      ? { encoding: options }
      : options ?? {};
    const file = this.#file;
    file.check("read");
    signal?.throwIfAborted();
    let content: Buffer<ArrayBuffer> = Buffer.alloc(0);
    const read = async (position: number) => {
      content = await readToEnd(file, position, signal);
      return content.length;
    };
    await file.during(() => this.#at(undefined, read));
    return encoding ? content.toString(encoding) : content;
  }

  /**
   * Writes at the current position; see `FileHandle.writeFile`. What follows it in the file stays.
   *
   * @param data A string, a buffer, or an iterable, async iterable or stream of them
   * @param options Encoding and signal, or the encoding
   * @throws {TypeError} ERR_INVALID_ARG_TYPE
   * @throws {AioError} What the kernel answered
   */
  override async writeFile(
    data: Chunks,
    options?: WriteFileOptions | BufferEncoding | null,
  ): Promise<void> {
    const { encoding, signal } = typeof options === "string"
      ? { encoding: options }
      : options ?? {};
    const file = this.#file;
    file.check("write");
    signal?.throwIfAborted();
    file.keepOpen();
    try {
      for await (let bytes of chunksOf(data, encoding)) {
        while (bytes.length > 0) {
          signal?.throwIfAborted();
          file.checkContext("write");
          const { length } = bytes;
          const range = { bytes, offset: 0, length, position: undefined, rwFlags: 0 };
          bytes = bytes.subarray((await this.#write(range, null)).bytesWritten);
        }
      }
    } finally {
      file.letClose();
    }
  }

  /**
   * The same as {@link AioFile.writeFile}, as it is of a `FileHandle`: at the current position, which
   * is the end of a file that was opened to append.
   *
   * @param data A string, a buffer, or an iterable, async iterable or stream of them
   * @param options Encoding and signal, or the encoding
   * @throws {AioError} What the kernel answered
   */
  override appendFile(
    data: Chunks,
    options?: WriteFileOptions | BufferEncoding | null,
  ): Promise<void> {
    return this.writeFile(data, options);
  }

  /**
   * See `FileHandle.stat` and fstat(2).
   *
   * @param options Whether the numbers are bigints
   */
  override stat(options?: { bigint?: false }): Promise<Stats>;
  /** The same in bigints. */
  override stat(options: { bigint: true }): Promise<BigIntStats>;
  override async stat(options?: { bigint?: boolean | undefined }): Promise<Stats | BigIntStats> {
    this.#file.check("fstat");
    return await this.#file.during(() =>
      fstatAsync(this.#file.fd, { bigint: options?.bigint === true })
    );
  }

  /**
   * Cuts the file, or lengthens it with zeros; see `FileHandle.truncate` and ftruncate(2). Comes
   * after the writes that were begun before it, and before those that were begun after it.
   *
   * @param length Bytes that the file has afterwards; less than 0 counts as 0
   * @throws {RangeError} ERR_OUT_OF_RANGE
   */
  override async truncate(length: number = 0): Promise<void> {
    if (length < 0) length = 0;
    checkInteger("truncate", "length", length, Number.MAX_SAFE_INTEGER);
    const file = this.#file;
    file.check("ftruncate");
    await this.#file.during(async () => {
      const lengthLock = file.lock.takeLength(true);
      if (lengthLock.blockers > 0) await lengthLock.granted();
      try {
        await ftruncateAsync(file.fd, length);
      } finally {
        lengthLock.release();
      }
    });
  }

  /**
   * Reserves space on the disk, so that later writes there do not fail with ENOSPC: the file is at
   * least `position + length` bytes long afterwards, with zeros where nothing was written. Ordered
   * as {@link AioFile.truncate}. Done by another thread, however long it takes. See fallocate(2).
   *
   * @param position Where the space begins
   * @param length Its bytes, at least 1
   * @throws {RangeError} ERR_OUT_OF_RANGE
   * @throws {AioError} ENOSPC, where some file systems have reserved what there was, and the file
   * is longer; ENOTSUP where the file system, or the portable kernel, has no such call; EFBIG
   * @throws {Error} What the runtime says of a thread that it does not permit: Node with
   * `--permission` wants `--allow-worker`
   */
  async allocate(position: number, length: number): Promise<void> {
    checkInteger("allocate", "position", position, Number.MAX_SAFE_INTEGER);
    checkInteger("allocate", "length", length, Number.MAX_SAFE_INTEGER, 1);
    const file = this.#file;
    file.check("fallocate");
    await this.#file.during(async () => {
      const lengthLock = file.lock.takeLength(true);
      if (lengthLock.blockers > 0) await lengthLock.granted();
      try {
        const { files } = file.core;
        const res = await (files.fallocate?.(file.fd, position, length) ?? -EOPNOTSUPP);
        if (res === 0) return;
        const { fd, path } = file;
        const hint = files.fallocate === undefined ? "this kernel has no such call" : undefined;
        throw new AioError(res, "fallocate", { fd, path, position, length, hint });
      } finally {
        lengthLock.release();
      }
    });
  }

  /**
   * Makes what was written last: data and metadata; see `FileHandle.sync` and fsync(2). It covers
   * the writes whose promises have resolved.
   */
  override async sync(): Promise<void> {
    this.#file.check("fsync");
    await new Control(this.#file, IOCB_CMD_FSYNC).promise;
  }

  /**
   * Makes what was written last: data and what is needed to read it; see `FileHandle.datasync` and
   * fdatasync(2). It covers the writes whose promises have resolved.
   */
  override async datasync(): Promise<void> {
    this.#file.check("fsync");
    await new Control(this.#file, IOCB_CMD_FDSYNC).promise;
  }

  /**
   * Waits for what is under way and closes the file; see `FileHandle.close`. An error is that of the
   * runtime.
   */
  override close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  #close(): Promise<void> {
    unwatch(this);
    const file = this.#file;
    file.closed = true;
    if (!file.isBusy && this.#closeBuffered === undefined) return this.#closeHandle();
    return this.#closeAll();
  }

  /** Closes also what is open beside the handle, once no operation is under way. */
  async #closeAll(): Promise<void> {
    await this.#file.drained();
    const closings = [this.#closeHandle(), this.#closeBuffered?.()];
    for (const result of await Promise.allSettled(closings)) {
      if (result.status === "rejected") throw result.reason;
    }
  }

  /** Closes the file; for `await using`. */
  override async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /**
   * The file as a stream of bytes from the current position on; see
   * `FileHandle.readableWebStream`. A file has one such stream.
   *
   * @param options Whether the file is closed when the stream is over
   * @throws {Error} ERR_INVALID_STATE if it had one before
   */
  override readableWebStream(options: { autoClose?: boolean } = {}): ReadableStream<Uint8Array> {
    this.#file.check("read");
    if (this.#streamed) {
      const error = new Error("Cannot create stream: the file has one already");
      throw Object.assign(error, { code: "ERR_INVALID_STATE" });
    }
    this.#streamed = true;
    return webStream(this, options.autoClose ?? false);
  }

  /**
   * The file as a stream of Node; see `FileHandle.createReadStream`.
   *
   * @param options Range, encoding, size of the chunks
   * @throws {RangeError} ERR_OUT_OF_RANGE
   */
  override createReadStream(options?: CreateReadStreamOptions): ReadStream {
    this.#file.check("read");
    checkStreamRange(options?.start, options?.end);
    return super.createReadStream(options);
  }

  /** At a position, or at the current one, which then moves on. */
  #at(
    position: number | undefined,
    action: (position: number) => Promise<number>,
  ): Promise<number> {
    if (position !== undefined) return action(position);
    // A stream has no position, and a read that waits for it must not keep a write waiting.
    if (this.#file.isStream) return action(0);
    this.#cursor.check("read");
    return this.#cursor.move(action);
  }

  #write<D>(
    range: Omit<MemoryRange, "buffer">,
    data: D,
  ): Promise<WriteResult<D>> {
    const file = this.#file;
    const { length, position } = range;
    if (length === 0) return Promise.resolve({ bytesWritten: 0, buffer: data });
    if (position !== undefined) return write(file, { ...range, position }, data);
    if (file.isStream) return write(file, { ...range, position: 0 }, data);
    try {
      this.#cursor.check("write");
    } catch (error) {
      return Promise.reject(error);
    }
    // Locked now, as is the turn: what cuts the file comes after all writes begun before it.
    const lengthLock = lockLength(file);
    const move = async (at: number) => {
      const source = { ...range, position: at };
      return (await writeAfter(file, source, data, lengthLock)).bytesWritten;
    };
    // The position goes with an append, as it does in the kernel: to the end of the file.
    const next = file.append ? () => sizeOf(file) : undefined;
    return file.during(async () => {
      return { bytesWritten: await this.#cursor.move(move, next), buffer: data };
    });
  }
}

/** Closes a file whose `AioFile` is gone: what is under way is waited for. */
function closerOf(
  file: OpenFile,
  closers: readonly ((() => Promise<void>) | undefined)[],
): () => Promise<void> {
  // Weak: its last request leads to a loop, and so to the `AioFile`
  const reference = new WeakRef(file);
  return async () => {
    await reference.deref()?.drained();
    // Nobody is left to be told of a failure
    for (const close of closers) close?.().catch(() => {});
  };
}

/** Blocks of a part of a file, the last one perhaps shorter. */
function* blocks(
  start: number,
  end: number,
  blockSize: number,
): Generator<RangeRequest<undefined>> {
  for (let position = start; position < end; position += blockSize) {
    yield { position, length: Math.min(blockSize, end - position) };
  }
}
