/**
 * Files of numbered blocks, and random positions in them.
 *
 * @module
 */
import { closeSync, fsyncSync, openSync, readSync, rmSync, writeSync } from "node:fs";

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
  try {
    for (let at = 0; at < size; at += CHUNK) {
      for (let offset = 0; offset < CHUNK; offset += BLOCK) {
        chunk[offset / 4] = (at + offset) / BLOCK;
      }
      writeSync(fd, chunk, 0, CHUNK, at);
    }
    fsyncSync(fd);
  } catch (error) {
    rmSync(path);
    throw error;
  } finally {
    closeSync(fd);
  }
}

/** The number that a block begins with. */
export function stampOf(block: Uint8Array): number {
  return new DataView(block.buffer, block.byteOffset).getUint32(0, true);
}

/** Brings a file to the page cache. */
export function warmCache(path: string, size: number): void {
  const chunk = new Uint8Array(CHUNK);
  const fd = openSync(path, "r");
  for (let at = 0; at < size; at += CHUNK) readSync(fd, chunk, 0, CHUNK, at);
  closeSync(fd);
}

const SEED = 0x2545f491;

/** Random positions of blocks in a file: the same ones each time. */
export class Positions {
  readonly #blocks: number;
  #state = SEED;

  /** @param blocks How many blocks the file has */
  constructor(blocks: number) {
    this.#blocks = blocks;
  }

  /** The next position in bytes; Marsaglia's xorshift32. */
  next(): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return (x >>> 0) % this.#blocks * BLOCK;
  }
}
