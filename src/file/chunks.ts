/**
 * What can be written to a file at once.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { typeError } from "../check.ts";

/** A part of a file's content. */
export type Chunk = string | ArrayBufferView;

/** All that `FileHandle.writeFile` takes; streams are async iterables. */
export type Chunks = Chunk | Iterable<Chunk> | AsyncIterable<Chunk>;

/** The parts as bytes, one after the other. */
export async function* chunksOf(
  data: Chunks,
  encoding: BufferEncoding | null | undefined,
): AsyncGenerator<Uint8Array> {
  const toBytes = (chunk: Chunk): Uint8Array => {
    if (typeof chunk === "string") return Buffer.from(chunk, encoding ?? "utf8");
    if (ArrayBuffer.isView(chunk)) {
      return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    }
    throw typeError("write file", "data", "strings, Buffers, TypedArrays or DataViews");
  };
  if (typeof data === "string" || ArrayBuffer.isView(data)) yield toBytes(data);
  else if (typeof data === "object" && data !== null) {
    for await (const chunk of data) yield toBytes(chunk);
  } else throw typeError("write file", "data", "a string, a buffer, or an iterable of them");
}
