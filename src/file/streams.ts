/**
 * Files as streams of Node and of the web.
 *
 * @module
 */
import { Readable } from "node:stream";
import { type ReadableByteStreamController, ReadableStream } from "node:stream/web";
import type { AioFile } from "../file.ts";

/** How a stream of Node reads. */
export interface ReadStreamOptions {
  /**
   * First byte.
   *
   * @default {0}
   */
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
  const { start = 0, end = Infinity, encoding, highWaterMark = CHUNK_SIZE } = options;
  const { autoClose = true, signal } = options;
  let position = start;
  const stream = new Readable({
    highWaterMark,
    ...(encoding ? { encoding } : {}),
    ...(signal ? { signal } : {}),
    read() {
      const length = Math.min(highWaterMark, end + 1 - position);
      file.readAt(position, Math.max(0, length)).then((bytes) => {
        position += bytes.length;
        this.push(bytes.length === 0 ? null : bytes);
      }, (error) => this.destroy(error));
    },
    destroy(error, callback) {
      if (!autoClose) return callback(error);
      file.close().then(() => callback(error), callback);
    },
  });
  return stream;
}

/** See `FileHandle.readableWebStream`. */
export function webStream(file: AioFile, autoClose: boolean): ReadableStream<Uint8Array> {
  let position = 0;
  const over = async (): Promise<void> => {
    if (autoClose) await file.close();
  };
  return new ReadableStream<Uint8Array>({
    type: "bytes",
    async pull(controller) {
      const bytes = await file.readAt(position, CHUNK_SIZE);
      position += bytes.length;
      if (bytes.length > 0) return controller.enqueue(bytes);
      controller.close();
      // One who waits with memory of his own is told as well
      (controller as ReadableByteStreamController).byobRequest?.respond(0);
      await over();
    },
    cancel: over,
  });
}
