/**
 * What can be written to a file at once.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { typeError } from "../check.ts";
import { isDetached } from "../memory/detached.ts";
import { bufferOf, bytesOf } from "../memory/intrinsics.ts";
import { iterationOf } from "./iterable.ts";

/** A part of a file's content. */
export type Chunk = string | ArrayBufferView;

/** All that `FileHandle.writeFile` takes; streams are async iterables. */
export type Chunks = Chunk | Iterable<Chunk> | AsyncIterable<Chunk>;

/** Whether it is a single part. */
export function isChunk(data: Chunks): data is Chunk {
  return typeof data === "string" || ArrayBuffer.isView(data);
}

/**
 * Checks the content of a file.
 *
 * @throws {TypeError} If `data` is nothing that has parts
 */
export function checkChunks(data: Chunks): void {
  if (typeof data === "string") return;
  if (ArrayBuffer.isView(data)) {
    try {
      if (!isDetached(bufferOf(bytesOf(data)))) return;
    } catch {
      // It is detached words.
    }
    throw typeError("write file", "data", "memory that is not detached");
  }
  if (iterationOf(data) !== undefined) return;
  throw typeError("write file", "data", "a string, a buffer, or an iterable of them");
}

/** A part as bytes. What is neither a string nor a view is the runtime's to convert, or to reject. */
export function bytesOfChunk(chunk: Chunk, encoding: BufferEncoding | undefined): Uint8Array {
  return ArrayBuffer.isView(chunk) ? bytesOf(chunk) : Buffer.from(chunk, encoding);
}
