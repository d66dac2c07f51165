/**
 * Open files, in the shape of the `FileHandle` of `node:fs/promises`.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import {
  type BigIntStats,
  ftruncate,
  type ReadStream,
  type Stats,
  type WriteStream,
} from "node:fs";
import type {
  CreateReadStreamOptions,
  CreateWriteStreamOptions,
  FileHandle,
} from "node:fs/promises";
import type { ReadableStream } from "node:stream/web";
import { promisify } from "node:util";
import { EINVAL, EIO, EISDIR, EOPNOTSUPP } from "../abi/errno.ts";
import { IOCB_CMD_FDSYNC, IOCB_CMD_FSYNC, IOCB_CMD_PWRITE } from "../abi/opcodes.ts";
import { checkDepth, checkInteger, checkRange, valueError } from "../check.ts";
import { AioError } from "../errors/aio_error.ts";
import { asAioError } from "../errors/as_aio_error.ts";
import { unwatch, watch } from "../forgotten.ts";
import { checkOptionNames } from "../option_names.ts";
import { asAbortError, throwIfAborted } from "./abortable.ts";
import { AdoptedHandle, CLOSE_NOW, disown, MOVE, takeClose } from "./adopted_handle.ts";
import {
  canLie,
  checkSignal,
  type DurableOptions,
  flagsOf,
  type MemoryRange,
  type MemoryVector,
  parseFileOptions,
  parseRead,
  parseVector,
  parseWrite,
  placedRange,
  type ReadOptions,
  wholeRange,
  type WriteOptions,
} from "./arguments.ts";
import { bytesOfChunk, checkChunks, type Chunks, isChunk } from "./chunks.ts";
import { Control } from "./control.ts";
import { CURRENT_POSITION } from "../route/transfer.ts";
import { BYTES_AHEAD, LARGEST_READ } from "../tuning.ts";
import { kindOf } from "./file_kind.ts";
import type { OpenFile } from "./open_file.ts";
import { read, readAt } from "./read.ts";
import {
  type RangeOrder,
  type RangeRequest,
  type RangeRequests,
  type RangeResult,
  Ranges,
} from "./read_many.ts";
import { readLongAt, readText, readToEnd, TooLargeError } from "./read_to_end.ts";
import { sizeOf } from "./size_of.ts";
import { EXCLUSIVE } from "./range_lock.ts";
import { readAhead } from "./read_ahead.ts";
import {
  CHUNK_SIZE,
  nodeStream,
  nodeWriteStream,
  parseWebStream,
  type ReadableWebStreamOptions,
  type StreamRead,
  webStream,
} from "./streams.ts";
import { gatherFrom, isForThreads, readVector, writeVector } from "./vector.ts";
import { write } from "./write.ts";
import { writeRanges, type WriteRequest, type WriteRequests } from "./write_many.ts";
import type { WriteResult } from "./write_one.ts";

const ftruncateAsync = promisify(ftruncate);

/** Options of {@link AioFile.readAt}. */
export interface ReadAtOptions {
  /** When aborted, rejects the promise at once with `signal.reason`. */
  signal?: AbortSignal | undefined;
}

/** Options of {@link AioFile.readMany}. */
export interface ReadManyOptions {
  /**
   * Maximum number of ranges in flight.
   *
   * @default {64}
   */
  depth?: number | undefined;
  /**
   * Whether ranges are yielded as they complete or as they were requested.
   *
   * @default {"completion"}
   */
  order?: RangeOrder | undefined;
  /** Ends the iteration with `signal.reason`. */
  signal?: AbortSignal | undefined;
}

/** Options of {@link AioFile.writeAt}. */
export interface WriteAtOptions extends DurableOptions {
  /** Ends the write between two parts, of a MiB each, with `signal.reason`. */
  signal?: AbortSignal | undefined;
}

/** Options of {@link AioFile.writeMany}. */
export interface WriteManyOptions extends DurableOptions {
  /**
   * How many writes are in flight at the most.
   *
   * @default {64}
   */
  depth?: number | undefined;
  /** Ends the writing with `signal.reason`. */
  signal?: AbortSignal | undefined;
}

/** Options of {@link AioFile.scan}. */
export interface ScanOptions extends ReadManyOptions {
  /**
   * Size of a block in bytes.
   *
   * @default {65536}
   */
  blockSize?: number | undefined;
  /**
   * Where to begin, in bytes.
   *
   * @default {0}
   */
  start?: number | undefined;
  /**
   * Where to end, in bytes, exclusive; by default, and at most, the size of the file when the scan
   * begins.
   */
  end?: number | undefined;
}

/** Options of {@link AioFile.readFile}. */
export interface ReadFileOptions {
  /** The encoding of the resulting string; without it the result is a Buffer. */
  encoding?: BufferEncoding | null | undefined;
  /** Rejects the promise with an `AbortError`, whose `cause` is `signal.reason`. */
  signal?: AbortSignal | undefined;
}

/** Options of {@link AioFile.writeFile}. */
export interface WriteFileOptions {
  /**
   * The encoding of strings.
   *
   * @default {"utf8"}
   */
  encoding?: BufferEncoding | null | undefined;
  /**
   * Rejects the promise before the next part is written with an `AbortError`, whose `cause` is
   * `signal.reason`.
   */
  signal?: AbortSignal | undefined;
  /**
   * Whether the file is synced after the last part.
   *
   * @default {false}
   */
  flush?: boolean | undefined;
}

const READ_MANY_OPTIONS: readonly (keyof ReadManyOptions)[] = ["depth", "order", "signal"];
const SCAN_OPTIONS: readonly (keyof ScanOptions)[] = [
  ...READ_MANY_OPTIONS,
  "blockSize",
  "start",
  "end",
];

const WRITE_AT_OPTIONS: readonly (keyof WriteAtOptions)[] = ["durable", "signal"];
const WRITE_MANY_OPTIONS: readonly (keyof WriteManyOptions)[] = ["depth", "durable", "signal"];
const MAXIMUM_BLOCK_SIZE = 1 << 30;

