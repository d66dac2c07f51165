import { rmSync } from "node:fs";
import { join } from "node:path";
import type { AioFile } from "../../mod.ts";
import type { Random } from "../support/random.ts";
import { openHere } from "./places.ts";

/** How far reads and writes go from the end. */
const REACH = 60_000;
const BLOCK = 4096;
/** How many operations are under way at once. */
const IN_FLIGHT = 32;
const OPERATIONS_A_FILE = 600;

/**
 * Reads around the end of a file beside all that changes it: writes with O_DIRECT of whole blocks
 * and of parts, writes through the page cache, truncates. Whatever fails is thrown.
 *
 * @returns How many reads there were
 */
export async function readAtTheTail(folder: string, random: Random): Promise<number> {
  const path = join(folder, `tail-${random.below(2 ** 32)}`);
  let reads = 0;
  {
    await using file = await openHere(path, "w+", { direct: true });
    await using cached = await openHere(path, "r+");
    const tail = new Tail(file, cached, random);
    for (let left = OPERATIONS_A_FILE; left > 0; left -= IN_FLIGHT) {
      // All of them end before the file is closed, and the first failure is thrown.
      const results = await Promise.allSettled(Array.from({ length: IN_FLIGHT }, () => tail.any()));
      for (const result of results) if (result.status === "rejected") throw result.reason;
      // With nothing else under way, too: what XFS has set aside stays.
      await file.readAt(Math.max(0, tail.size - REACH / 2), REACH);
    }
    reads = tail.reads;
  }
  rmSync(path);
  return reads;
}

/** A file that changes, and how long it will be. */
class Tail {
  size = 0;
  reads = 0;
  readonly #file: AioFile;
  readonly #cached: AioFile;
  readonly #random: Random;
  readonly #bytes = new Uint8Array(REACH);

  constructor(file: AioFile, cached: AioFile, random: Random) {
    this.#file = file;
    this.#cached = cached;
    this.#random = random;
  }

  any(): Promise<unknown> {
    const random = this.#random;
    return random.weighted<() => Promise<unknown>>([
      [20, () => this.#read(this.#file)],
      [2, () => this.#read(this.#cached)],
      [5, () => this.#write(this.#file, this.#near(), random.between(1, 40_000))],
      [2, () => this.#write(this.#file, this.size, random.between(1, 600))],
      [2, () => this.#write(this.#file, this.#nextBlock(), BLOCK * random.between(1, 8))],
      [1, () => this.#write(this.#cached, this.#near(), random.between(1, 40_000))],
      [1, () => this.#truncate()],
    ])();
  }

  #read(file: AioFile): Promise<unknown> {
    this.reads++;
    const position = Math.max(0, this.size - this.#random.below(REACH));
    return file.readAt(position, this.#random.pick([REACH, BLOCK]));
  }

  #write(file: AioFile, position: number, length: number): Promise<unknown> {
    this.size = Math.max(this.size, position + length);
    return file.write(this.#bytes, 0, length, position);
  }

  #truncate(): Promise<unknown> {
    this.size = this.#random.below(this.size + 1);
    return this.#file.truncate(this.size);
  }

  #near(): number {
    return Math.max(0, this.size + this.#random.between(-REACH / 4, REACH / 4));
  }

  /** Where the first block begins of which the file has nothing. */
  #nextBlock(): number {
    return Math.ceil(this.size / BLOCK) * BLOCK;
  }
}
