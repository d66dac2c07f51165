/**
 * What keeps a file busy while the event loop is watched.
 *
 * @module
 */
import { setTimeout } from "node:timers/promises";
import { allocate } from "../../mod.ts";
import { Positions } from "../blocks.ts";
import type { Pace } from "./pace.ts";
import type { Party, StallFile } from "./parties.ts";

/** One pass over a file. */
export interface Pass {
  readonly file: StallFile;
  /** Bytes of the file that is read. */
  readonly size: number;
  /** Whether the time is not over. */
  running(): boolean;
  /** Says when each request may begin. */
  readonly pace: Pace;
}

/** A load. */
export interface Load {
  /** What the table and `--only` call it. */
  readonly name: string;
  /** Whether it reads the file that is there, from the disk or out of the page cache, or makes one. */
  readonly needs: "cold" | "hot" | "new" | "nothing";
  /** Whether it makes sense for one who takes part. */
  for(party: Party): boolean;
  /** Runs it once; resolves with the bytes that it moved. */
  run(pass: Pass): Promise<number>;
}

const KIB = 1024;
const MIB = 1024 * KIB;

const ALWAYS = (): boolean => true;
const CACHED = ({ direct }: Party): boolean => !direct;

/** All loads, in the order of the table. */
export const LOADS: readonly Load[] = [
  load("idle", "nothing", ({ name }) => name === "kaio", async () => (await setTimeout(200), 0)),
  load("cold-scan", "cold", ALWAYS, scanOf(64 * KIB)),
  load("cold-4k", "cold", ALWAYS, randomReads),
  load("hot-4k", "hot", CACHED, scanOf(4 * KIB)),
  load("hot-1m", "hot", CACHED, scanOf(MIB)),
  load("write-1m", "new", ALWAYS, writesOf(MIB, 16, 256 * MIB)),
  load("append-4k", "new", ALWAYS, writesOf(4 * KIB, 64, 16 * MIB)),
  load("fsync", "new", ALWAYS, writesOf(64 * KIB, 4, 16 * MIB, true)),
];

function load(name: string, needs: Load["needs"], isFor: Load["for"], run: Load["run"]): Load {
  return { name, needs, for: isFor, run };
}

/** Every block of the file, one after the other, 64 in flight. */
function scanOf(block: number): Load["run"] {
  return async ({ file, size, running, pace }) => {
    let position = 0;
    await inFlight(64, block, pace, (buffer) => {
      if (position + block > size || !running()) return undefined;
      position += block;
      return file.read(buffer, position - block);
    });
    return position;
  };
}

/** Reads of 4 KiB all over the file, 64 in flight, of a sixteenth of it. */
async function randomReads({ file, size, running, pace }: Pass): Promise<number> {
  const block = 4 * KIB;
  const positions = new Positions(size / block);
  let left = size / block / 16;
  let moved = 0;
  await inFlight(64, block, pace, (buffer) => {
    if (left-- <= 0 || !running()) return undefined;
    moved += block;
    return file.read(buffer, positions.next());
  });
  return moved;
}

/** Writes behind the end of a new file, each of them synced if asked for. */
function writesOf(block: number, depth: number, size: number, synced = false): Load["run"] {
  return async ({ file, running, pace }) => {
    let position = 0;
    const sync = () => file.sync();
    await inFlight(depth, block, pace, (buffer) => {
      if (position >= size || !running()) return undefined;
      position += block;
      const written = file.write(buffer, position - block);
      return synced ? written.then(sync) : written;
    });
    return position;
  };
}

/** Used again from pass to pass. */
let memory = new Uint8Array(0);

/**
 * So many at once, each with a buffer of its own, until none begins any more. Without async
 * functions: their garbage would be measured with that of the file.
 */
async function inFlight(
  depth: number,
  block: number,
  pace: Pace,
  begin: (buffer: Uint8Array) => Promise<unknown> | undefined,
): Promise<void> {
  if (memory.length < depth * block) {
    memory = allocate(depth * block);
    // The memory is touched, so that none of its pages is made while the loop is watched.
    memory.fill(1);
  }
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
}
