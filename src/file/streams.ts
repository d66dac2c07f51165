/**
 * Files as streams of Node and of the web.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { EventEmitter } from "node:events";
import { createReadStream, createWriteStream, type ReadStream, type WriteStream } from "node:fs";
import type { CreateReadStreamOptions, CreateWriteStreamOptions } from "node:fs/promises";
import process from "node:process";
import {
  type ReadableByteStreamController,
  ReadableStream,
  type ReadableStreamBYOBRequest,
  type UnderlyingByteSource,
} from "node:stream/web";
import { EBADF } from "../abi/errno.ts";
import { checkDepth, checkInteger, typeError } from "../check.ts";
import { AioError } from "../errors/aio_error.ts";
import { checkOptionNames } from "../option_names.ts";
import { onAbort } from "./abortable.ts";
import type { AioFile } from "./aio_file.ts";
import { checkSignal } from "./arguments.ts";

/** How many bytes a chunk has, unless the user says otherwise. */
export const CHUNK_SIZE = 65536;

/** Options of {@link AioFile.readableWebStream}. */
export interface ReadableWebStreamOptions {
  /** Where to begin, in bytes; by default 0 if there is an `end`, else the current position. */
  start?: number | undefined;
  /** Where to end, in bytes, exclusive; by default the end of the file. */
  end?: number | undefined;
  /** Without effect, as in `FileHandle`: it is a stream of bytes. Others are taken with a warning. */
  type?: "bytes" | undefined;
  /** How many blocks are in flight at most; by default 2 MiB of them with `direct`, else one. */
  depth?: number | undefined;
  /** Ends the stream with `signal.reason`. */
  signal?: AbortSignal | undefined;
  /**
   * Whether the file is closed when the stream is over.
   *
   * @default {false}
   */
  autoClose?: boolean | undefined;
}

/**
 * Reads up to `length` bytes, like `FileHandle.read`, at a position or at the current one. It need
 * not use the memory that it is given.
 */
export type StreamRead = (
  buffer: Buffer<ArrayBuffer>,
  length: number,
  position: number | null | undefined,
) => Promise<{ bytesRead: number; buffer: Buffer<ArrayBuffer> }>;

/** What the runtime's stream reads and closes with, in place of `node:fs`. */
interface StreamFs {
  read(
    fd: number,
    buffer: Buffer<ArrayBuffer>,
    offset: number,
    length: number,
    position: number | null | undefined,
    callback: (error: Error | null, bytesRead?: number, buffer?: Uint8Array) => void,
  ): void;
  close: StreamClose;
}

/** What the runtime's stream writes, syncs and closes with, in place of `node:fs`. */
interface WriteStreamFs {
  write(
    fd: number,
    buffer: Uint8Array,
    offset: number,
    length: number,
    position: number | null | undefined,
    callback: (error: Error | null, bytesWritten?: number) => void,
  ): void;
  writev(
    fd: number,
    buffers: Uint8Array[],
    position: number | null | undefined,
    callback: (error: Error | null, bytesWritten?: number) => void,
  ): void;
  fsync(fd: number, callback: (error: Error | null) => void): void;
  close: StreamClose;
}

type StreamClose = (fd: number, callback: (error?: Error) => void) => void;

/** A file, and what ends its streams when it is closed. */
type StreamOwner = { file: AioFile; ends: Set<() => void> };
/** What a stream is made of. */
type StreamSource = StreamOwner & { read: StreamRead };

/** See `FileHandle.createReadStream`. */
export function nodeStream(
  { file, ends, read }: StreamSource,
  options: CreateReadStreamOptions | undefined,
): ReadStream {
  const fs: StreamFs = {
    read(_fd, buffer, _offset, length, position, callback) {
      read(buffer, length, position)
        .then(({ bytesRead, buffer }) => callback(null, bytesRead, buffer), callback);
    },
    close: closeOf(file),
  };
  // Not all versions of the runtimes' types have `fs` among the options.
  const all: unknown = { ...options as object, fd: file.fd, fs };
  const stream = createReadStream("", all as Parameters<typeof createReadStream>[1]);
  return endedWith(ends, stream, "end");
}

/**
 * See `FileHandle.createWriteStream`. The runtime's own would do: but not all of them write several
 * chunks by one call of a handle whose `write` is not theirs.
 */
export function nodeWriteStream(
  { file, ends }: StreamOwner,
  options: CreateWriteStreamOptions | undefined,
): WriteStream {
  const fs: WriteStreamFs = {
    write(_fd, buffer, offset, length, position, callback) {
      file.write(buffer, offset, length, position)
        .then(({ bytesWritten }) => callback(null, bytesWritten), callback);
    },
    writev(_fd, buffers, position, callback) {
      file.writev(buffers, position)
        .then(({ bytesWritten }) => callback(null, bytesWritten), callback);
    },
    fsync: (_fd, callback) => void file.sync().then(() => callback(null), callback),
    close: closeOf(file),
  };
  const all: unknown = { highWaterMark: CHUNK_SIZE, ...options as object, fd: file.fd, fs };
  const stream = createWriteStream("", all as Parameters<typeof createWriteStream>[1]);
  return endedWith(ends, stream, "finish");
}

function closeOf(file: AioFile): StreamClose {
  return (_fd, callback) => void file.close().then(() => callback(), callback);
}

