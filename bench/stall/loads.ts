/**
 * What keeps a file busy while the event loop is watched.
 *
 * @module
 */
import { allocate } from "../../mod.ts";
import { Random } from "../../tests/support/random.ts";
import type { Pace } from "./pace.ts";
import type { Party, StallFile } from "./parties.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

/** The bytes of the file that is read. */
export const SIZE = 256 * MIB;

/** A load: a pass over a file, with several requests in flight. */
export interface Load {
  /** What the table and `--only` call it. */
  readonly name: string;
  /** Whether it reads the file that is there, from the disk or out of the page cache, or makes one. */
  readonly needs: "cold" | "hot" | "new" | "nothing";
  /** The bytes of a request. */
  readonly block: number;
  /** How many are in flight. */
  readonly depth: number;
  /** The bytes of all of them. */
  readonly bytes: number;
  /** Whether they go all over the file, and not one after the other. */
  readonly random?: true;
  /** Whether each write is synced. */
  readonly synced?: true;
}

/** All loads, in the order of the table. */
export const LOADS: readonly Load[] = [
  { name: "idle", needs: "nothing", block: 0, depth: 0, bytes: 0 },
  { name: "cold-scan", needs: "cold", block: 64 * KIB, depth: 64, bytes: SIZE },
  { name: "cold-4k", needs: "cold", block: 4 * KIB, depth: 64, bytes: SIZE / 16, random: true },
  { name: "hot-4k", needs: "hot", block: 4 * KIB, depth: 64, bytes: SIZE },
  { name: "hot-1m", needs: "hot", block: MIB, depth: 64, bytes: SIZE },
  { name: "write-1m", needs: "new", block: MIB, depth: 16, bytes: 256 * MIB },
  { name: "append-4k", needs: "new", block: 4 * KIB, depth: 64, bytes: 16 * MIB },
  { name: "fsync", needs: "new", block: 64 * KIB, depth: 4, bytes: 16 * MIB, synced: true },
];

/** Whether a load makes sense for a party. */
export function suits({ needs }: Load, { name, direct }: Party): boolean {
  return needs === "nothing" ? name === "kaio" : needs !== "hot" || !direct;
}

/** Used again from pass to pass. */
let memory = new Uint8Array(0);

/**
 * Runs a load once, each of its requests with a buffer of its own. Without async functions: their
 * garbage would be measured with that of the file.
 *
 * @param load What is to be done
 * @param file The file
 * @param running Whether the time is not over
 * @param pace Says when each request may begin
 * @returns The bytes that it moved
 */
export async function runLoad(
  { needs, block, depth, bytes, random, synced }: Load,
  file: StallFile,
  running: () => boolean,
  pace: Pace,
): Promise<number> {
  if (memory.length < depth * block) {
    memory = allocate(depth * block);
    // The memory is touched, so that none of its pages is made while the loop is watched.
    memory.fill(1);
  }
  const blocks = new Random(1);
  let moved = 0;
  const sync = () => file.sync();
  const begin = (buffer: Uint8Array): Promise<unknown> | undefined => {
    if (moved >= bytes || !running()) return undefined;
    const position = random ? blocks.below(SIZE / block) * block : moved;
    moved += block;
    if (needs !== "new") return file.read(buffer, 0, block, position);
    const written = file.write(buffer, 0, block, position);
    return synced ? written.then(sync) : written;
  };
  await new Promise<void>((resolve, reject) => {
    let busy = depth;
    for (let slot = 0; slot < depth; slot++) {
      const buffer = memory.subarray(slot * block, (slot + 1) * block);
      const next = (): void => {
        if (!pace.take(block, next)) return;
        const begun = begin(buffer);
        if (begun !== undefined) begun.then(next, reject);
        else if (--busy === 0) resolve();
      };
      next();
    }
  });
  return moved;
}
