/**
 * Files of numbered blocks, and memory for them.
 *
 * @module
 */
import { closeSync, fsyncSync, openSync, writeSync } from "node:fs";
import { allocate } from "../mod.ts";

/** The bytes of a block. */
export const BLOCK = 4096;

const CHUNK = 2 ** 20;

/**
 * Makes a file each of whose blocks begins with its number: {@link stampOf}.
 *
 * @param path The file, which must not exist
 * @param size Its size in bytes, a multiple of 1 MiB
 */
export function makeBlocks(path: string, size: number): void {
  const chunk = new Uint32Array(CHUNK / 4);
  // A disk may store zeros without storing them.
  for (let word = 0; word < chunk.length; word++) chunk[word] = Math.imul(word + 1, 0x9e3779b1);
  const fd = openSync(path, "wx");
  for (let at = 0; at < size; at += CHUNK) {
    for (let offset = 0; offset < CHUNK; offset += BLOCK) {
      chunk[offset / 4] = (at + offset) / BLOCK;
    }
    writeSync(fd, chunk, 0, CHUNK, at);
  }
  fsyncSync(fd);
  closeSync(fd);
}

/** The number that a block begins with. */
export function stampOf(block: Uint8Array): number {
  return new DataView(block.buffer, block.byteOffset).getUint32(0, true);
}

/** One buffer a slot, page-aligned, as O_DIRECT wants it: the same memory for everybody. */
export function makeBuffers(depth: number, block = BLOCK): Uint8Array[] {
  const memory = allocate(depth * block);
  return Array.from(
    { length: depth },
    (_, slot) => memory.subarray(slot * block, (slot + 1) * block),
  );
}
