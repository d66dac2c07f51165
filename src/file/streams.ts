/**
 * Files as streams of Node and of the web.
 *
 * @module
 */
import { type ReadableByteStreamController, ReadableStream } from "node:stream/web";
import { checkInteger } from "../check.ts";
import type { AioFile } from "./aio_file.ts";

const CHUNK_SIZE = 65536;

/**
 * Throws for a range that a stream of Node rejects: the runtime's stream takes hold of the file
 * before it looks at its options, so a file whose stream was rejected could never be closed.
 */
export function checkStreamRange(start: number | undefined, end: number | undefined): void {
  const last = end ?? Infinity;
  if (start !== undefined) {
    checkInteger("create stream", "start", start, Math.min(last, Number.MAX_SAFE_INTEGER));
  }
  if (last !== Infinity) checkInteger("create stream", "end", last, Number.MAX_SAFE_INTEGER);
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
      // A reader that waits with memory of its own has to be answered as well.
      (controller as ReadableByteStreamController).byobRequest?.respond(0);
      await over();
    },
    cancel: over,
  });
}
