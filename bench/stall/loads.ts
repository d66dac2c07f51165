/**
 * What keeps a file busy while the event loop is watched.
 *
 * @module
 */
import { setTimeout } from "node:timers/promises";
import { allocate } from "../../mod.ts";
import { Positions } from "../positions.ts";
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

/** All loads, in the order of the table. */
export const LOADS: readonly Load[] = [
  {
    name: "idle",
    needs: "nothing",
    for: ({ name }) => name === "kaio",
    run: async () => (await setTimeout(200), 0),
  },
  { name: "cold-scan", needs: "cold", for: always, run: scanOf(64 * KIB) },
  { name: "cold-4k", needs: "cold", for: always, run: randomReads },
  { name: "hot-4k", needs: "hot", for: pageCache, run: scanOf(4 * KIB) },
  { name: "hot-1m", needs: "hot", for: pageCache, run: scanOf(MIB) },
  { name: "write-1m", needs: "new", for: always, run: (pass) => extend(pass, MIB, 16, 256 * MIB) },
  {
    name: "append-4k",
    needs: "new",
    for: always,
    run: (pass) => extend(pass, 4 * KIB, 64, 16 * MIB),
  },
  { name: "fsync", needs: "new", for: always, run: writeAndSync },
];

function always(): boolean {
  return true;
}

function pageCache({ direct }: Party): boolean {
  return !direct;
}

/** Every block of the file, one after the other, 64 in flight. */
function scanOf(block: number): (pass: Pass) => Promise<number> {
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

/** Writes behind the end of a new file. */
async function extend(
  { file, running, pace }: Pass,
  block: number,
  depth: number,
  size: number,
): Promise<number> {
  let position = 0;
  await inFlight(depth, block, pace, (buffer) => {
    if (position >= size || !running()) return undefined;
    position += block;
    return file.write(buffer, position - block);
  });
  return position;
}

/** Writes of 64 KiB, each made last, 4 in flight. */
async function writeAndSync({ file, running, pace }: Pass): Promise<number> {
  const block = 64 * KIB;
  let position = 0;
  const sync = () => file.sync();
  await inFlight(4, block, pace, (buffer) => {
    if (position >= 16 * MIB || !running()) return undefined;
    position += block;
    return file.write(buffer, position - block).then(sync);
  });
  return position;
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
    // Touched, so that no page of it is made while the loop is watched
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