/** Has a stream closed with its file, if it is not over by then. */
function endedWith<S extends ReadStream | WriteStream>(
  ends: Set<() => void>,
  stream: S,
  last: "end" | "finish",
): S {
  const end = () => stream.close();
  const over = () => ends.delete(end);
  ends.add(end);
  // The types of older releases have no events that both kinds of streams share.
  const events: EventEmitter = stream;
  events.once(last, over).once("close", over);
  return stream;
}

/** Checks the options of a web stream; `start` is then there if it is a range. */
export function parseWebStream(options: ReadableWebStreamOptions): ReadableWebStreamOptions {
  const action = "create stream";
  if (typeof options !== "object" || !options) throw typeError(action, "options", "an object");
  checkOptionNames(action, options, ["start", "end", "type", "depth", "signal", "autoClose"]);
  // Each option is read once, so that what is used is what was checked.
  const { end: last, start = last === undefined ? undefined : 0, depth, signal } = options;
  const end = last === undefined ? Infinity : last;
  checkInteger(action, "start", start ?? 0, Number.MAX_SAFE_INTEGER);
  if (end !== Infinity) checkInteger(action, "end", end, Number.MAX_SAFE_INTEGER, start);
  if (depth !== undefined) checkDepth(action, depth);
  const { autoClose = false, type = "bytes" } = options;
  if (type !== "bytes") {
    // Word for word what every runtime's FileHandle says.
    const warning =
      'A non-"bytes" options.type has no effect. A byte-oriented steam is always created.';
    process.emitWarning(warning, "ExperimentalWarning");
  }
  checkSignal(action, signal);
  if (typeof autoClose !== "boolean") throw typeError(action, "autoClose", "a boolean");
  return { start, end, depth, signal, autoClose };
}

/** See {@link AioFile.readableWebStream}. */
export function webStream(
  { file, ends, read, isStream }: StreamSource & { isStream: () => boolean },
  { start, end = Infinity, signal, autoClose }: ReadableWebStreamOptions,
): ReadableStream<Uint8Array> & globalThis.ReadableStream<Uint8Array<ArrayBuffer>> {
  let controller!: ReadableByteStreamController;
  let position = start ?? null;
  let isOver = false;
  let unlisten: (() => void) | undefined;
  const over = async (): Promise<void> => {
    isOver = true;
    ends.delete(fileCloses);
    unlisten?.();
    // It rejects for who else closes the file, too.
    if (autoClose) await file.close().catch(() => {});
  };
  const abort = () => {
    over();
    controller.error(signal!.reason);
  };
  /** Whether bytes are being read into the memory of a reader. */
  let isFilling = false;
  let isEnding = false;
  const close = () => {
    over();
    isEnding = true;
    // The answer gives the reader its memory back, so it waits until nothing is read into it.
    if (!isFilling) answerEnd();
  };
  const answerEnd = () => {
    controller.close();
    // A reader that waits with memory of its own has to be answered as well.
    controller.byobRequest?.respond(0);
  };
  /** The file is being closed. Of a range, bytes may be missing then; else it is as in FileHandle. */
  const fileCloses = () => {
    if (start === undefined || position === end) return close();
    over();
    const { fd, path } = file;
    const hint = "the file was closed before the stream was over";
    controller.error(new AioError(-EBADF, "read", { fd, path, hint }));
  };
  const enqueue = async (): Promise<void> => {
    try {
      const length = Math.min(CHUNK_SIZE, end - (position ?? 0));
      const { bytesRead, buffer } = await read(Buffer.allocUnsafeSlow(length), length, position);
      if (isOver) return;
      if (bytesRead === 0) return close();
      if (position !== null) position += bytesRead;
      controller.enqueue(new Uint8Array(buffer.buffer, 0, bytesRead));
    } catch (error) {
      over();
      throw error;
    }
  };
  /** Answers a reader that has memory of its own. */
  const fill = async (request: ReadableStreamBYOBRequest): Promise<void> => {
    const view = request.view!;
    const length = Math.min(view.byteLength, end - (position ?? 0));
    const target = Buffer.from(view.buffer, view.byteOffset, length);
    isFilling = true;
    try {
      const { bytesRead, buffer } = await read(target, length, position);
      if (isOver) return;
      if (bytesRead === 0) return close();
      // What was read ahead is in memory of its own.
      if (buffer.buffer !== target.buffer) target.set(buffer.subarray(0, bytesRead));
      if (position !== null) position += bytesRead;
      request.respond(bytesRead);
    } catch (error) {
      over();
      throw error;
    } finally {
      isFilling = false;
      if (isEnding) answerEnd();
    }
  };
  const source: UnderlyingByteSource = {
    type: "bytes",
    start(itsController) {
      controller = itsController as ReadableByteStreamController;
      ends.add(fileCloses);
      if (signal?.aborted) abort();
      else if (signal !== undefined) unlisten = onAbort(signal, abort);
    },
    // A pipe may have nothing for ever, and its reader is to be told when the file is closed.
    pull: () => controller.byobRequest && !isStream() ? fill(controller.byobRequest) : enqueue(),
    cancel: over,
  };
  // The types of older releases know no streams of bytes here.
  const stream: unknown = new ReadableStream(source as object);
  // With the types of a browser beside those of Node a Response takes only the former's streams,
  // and functions of Node only the latter's: it is one class.
  return stream as ReturnType<typeof webStream>;
}