/**
 * An open file, as `open` resolves with it.
 *
 * It is the `FileHandle` that `node:fs/promises` opened, and has every member of it. The members
 * listed here are kaio's own: they take the same arguments and give the same results and error
 * codes, reject with {@link AioError}, and do not block the thread while a disk works, with
 * `direct` or without. All others are the runtime's.
 *
 * Arguments that are not what the types say are left to the runtime: it converts some, and rejects
 * the others with its own errors. With `direct` they are a `TypeError` or `RangeError` of kaio's.
 *
 * A write never makes the file longer than it asks for, not even for a moment, with `direct` or
 * without: other processes never see more bytes, nor are more left if the process is killed.
 *
 * Several operations may be in progress at once. Their order:
 *
 * - An operation that begins after the promise of another has resolved comes after it: a read sees
 *   the write, and a sync covers it.
 * - Operations in progress at once have no guaranteed order, so two writes to the same bytes may
 *   end either way, and a sync may cover or miss a write. There are two exceptions:
 * - Operations without a position take turns, each beginning where the one before it ended.
 * - {@link AioFile.truncate} and {@link AioFile.allocate} come after the writes that began before
 *   them, and before the writes that begin after them, even through another `AioFile` of the same
 *   file in this thread.
 *
 * A file that was not closed is closed once it becomes unreachable: when neither the `AioFile` nor
 * an operation, loop or stream on it is left. The warning `KAIO_NOT_CLOSED` then names
 * it, and from the second one on says where it was opened.
 *
 * @example
 * ```ts
 * import { open } from "kaio";
 *
 * await using file = await open("notes.txt", "w+", { direct: "try" });
 * await file.write("hello, disk", 0);
 * await file.datasync();
 * console.log(new TextDecoder().decode(await file.readAt(7, 4))); // disk
 * ```
 */
export class AioFile extends AdoptedHandle implements AsyncDisposable {
  readonly #file: OpenFile;
  /** Closes the handle as the runtime does. */
  readonly #closeHandle: () => Promise<void>;
  /** Closes the second descriptor of a file that is written with O_DIRECT. */
  readonly #closeBuffered: (() => Promise<void>) | undefined;
  #closing: Promise<void> | undefined;
  readonly #streamEnds = new Set<() => void>();
  #streamed = false;

  /** @internal */
  constructor(
    handle: FileHandle,
    file: OpenFile,
    closeBuffered: (() => Promise<void>) | undefined,
    stack: string | undefined,
  ) {
    const closeHandle = takeClose(handle, AioFile.prototype.close);
    super(handle);
    this.#file = file;
    this.#closeHandle = closeHandle;
    this.#closeBuffered = closeBuffered;
    watch(
      this,
      `AioFile of '${file.path}'`,
      closerOf(file, [disown(handle), closeBuffered]),
      stack,
    );
  }

  /**
   * The file descriptor; -1 once the file is closed. It does not keep the file open: see {@link
   * AioFile}. While others read or write by it without a position, as a child process may, a read of
   * this file without a position waits for them, and so does the thread: the kernel lets one at a time
   * move the position.
   *
   * @example
   * ```ts
   * import { fstatSync } from "node:fs";
   * import { open } from "kaio";
   *
   * await using file = await open("data.bin");
   * console.log(fstatSync(file.fd).size);
   * ```
   */
  override get fd(): number {
    return this.#closing === undefined ? this.#file.fd : -1;
  }

  /**
   * The path that the file was opened with.
   *
   * @example
   * ```ts
   * import { open } from "kaio";
   *
   * await using file = await open("data.bin");
   * console.log(file.path); // data.bin
   * ```
   */
  get path(): string {
    return this.#file.path;
  }

  /**
   * Whether reads and writes bypass the page cache (O_DIRECT).
   *
   * @example
   * ```ts
   * import { open } from "kaio";
   *
   * await using file = await open("data.bin", "r", { direct: "try" });
   * if (!file.direct) console.log(`${file.path} is read through the page cache`);
   * ```
   */
  get direct(): boolean {
    return this.#file.direct;
  }

