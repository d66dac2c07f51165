/**
 * Files as streams of Node and of the web.
 *
 * @module
 */
import { Readable } from "node:stream";
import { type ReadableByteStreamController, ReadableStream } from "node:stream/web";
import { checkInteger } from "../check.ts";
import type { AioFile } from "./aio_file.ts";

/** How a stream of Node reads. */
export interface ReadStreamOptions {
  /** First byte; by default the stream begins at the current position, and moves it. */
  start?: number;
  /**
   * Last byte, itself included, as in `node:fs`.
   *
   * @default {Infinity}
   */
  end?: number;
  /** The stream gives strings in this encoding. */
  encoding?: BufferEncoding | null;
  /**
   * Bytes of a chunk.
   *
   * @default {65536}
   */
  highWaterMark?: number;
  /**
   * Whether the file is closed when the stream is over.
   *
   * @default {true}
   */
  autoClose?: boolean;
  /** Destroys the stream. */
  signal?: AbortSignal;
}

const CHUNK_SIZE = 65536;

/** See `FileHandle.createReadStream`. */
export function nodeStream(file: AioFile, options: ReadStreamOptions): Readable {
  const { start, end = Infinity, encoding, highWaterMark = CHUNK_SIZE } = options;
  const { autoClose = true, signal } = options;
  if (start !== undefined) {
    checkInteger("create stream", "start", start, Math.min(end, Number.MAX_SAFE_INTEGER));
  }
  if (end !== Infinity) checkInteger("create stream", "end", end, Number.MAX_SAFE_INTEGER);
  let left = end - (start ?? 0) + 1;
  let position = start ?? null;
  return new Readable({
    highWaterMark,
    ...(encoding ? { encoding } : {}),
    ...(signal ? { signal } : {}),
    read() {
      const length = Math.min(highWaterMark, left);
      if (length === 0) {
        this.push(null);
        return;
      }
      const chunk = new Uint8Array(length);
      file.read(chunk, 0, length, position).then(({ bytesRead }) => {
        left -= bytesRead;
        if (position !== null) position += bytesRead;
        this.push(bytesRead === 0 ? null : chunk.subarray(0, bytesRead));
      }, (error) => this.destroy(error));
    },
    destroy(error, callback) {
      if (!autoClose) return callback(error);
      file.close().then(() => callback(error), callback);
    },
  });
}

/** See `FileHandle.readableWebStream`. */
export function webStream(file: AioFile, autoClose: boolean): ReadableStream<Uint8Array> {
  const over = async (): Promise<void> => {
    if (autoClose) await file.close();
  };
  return new ReadableStream<Uint8Array>({
    type: "bytes",
    async pull(controller) {
      const chunk = new Uint8Array(CHUNK_SIZE);
      const { bytesRead } = await file.read(chunk);
      if (bytesRead > 0) return controller.enqueue(chunk.subarray(0, bytesRead));
      controller.close();
      // One who waits with memory of his own is told as well
      (controller as ReadableByteStreamController).byobRequest?.respond(0);
      await over();
    },
    cancel: over,
  });
}
