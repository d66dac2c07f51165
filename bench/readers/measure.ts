/**
 * The inside of a process that reads one file by one reader, through its own source and through
 * kaio by turns.
 *
 * @module
 */
import { statSync } from "node:fs";
import process from "node:process";
import { type AioFile, open } from "../../mod.ts";
import { collectGarbage } from "../../tests/support/gc.ts";
import { evict, warmCache } from "../page_cache.ts";
import { READERS } from "./all.ts";
import type { Reader } from "./reader.ts";

/** What a process is started for. */
export interface ReaderTask {
  /** See {@link READERS}. */
  readonly reader: string;
  /** The file that it made. */
  readonly path: string;
  readonly rounds: number;
  /** For how long it may print nothing. */
  readonly seconds: number;
}

/** A pass: the time that it took, and the CPU time of the whole process, in milliseconds. */
export interface Pass {
  readonly time: number;
  readonly cpu: number;
}

/** Who reads, and from where. */
export const CELLS = ["own cold", "kaio cold", "direct cold", "own cached", "kaio cached"] as const;

/** The passes of each, round by round. */
export type Passes = Record<typeof CELLS[number], Pass[]>;

/** Reads by turns, each round in another order. */
export async function measureReader({ reader: name, path, rounds }: ReaderTask): Promise<Passes> {
  const reader = READERS.find((it) => it.name === name)!;
  const passes: Passes = {
    "own cold": [],
    "kaio cold": [],
    "direct cold": [],
    "own cached": [],
    "kaio cached": [],
  };
  // The compilers see each of them before anything counts.
  const expected = await readBy(reader, path, "own cached");
  for (const cell of CELLS) check(await readBy(reader, path, cell), expected);
  for (let round = 0; round < rounds; round++) {
    const first = round % CELLS.length;
    for (const cell of [...CELLS.slice(first), ...CELLS.slice(0, first)]) {
      if (cell.endsWith("cold")) evict(path);
      else warmCache(path, statSync(path).size);
      collectGarbage();
      const [start, before] = [performance.now(), process.cpuUsage()];
      const sum = await readBy(reader, path, cell);
      const { user, system } = process.cpuUsage(before);
      passes[cell].push({ time: performance.now() - start, cpu: (user + system) / 1000 });
      check(sum, expected);
    }
  }
  return passes;
}

/** Opens, reads and closes. */
async function readBy({ own, kaio }: Reader, path: string, cell: typeof CELLS[number]) {
  if (cell.startsWith("own")) return await own(path);
  const file: AioFile = await open(path, "r", { direct: cell.startsWith("direct") && "try" });
  try {
    return await kaio(file);
  } finally {
    await file.close();
  }
}

/** Floating-point sums depend on their order. */
function check(sum: number, expected: number): void {
  if (Math.abs(sum - expected) <= Math.abs(expected) * 1e-9) return;
  throw new Error(`What was read differs: ${sum} is not ${expected}`);
}