  /**
   * Reads a range; see pread(2). Shorter than `length` only at the end of the file.
   *
   * @example
   * ```ts
   * import { open } from "kaio";
   *
   * await using file = await open("data.bin", "r", { direct: "try" });
   * const bytes = await file.readAt(123_456, 1000, { signal: AbortSignal.timeout(60_000) });
   * console.log(bytes.length); // 1000
   * ```
   *
   * @param position Where the range begins, in bytes
   * @param length Its length in bytes
   * @param options A signal that aborts the read
   * @returns The bytes
   * @throws {RangeError} If `position` or `length` is out of range
   * @throws {AioError} If the kernel reports an error; EBADF if the file is closed
   */
  readAt(
    position: number,
    length: number,
    options?: ReadAtOptions,
  ): Promise<Uint8Array<ArrayBuffer>> {
    try {
      const file = this.#file;
      checkRange("read", position, length);
      checkOptionNames("read", options, ["signal"]);
      const signal = options?.signal;
      checkSignal("read", signal);
      throwIfAborted(signal);
      // Last, as what comes before may run code of the caller's, which may close the file.
      file.check("read");
      if (length === 0) return Promise.resolve(new Uint8Array(0));
      const isOne = length <= LARGEST_READ && !file.isStream;
      return isOne
        ? readAt(file, position, length, signal)
        : readLongAt(file, position, length, signal);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Reads many ranges, up to `depth` of them in flight.
   *
   * @example
   * ```ts
   * import { open } from "kaio";
   *
   * await using file = await open("app.db");
   * const length = 4096;
   * const pages = [7, 3, 1].map((data) => ({ position: (data - 1) * length, length, data }));
   * for await (const { bytes, data } of file.readMany(pages, { depth: 16 })) {
   *   console.log(`page ${data}: ${bytes.length} bytes`);
   * }
   * ```
   *
   * @param requests The ranges, as an iterable or async iterable, which is asked for more whenever
   * a read completes
   * @param options Depth, by default 64; order, by default of completion; a signal
   * @returns An iterator over the ranges, whose bytes are valid until the next step; a step rejects
   * with an AioError if the kernel reports an error
   * @throws {RangeError} If `depth` is not an integer from 1 to 65536
   * @throws {TypeError} If `order` is neither "completion" nor "request"
   * @throws {AioError} EBADF if the file is closed or not open for reading
   */
  readMany<T = undefined>(
    requests: RangeRequests<T>,
    options: ReadManyOptions = {},
  ): AsyncIterableIterator<RangeResult<T>> {
    checkOptionNames("read ranges", options, READ_MANY_OPTIONS);
    return this.#ranges(requests, options, false);
  }

  /**
   * Reads the file, or a part of it, in blocks, up to `depth` of them in flight.
   *
   * @example
   * ```ts
   * import { open } from "kaio";
   *
   * await using file = await open("app.db", "r", { direct: "try" });
   * let zeros = 0;
   * for await (const { bytes } of file.scan({ blockSize: 4096 })) {
   *   if (bytes.every((byte) => byte === 0)) zeros++;
   * }
   * console.log(`${zeros} blocks are empty`);
   * ```
   *
   * @param options By default the whole file, in blocks of 65536 bytes, 64 in flight, in order of
   * completion
   * @returns An iterator over the blocks, whose bytes are valid until the next step; a step rejects
   * with an AioError if the kernel reports an error, ENODATA if the file shrinks meanwhile
   * @throws {RangeError} If an option is out of range
   * @throws {TypeError} If `order` is neither "completion" nor "request"
   * @throws {AioError} EBADF if the file is closed or not open for reading
   */
  scan(options: ScanOptions = {}): AsyncIterableIterator<RangeResult<undefined>> {
    checkOptionNames("scan", options, SCAN_OPTIONS);
    const { blockSize = 65536, start = 0, end, signal } = options;
    checkInteger("scan", "blockSize", blockSize, MAXIMUM_BLOCK_SIZE, 1);
    checkInteger("scan", "start", start, Number.MAX_SAFE_INTEGER);
    if (end !== Infinity) {
      checkInteger("scan", "end", end ?? start, Number.MAX_SAFE_INTEGER, start);
    }
    checkReadMany("scan", options);
    this.#file.check("read");
    // As it is now: what was empty when the file was used first may have been written since.
    if (kindOf(this.#file.fd, this.#file.path).isGenerated) {
      return this.#scanGenerated(blockSize, start, end, signal);
    }
    const requests = async () => {
      const size = await this.#file.during(() => sizeOf(this.#file));
      return blocks(start, Math.min(end ?? size, size), blockSize);
    };
    return this.#ranges(requests, options, true);
  }

  async *#scanGenerated(
    blockSize: number,
    start: number,
    end: number = Infinity,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<RangeResult<undefined>> {
    const file = this.#file;
    file.check("read");
    const content = await file.during(() => readToEnd(file, start, signal));
    for (
      const { position, length } of blocks(start, Math.min(end, start + content.length), blockSize)
    ) {
      const from = position - start;
      yield { position, bytes: content.subarray(from, from + length), data: undefined };
      throwIfAborted(signal);
      file.check("read");
    }
  }

  #ranges<T>(
    requests: RangeRequests<T> | (() => Promise<RangeRequests<T>>),
    { depth = 64, order = "completion", signal }: ReadManyOptions,
    whole: boolean,
  ): Ranges<T> {
    checkReadMany("read ranges", { depth, order, signal });
    this.#file.check("read");
    return new Ranges(this.#file, requests, { depth, order, signal, whole, owner: this });
  }

  /**
   * Reads into a buffer; see `FileHandle.read` and pread(2).
   *
   * @example
   * ```ts
   * import { open } from "kaio";
   *
   * await using file = await open("data.bin");
   * const { buffer, bytesRead } = await file.read(new Uint8Array(512), 0, 512, 4096);
   * console.log(buffer.subarray(0, bytesRead));
   * ```
   *
   * @param buffer Where the bytes go, or an object with all arguments; by default 16 KiB of new
   * memory. Do not transfer it to another thread before the promise settles
   * @param offset First byte of the buffer, by default 0; or an object with the other arguments
   * @param length How many bytes; by default as many as fit
   * @param position Position in the file in bytes; by default, and with `null`, the current
   * position, which then moves on
   * @returns The number of bytes, which is 0 at the end of the file, and the buffer
   * @throws {TypeError} ERR_INVALID_ARG_TYPE
   * @throws {RangeError} ERR_OUT_OF_RANGE
   * @throws {AioError} If the kernel reports an error; EBADF if the file is closed; ENOTSUP without
   * a position, if the file is direct and FFI is missing
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
      this.#file.check("read");
      return read(this.#file, range);
    } catch (error) {
      const args = [buffer, offset, length, position] as unknown as Parameters<FileHandle["read"]>;
      return this.#rejected(error, "read", args, () => super.read(...args) as never);
    }
  }

  /**
   * Reads into several buffers, which are filled one after the other; see `FileHandle.readv` and
   * preadv(2).
   *
   * @example
   * ```ts
   * import { open } from "kaio";
   *
   * await using file = await open("data.bin");
   * const [header, body] = [new Uint8Array(100), new Uint8Array(4096)];
   * const { bytesRead } = await file.readv([header, body], 0);
   * console.log(bytesRead); // 4196
   * ```
   *
   * @param buffers Where the bytes go; do not transfer them before the promise settles
   * @param position Position in the file in bytes; by default, and with `null`, the current
   * position, which then moves on
   * @returns The number of bytes read into all of them, and the buffers
   * @throws {TypeError} ERR_INVALID_ARG_TYPE
   * @throws {AioError} As {@link AioFile.read}
   */
  override async readv<B extends readonly ArrayBufferView[]>(
    buffers: B,
    position?: number | null,
  ): Promise<{ bytesRead: number; buffers: B & NodeJS.ArrayBufferView[] }> {
    let vector: MemoryVector;
    try {
      vector = parseVector("read", buffers, position);
    } catch (error) {
      // The results have other types in other versions of the runtimes' types.
      const runtimes = () => super.readv(buffers as never, position as number) as Promise<never>;
      return this.#rejected(error, "read", [buffers], runtimes);
    }
    this.#file.check("read");
    const bytesRead = await readVector(this.#file, vector);
    // The types of FileHandle that Deno brings along promise a mutable array.
    return { bytesRead, buffers: buffers as B & NodeJS.ArrayBufferView[] };
  }

  /**
   * Writes a buffer or a string; see `FileHandle.write` and pwrite(2).
   *
   * @example
   * ```ts
   * import { open } from "kaio";
   *
   * await using file = await open("log.bin", "w");
   * await file.write("hello, disk", 0);
   * await file.write(new Uint8Array(4096), { position: 4096, durable: true });
   * ```
   *
   * @param data The bytes; do not change or transfer them before the promise settles
   * @param offset First byte of the buffer, by default 0, or an object with the other arguments;
   * for a string the position
   * @param length How many bytes, by default to the end of the buffer; for a string the encoding
   * @param position Position in the file in bytes; by default, and with `null`, the current
   * position, which then moves on
   * @returns The number of bytes written, and `data`
   * @throws {TypeError} ERR_INVALID_ARG_TYPE
   * @throws {RangeError} ERR_OUT_OF_RANGE
   * @throws {AioError} If the kernel reports an error; EBADF if the file is closed; ENOTSUP without
   * a position, if the file is direct and FFI is missing
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
      return this.#write(range);
    } catch (error) {
      const args = [data, offset, length, position] as unknown as Parameters<FileHandle["write"]>;
      return this.#rejected(error, "write", args, () => {
        // No runtime would reject what is kaio's own.
        if (typeof offset === "object") flagsOf(offset ?? undefined);
        return super.write(...args) as never;
      });
    }
  }

  /**
   * Writes several buffers, one after the other; see `FileHandle.writev` and pwritev(2).
   *
   * @example
   * ```ts
   * import { open } from "kaio";
   *
   * await using file = await open("log.bin", "w");
   * const [header, body] = [new Uint8Array(16), new Uint8Array(4096)];
   * const { bytesWritten } = await file.writev([header, body], 0, { durable: true });
   * console.log(bytesWritten); // 4112
   * ```
   *
   * @param buffers The bytes; do not change or transfer them before the promise settles
   * @param position Position in the file in bytes; by default, and with `null`, the current
   * position, which then moves on
   * @param options Whether the bytes are on the disk when the promise resolves, by default false
   * @returns The number of bytes written, and the buffers
   * @throws {TypeError} ERR_INVALID_ARG_TYPE
   * @throws {AioError} As {@link AioFile.write}
   */
  override async writev<B extends readonly ArrayBufferView[]>(
    buffers: B,
    position?: number | null,
    options?: DurableOptions,
  ): Promise<{ bytesWritten: number; buffers: B & NodeJS.ArrayBufferView[] }> {
    checkOptionNames("write", options, ["durable"]);
    const rwFlags = flagsOf(options);
    let vector: MemoryVector;
    try {
      vector = parseVector("write", buffers, position);
    } catch (error) {
      const runtimes = () => super.writev(buffers as never, position as number) as Promise<never>;
      return this.#rejected(error, "write", [buffers], runtimes);
    }
    this.#file.check("write");
    const bytesWritten = rwFlags === 0 && isForThreads(this.#file, vector)
      ? await writeVector(this.#file, vector)
      : (await this.#write(wholeRange(gatherFrom(vector), vector.position, rwFlags))).bytesWritten;
    return { bytesWritten, buffers: buffers as B & NodeJS.ArrayBufferView[] };
  }

  /**
   * Writes all of some bytes at a position, or rejects; see pwrite(2). An append ignores the position,
   * as the kernel does.
   *
   * @example
   * ```ts
   * import { open } from "kaio";
   *
   * await using file = await open("pages.db", "w+", { direct: "try" });
   * await file.writeAt(3 * 4096, new Uint8Array(4096).fill(7), { durable: true });
   * console.log(await file.size()); // 16384
   * ```
   *
   * @param position Where they go, in bytes
   * @param bytes What is written; must neither change nor be transferred before the promise settles
   * @param options Whether the bytes are on the device when it resolves; a signal
   * @throws {RangeError} If `position` is out of range
   * @throws {TypeError} If `bytes` are no memory, or an option is unknown
   * @throws {AioError} If the kernel reports an error: a part of the bytes may be written then; EBADF
   * if the file is closed or not open for writing
   */
  async writeAt(
    position: number,
    bytes: ArrayBufferView,
    options?: WriteAtOptions,
  ): Promise<void> {
    checkOptionNames("write", options, WRITE_AT_OPTIONS);
    const rwFlags = flagsOf(options);
    const signal = options?.signal;
    checkSignal("write", signal);
    throwIfAborted(signal);
    // Last, as what comes before may run code of the caller's, which may close the file.
    const range = placedRange(position, bytes, rwFlags);
    this.#file.check("write");
    await this.#file.during(() => this.#writeAll(range, signal));
  }

  /**
   * Writes many ranges, up to `depth` of them in flight. Ranges that overlap are written in any
   * order.
   *
   * @example
   * ```ts
   * import { open } from "kaio";
   *
   * await using file = await open("pages.db", "w+");
   * const pages = [5, 2, 9].map((page) => ({
   *   position: page * 4096,
   *   bytes: new Uint8Array(4096).fill(page),
   * }));
   * const { bytesWritten } = await file.writeMany(pages, { durable: true });
   * console.log(bytesWritten); // 12288
   * ```
   *
   * @param requests The ranges, as an iterable or async iterable, which is asked for more whenever
   * a write completes; their bytes must not change before the promise settles
   * @param options Depth, by default 64; whether one sync at the end has all of them on the device
   * when the promise resolves; a signal
   * @returns How many bytes were written: all. If one range fails, or the signal is aborted, nothing
   * more is begun, and the promise rejects when what was begun is over
   * @throws {RangeError} If `depth` is not an integer from 1 to 65536, or a position is out of range
   * @throws {TypeError} If a request has no memory, or an option is unknown
   * @throws {AioError} If the kernel reports an error, with the range; EBADF if the file is closed or
   * not open for writing
   */
  async writeMany(
    requests: WriteRequests,
    options: WriteManyOptions = {},
  ): Promise<{ bytesWritten: number }> {
    checkOptionNames("write ranges", options, WRITE_MANY_OPTIONS);
    const { depth = 64, signal } = options;
    checkSignal("write ranges", signal);
    checkDepth("write ranges", depth);
    const isDurable = flagsOf(options) !== 0;
    const file = this.#file;
    file.check("write");
    file.keepOpen();
    try {
      const write = async ({ position, bytes }: WriteRequest) => {
        const range = placedRange(position, bytes, 0);
        file.check("write");
        await this.#writeAll(range, undefined);
        return range.length;
      };
      const bytesWritten = await writeRanges(write, requests, depth, signal);
      if (isDurable && bytesWritten > 0) await this.#syncWritten();
      return { bytesWritten };
    } finally {
      file.letClose();
    }
  }

  /** A device that cannot be synced, as /dev/null, has nothing to lose; see fdatasync(2). */
  async #syncWritten(): Promise<void> {
    await this.#datasync().catch((error: AioError) => {
      if (this.#file.isRegular || error.errno !== -EINVAL) throw error;
    });
  }

  /** Writes all of a range: after a short write the kernel is asked for the rest, or for the error. */
  async #writeAll(range: MemoryRange, signal: AbortSignal | undefined): Promise<void> {
    let { offset, position, length } = range;
    while (length > 0) {
      const { bytesWritten } = await this.#write({ ...range, offset, position, length }, signal);
      if (bytesWritten < length) throwIfAborted(signal);
      if (bytesWritten === 0) throw this.#file.error(-EIO, IOCB_CMD_PWRITE, position, length);
      offset += bytesWritten;
      position += bytesWritten;
      length -= bytesWritten;
    }
  }

  /**
   * Reads from the current position to the end of the file; see `FileHandle.readFile`.
   *
   * @example
   * ```ts
   * import { open } from "kaio";
   *
   * await using file = await open("notes.txt", "w+");
   * await file.write("hello, disk", 0);
   * console.log(await file.readFile("utf8")); // hello, disk
   * ```
   *
   * @param options An encoding and a signal, or the encoding
   * @returns A Buffer, or a string if there is an encoding
   * @throws {RangeError} ERR_FS_FILE_TOO_LARGE if the file has 2 GiB or more, unless it is not direct
   * and the runtime reads as much
   * @throws {AioError} As {@link AioFile.read}
   */
  override readFile(
    options?: (ReadFileOptions & { encoding?: null | undefined }) | null,
  ): Promise<Buffer<ArrayBuffer>>;
  /** The same as a string. */
  override readFile(
    options: (ReadFileOptions & { encoding: BufferEncoding }) | BufferEncoding,
  ): Promise<string>;
  /** The same as one or the other. */
  override readFile(
    options?: ReadFileOptions | BufferEncoding | null,
  ): Promise<Buffer<ArrayBuffer> | string>;
  override async readFile(
    options?: ReadFileOptions | BufferEncoding | null,
  ): Promise<Buffer<ArrayBuffer> | string> {
    const runtimes = () => super.readFile(options as null) as Promise<Buffer<ArrayBuffer>>;
    let settings: ReturnType<typeof parseFileOptions>;
    try {
      settings = parseFileOptions("read file", options);
    } catch (error) {
      return this.#rejected(error, "read", [], runtimes);
    }
    const { encoding, signal } = settings;
    try {
      return await this.#readWhole(encoding, signal);
    } catch (error) {
      // Nothing was read of it. After all other errors the position may have moved, and the runtime
      // would read what is behind it.
      if (error instanceof TooLargeError) return this.#rejected(error, "read", [], runtimes);
      throw asAbortError(error, signal);
    }
  }

  async #readWhole(
    encoding: BufferEncoding | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Buffer<ArrayBuffer> | string> {
    const file = this.#file;
    throwIfAborted(signal);
    file.check("read");
    let content!: Buffer<ArrayBuffer> | string;
    file.enter();
    try {
      await file.cursor.at(CURRENT_POSITION, async (position) => {
        if (encoding === undefined) {
          const bytes = content = await readToEnd(file, position, signal);
          return bytes.length;
        }
        const { text, length } = await readText(file, position, encoding, signal);
        content = text;
        return length;
      });
    } finally {
      file.leave();
    }
    return content;
  }

  /**
   * Writes at the current position; see `FileHandle.writeFile`. Bytes of the file beyond what is
   * written stay.
   *
   * @example
   * ```ts
   * import { open } from "kaio";
   *
   * await using file = await open("notes.txt", "w");
   * await file.writeFile("hello, ");
   * await file.writeFile(["d", "is", "k"]);
   * console.log((await file.stat()).size); // 11
   * ```
   *
   * @param data A string, a buffer, or an iterable, async iterable or stream of them
   * @param options An encoding, by default utf8, and a signal, or the encoding
   * @throws {TypeError} ERR_INVALID_ARG_TYPE
   * @throws {AioError} As {@link AioFile.write}
   */
  override writeFile(
    data: Chunks,
    options?: WriteFileOptions | BufferEncoding | null,
  ): Promise<void> {
    return this.#writeFile(data, options, () => super.writeFile(data as string, options));
  }

  async #writeFile(
    data: Chunks,
    options: WriteFileOptions | BufferEncoding | null | undefined,
    runtimes: () => Promise<void>,
  ): Promise<void> {
    // An option of the other writes. The runtime ignores it, and what is not safe would pass for it.
    if (typeof options === "object" && options !== null && "durable" in options) {
      const error = new TypeError("Cannot write file: unknown option `durable`: use `flush`");
      throw Object.assign(error, { code: "ERR_INVALID_ARG_VALUE" });
    }
    let settings: ReturnType<typeof parseFileOptions>;
    try {
      settings = parseFileOptions("write file", options);
      checkChunks(data);
    } catch (error) {
      return this.#rejected(error, "write", [data], runtimes);
    }
    const { encoding, signal, flush } = settings;
    const file = this.#file;
    if (file.closed) file.check("write");
    file.keepOpen();
    try {
      throwIfAborted(signal);
      if (isChunk(data)) await this.#writeNext(bytesOfChunk(data, encoding), signal);
      else {
        for await (const part of data) {
          throwIfAborted(signal);
          await this.#writeNext(bytesOfChunk(part, encoding), signal);
        }
      }
      if (flush) await this.sync();
    } catch (error) {
      throw asAbortError(error, signal);
    } finally {
      file.letClose();
    }
  }

  /** Writes all of some bytes at the current position. */
  async #writeNext(bytes: Uint8Array, signal: AbortSignal | undefined): Promise<void> {
    const file = this.#file;
    const range = wholeRange(bytes, CURRENT_POSITION);
    const { length } = range;
    for (let offset = 0; offset < length;) {
      if (!file.writable) file.check("write");
      file.checkContext("write");
      const rest = { ...range, offset, length: length - offset };
      offset += (await this.#write(rest)).bytesWritten;
      throwIfAborted(signal);
    }
  }

  /**
   * The same as {@link AioFile.writeFile}, as in `FileHandle`: it writes at the current position,
   * which is the end of the file only if the file was opened to append.
   *
   * @example
   * ```ts
   * import { open } from "kaio";
   *
   * await using file = await open("log.txt", "a");
   * await file.appendFile("one line\n");
   * ```
   *
   * @param data A string, a buffer, or an iterable, async iterable or stream of them
   * @param options An encoding, by default utf8, and a signal, or the encoding
   * @throws {TypeError} ERR_INVALID_ARG_TYPE
   * @throws {AioError} As {@link AioFile.write}
   */
  override appendFile(
    data: Chunks,
    options?: WriteFileOptions | BufferEncoding | null,
  ): Promise<void> {
    return this.#writeFile(data, options, () => super.appendFile(data as string, options));
  }

  /**
   * Gets the size, times and other attributes of the file; see `FileHandle.stat` and fstat(2).
   *
   * @example
   * ```ts
   * import { open } from "kaio";
   *
   * await using file = await open("data.bin");
   * const { size, mtime } = await file.stat();
   * console.log(size, mtime);
   * ```
   *
   * @param options Whether the numbers are bigints
   * @returns The attributes
   * @throws {AioError} EBADF if the file is closed
   */
  override stat(options?: { bigint?: false | undefined }): Promise<Stats>;
  /** The same in bigints. */
  override stat(options: { bigint: true }): Promise<BigIntStats>;
  /** The same as one or the other. */
  override stat(options?: { bigint?: boolean | undefined }): Promise<Stats | BigIntStats>;
  override async stat(options?: { bigint?: boolean | undefined }): Promise<Stats | BigIntStats> {
    // The runtime says what is wrong with `this`.
    if (!(#file in this)) return await super.stat();
    if (typeof options === "object" && options !== null) {
      // Some runtimes read it where nothing catches what the caller's code throws.
      const { bigint } = options;
      if (bigint !== undefined) options = { bigint };
    }
    this.#file.check("fstat");
    return await this.#runtimes("fstat", () => super.stat(options as { bigint: true }));
  }

  /**
   * How many bytes the file has; of a block device, how many the device has.
   *
   * @example
   * ```ts
   * import { open } from "kaio";
   *
   * await using file = await open("data.bin");
   * const tail = await file.readAt(await file.size() - 10, 10);
   * console.log(tail.length); // 10
   * ```
   *
   * @throws {AioError} EBADF if the file is closed; EISDIR of a directory
   */
  async size(): Promise<number> {
    this.#file.check("fstat");
    const { kind, path, fd } = this.#file;
    if (kind.isDirectory) throw new AioError(-EISDIR, "fstat", { path, fd });
    return await this.#runtimes("fstat", () => sizeOf(this.#file));
  }

  /**
   * Truncates the file, or extends it with zeros; see `FileHandle.truncate` and ftruncate(2). It
   * comes after the writes that began before it, and before the writes that begin after it.
   *
   * @example
   * ```ts
   * import { open } from "kaio";
   *
   * await using file = await open("data.bin", "r+");
   * await file.truncate(4096);
   * console.log((await file.stat()).size); // 4096
   * ```
   *
   * @param length The new size in bytes; less than 0 counts as 0
   * @throws {RangeError} ERR_OUT_OF_RANGE
   * @throws {AioError} EBADF if the file is closed
   */
  override async truncate(length: number = 0): Promise<void> {
    this.#file.check("ftruncate");
    // Before anything is locked, and as some of the runtimes never answer to what is no number.
    checkInteger("truncate", "length", length, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER);
    const { fd } = this.#file;
    const cut = () => ftruncateAsync(fd, Math.max(0, length));
    await this.#withLengthLocked(() => this.#runtimes("ftruncate", cut));
  }

  /**
   * Reserves space on the disk, so that later writes in this range do not fail with ENOSPC; see
   * fallocate(2). The file is then at least `position + length` bytes long, with zeros where
   * nothing was written. Ordered like {@link AioFile.truncate}. The call runs on another thread, so
   * it does not block this one.
   *
   * @example
   * ```ts
   * import { open } from "kaio";
   *
   * await using file = await open("store.db", "w");
   * await file.allocate(0, 1 << 20).catch((error) => {
   *   if (error.code !== "ENOTSUP") throw error;
   * });
   * ```
   *
   * @param position Where the space begins, in bytes
   * @param length Its length in bytes, at least 1
   * @throws {RangeError} ERR_OUT_OF_RANGE
   * @throws {AioError} ENOSPC, after which some file systems have reserved what space there was and
   * the file is longer; ENOTSUP if the file system, or the portable kernel, has no such call;
   * EFBIG; EBADF if the file is closed
   * @throws {Error} If the runtime does not permit a thread: Node with `--permission` needs
   * `--allow-worker`
   */
  async allocate(position: number, length: number): Promise<void> {
    checkInteger("allocate", "position", position, Number.MAX_SAFE_INTEGER);
    checkInteger("allocate", "length", length, Number.MAX_SAFE_INTEGER, 1);
    const file = this.#file;
    file.check("fallocate");
    const { fd, path, core: { files } } = file;
    const res = await this.#withLengthLocked(async () =>
      await (files.fallocate?.(fd, position, length) ?? -EOPNOTSUPP)
    );
    if (res === 0) return;
    const hint = files.fallocate === undefined ? "this kernel has no such call" : undefined;
    throw new AioError(res, "fallocate", { fd, path, position, length, hint });
  }

  /** A member of the runtime's, whose errors become kaio's where they are the kernel's. */
  async #runtimes<R>(syscall: string, member: () => Promise<R>): Promise<R> {
    const { fd, path } = this.#file;
    try {
      return await this.#file.during(member);
    } catch (error) {
      throw asAioError(error, syscall, { fd, path });
    }
  }

  /**
   * Leaves arguments that kaio rejects to the runtime, which converts some: unless they can lie, as
   * not every runtime is safe from that.
   */
  async #rejected<R>(
    error: unknown,
    syscall: "read" | "write",
    args: readonly unknown[],
    member: () => Promise<R>,
  ): Promise<R> {
    const file = this.#file;
    if (file.closed) file.check(syscall);
    const isArgument = error instanceof TypeError || error instanceof RangeError;
    // A descriptor with O_DIRECT takes only what is aligned.
    if (!isArgument || file.direct || args.some(canLie)) throw error;
    return await this.#runtimes(syscall, member);
  }

  /** Does something after all writes that began before, and before those that begin later. */
  #withLengthLocked<R>(action: () => Promise<R>): Promise<R> {
    const file = this.#file;
    return file.during(async () => {
      const lengthLock = file.lock.take(0, 0, false, EXCLUSIVE);
      try {
        if (lengthLock.blockers > 0) await lengthLock.granted();
        return await action();
      } finally {
        lengthLock.release();
      }
    });
  }

  /**
   * Flushes written data and metadata to the disk; see `FileHandle.sync` and fsync(2). It covers
   * the writes whose promises have resolved.
   *
   * @example
   * ```ts
   * import { open } from "kaio";
   *
   * await using file = await open("log.bin", "w");
   * await file.write("hello, disk", 0);
   * await file.sync();
   * ```
   *
   * @throws {AioError} If the kernel reports an error: EIO if the bytes did not reach the disk;
   * EBADF if the file is closed
   */
  override async sync(): Promise<void> {
    this.#file.check("fsync");
    if (this.#handleSyncs) return await this.#runtimes("fsync", () => super.sync());
    await new Control(this.#file, IOCB_CMD_FSYNC).promise;
  }

  /**
   * Flushes written data, and the metadata needed to read it, to the disk; see
   * `FileHandle.datasync` and fdatasync(2). It covers the writes whose promises have resolved.
   *
   * @example
   * ```ts
   * import { open } from "kaio";
   *
   * await using file = await open("log.bin", "w");
   * await Promise.all([file.write("hello, ", 0), file.write("disk", 7)]);
   * await file.datasync();
   * ```
   *
   * @throws {AioError} As {@link AioFile.sync}
   */
  override async datasync(): Promise<void> {
    this.#file.check("fsync");
    await this.#datasync();
  }

  async #datasync(): Promise<void> {
    if (this.#handleSyncs) await this.#runtimes("fdatasync", () => super.datasync());
    else await new Control(this.#file, IOCB_CMD_FDSYNC).promise;
  }

  /** Whether only the runtime's own members can sync. */
  get #handleSyncs(): boolean {
    return this.#file.core.files.syncsBy === "handle";
  }

  /**
   * Waits for the operations in progress and closes the file; see `FileHandle.close`.
   *
   * @example Without `await using`
   * ```ts
   * import { open } from "kaio";
   *
   * const file = await open("data.bin");
   * try {
   *   console.log(await file.readAt(0, 100));
   * } finally {
   *   await file.close();
   * }
   * ```
   *
   * @throws {AioError} If close(2) reports an error; the file is closed all the same
   */
  override close(): Promise<void> {
    if (this.#closing !== undefined) return this.#closing;
    this.#closing = this.#close();
    // At once, so that none of them begins another read, which would fail.
    for (const end of this.#streamEnds) end();
    return this.#closing;
  }

  #close(): Promise<void> {
    unwatch(this);
    const file = this.#file;
    file.closed = true;
    if (!file.isBusy && this.#closeBuffered === undefined) return this.#closeRuntimes();
    return this.#closeAll();
  }

  /** Closes also what is open beside the handle, once no operation is under way. */
  #closeRuntimes(): Promise<void> {
    const { fd, path } = this.#file;
    return this.#closeHandle().catch((error) => {
      throw asAioError(error, "close", { fd, path });
    });
  }

  async #closeAll(): Promise<void> {
    await this.#file.drained();
    const closings = [this.#closeRuntimes(), this.#closeBuffered?.()];
    for (const result of await Promise.allSettled(closings)) {
      if (result.status === "rejected") throw result.reason;
    }
  }

  /**
   * Closes the file at the end of the block that declares it with `await using`; see {@link
   * AioFile.close}.
   *
   * @example
   * ```ts
   * import { open } from "kaio";
   *
   * {
   *   await using file = await open("data.bin");
   *   console.log(await file.readAt(0, 100));
   * }
   * console.log("closed");
   * ```
   */
  override async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /**
   * Gives the descriptor to another thread, for which it is the runtime's own FileHandle; this file
   * is closed from then on. One opened with O_DIRECT would be of no use there.
   *
   * @throws {DOMException} DataCloneError: if an operation or a stream still needs it
   * @internal
   */
  [MOVE](move: () => object): object {
    const file = this.#file;
    if (file.isBusy || file.direct || this.#streamEnds.size > 0) {
      const reason = file.direct ? "is opened with `direct`" : "is in use";
      const message = `Cannot transfer file '${file.path}' while it ${reason}`;
      throw new DOMException(message, "DataCloneError");
    }
    const moved = move();
    unwatch(this);
    file.closed = true;
    this.#closing = Promise.resolve();
    return moved;
  }

  /**
   * Closes the file before it returns, unless an operation still needs it: then it is closed as soon
   * as that is over.
   *
   * @internal
   */
  [CLOSE_NOW](closeHandle: () => void): void {
    const file = this.#file;
    if (this.#closing !== undefined) return;
    if (file.isBusy) return void this.close();
    unwatch(this);
    file.closed = true;
    this.#closing = this.#closeBuffered?.() ?? Promise.resolve();
    for (const end of this.#streamEnds) end();
    closeHandle();
  }

  /**
   * The bytes from the current position on, or a range, as a web stream; see
   * `FileHandle.readableWebStream`. Its chunks are the reader's to keep. Nothing is read before the
   * stream is; with `direct`, and in ranges with a `depth`, it then reads ahead. If the file is closed
   * meanwhile, a range fails with EBADF, and other streams end, as those of `FileHandle` do.
   *
   * @example
   * ```ts
   * import { open } from "kaio";
   *
   * await using file = await open("data.bin");
   * const response = new Response(file.readableWebStream({ start: 100, end: 200 }));
   * console.log((await response.bytes()).length); // 100
   * ```
   *
   * @param options The range in bytes, `end` exclusive; depth; a signal; whether the file is closed
   * when the stream is over, by default false
   * @returns A stream of bytes
   * @throws {RangeError} If `start`, `end` or `depth` is out of range
   * @throws {TypeError} If an option is unknown or has a wrong type
   * @throws {Error} ERR_INVALID_STATE if the file is closed, or if it had a stream from the current
   * position before; ranges can be many
   */
  override readableWebStream(
    options: ReadableWebStreamOptions = {},
  ): ReadableStream<Uint8Array> & globalThis.ReadableStream<Uint8Array<ArrayBuffer>> {
    const parsed = parseWebStream(options);
    const { start, end, signal, depth = this.direct ? BYTES_AHEAD / CHUNK_SIZE : 1 } = parsed;
    const isPlaced = start !== undefined;
    if (this.#closing !== undefined || (this.#streamed && !isPlaced)) {
      const reason = this.#closing !== undefined
        ? "the file is closed"
        : "the file has one from its position already; with `start` there can be many";
      const error = new Error(`Cannot create stream: ${reason}`);
      throw Object.assign(error, { code: "ERR_INVALID_STATE" });
    }
    this.#streamed ||= !isPlaced;
    const read = this.#streamRead(depth * CHUNK_SIZE, isPlaced, end, signal);
    const isStream = () => this.#file.isStream;
    return webStream({ file: this, ends: this.#streamEnds, read, isStream }, parsed);
  }

  /**
   * The file, or a part of it, as a Node stream; see `FileHandle.createReadStream`. With `direct` it
   * reads ahead.
   *
   * @example
   * ```ts
   * import { open } from "kaio";
   *
   * await using file = await open("data.bin");
   * const stream = file.createReadStream({ start: 100, end: 199, autoClose: false });
   * for await (const chunk of stream) console.log(chunk.length); // 100
   * ```
   *
   * @param options The range in bytes, `end` inclusive; encoding and size of the chunks;
   * `autoClose`, by default true, closes the file when the stream ends
   * @returns A stream
   * @throws {RangeError} ERR_OUT_OF_RANGE
   * @throws {Error} What the runtime makes of a closed file
   */
  override createReadStream(options?: CreateReadStreamOptions): ReadStream {
    const own = (options as { fs?: unknown } | undefined)?.fs !== undefined;
    // The runtime refuses both: a handle is not read by functions of the caller's.
    if (own || this.#closing !== undefined) return super.createReadStream(options);
    const { start, end } = options ?? {};
    const isPlaced = start !== undefined;
    // An end without a start counts from wherever the position is.
    const isAhead = this.direct && (isPlaced || end === undefined);
    // What is no number the runtime refuses.
    const last = typeof end === "number" ? end : Infinity;
    const read = this.#streamRead(isAhead ? BYTES_AHEAD : 0, isPlaced, last + 1);
    return nodeStream({ file: this, ends: this.#streamEnds, read }, options);
  }

  /**
   * The file as a Node stream to write to; see `FileHandle.createWriteStream`. Chunks that wait are
   * written together.
   *
   * @example
   * ```ts
   * import { open } from "kaio";
   * import { pipeline } from "node:stream/promises";
   *
   * await using file = await open("log.bin", "w");
   * await pipeline(["hello, ", "disk"], file.createWriteStream());
   * ```
   *
   * @param options Where to begin in bytes, by default at the current position; encoding; `flush`;
   * `autoClose`, by default true, closes the file when the stream is over
   * @returns A stream
   * @throws {RangeError} ERR_OUT_OF_RANGE
   * @throws {Error} What the runtime makes of a closed file
   */
  override createWriteStream(options?: CreateWriteStreamOptions): WriteStream {
    const own = (options as { fs?: unknown } | undefined)?.fs !== undefined;
    // The runtime refuses both: a handle is not written by functions of the caller's.
    if (own || this.#closing !== undefined) return super.createWriteStream(options);
    return nodeWriteStream({ file: this, ends: this.#streamEnds }, options);
  }

  /** What reads for a stream: ahead, if it has a position or the file finds its own. */
  #streamRead(ahead: number, isPlaced: boolean, end = Infinity, signal?: AbortSignal): StreamRead {
    const file = this.#file;
    if (ahead <= CHUNK_SIZE || file.isStream || !(isPlaced || file.direct)) {
      return (buffer, length, position) => this.read(buffer, 0, length, position);
    }
    const limit = Math.min(end, Number.MAX_SAFE_INTEGER);
    const next = readAhead(this, ahead, limit, signal && { signal });
    return async (_, length, position) => {
      file.check("read");
      let bytes!: Uint8Array<ArrayBuffer>;
      const take = async (at: number) => (bytes = await next(at, length)).length;
      const bytesRead = await file.during(() => file.cursor.at(position ?? CURRENT_POSITION, take));
      return { bytesRead, buffer: Buffer.from(bytes.buffer) };
    };
  }

  /** A durable write where a request cannot sync. */
  #writeAndSync<D>(range: MemoryRange<D>, signal?: AbortSignal): Promise<WriteResult<D>> {
    return this.#file.during(async () => {
      const result = await this.#write({ ...range, rwFlags: 0 }, signal);
      await this.#datasync();
      return result;
    });
  }

  #write<D>(range: MemoryRange<D>, signal?: AbortSignal): Promise<WriteResult<D>> {
    const file = this.#file;
    if (range.length === 0) return Promise.resolve({ bytesWritten: 0, buffer: range.data });
    return range.rwFlags !== 0 && file.core.files.syncsBy !== undefined
      ? this.#writeAndSync(range, signal)
      : write(file, range, signal);
  }
}

function checkReadMany(
  action: string,
  { depth = 1, order = "completion", signal }: ReadManyOptions,
): void {
  checkDepth(action, depth);
  if (order !== "completion" && order !== "request") {
    throw valueError(action, "order", '"completion" or "request"', order);
  }
  checkSignal(action, signal);
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
    // No code is left to handle a failure.
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
