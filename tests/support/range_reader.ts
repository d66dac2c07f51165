import type { FileHandle } from "node:fs/promises";

/** Reads a range as most sources of readers do that are made for files of `node:fs`. */
export async function readRange(
  handle: FileHandle,
  position: number,
  length: number,
): Promise<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  const { bytesRead } = await handle.read(bytes, 0, length, position);
  return bytesRead === length ? bytes.buffer : bytes.buffer.slice(0, bytesRead);
}
