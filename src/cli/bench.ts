import { constants } from "node:fs";
import { type FileHandle, open as openHandle, stat } from "node:fs/promises";
import { runtimeName } from "../../ffi/runtime_name.ts";
import { choose, type KernelName } from "../choose_kernel.ts";
import { AioContext } from "../context/aio_context.ts";
import type { AioFile } from "../file/aio_file.ts";
import { open } from "../file/open.ts";
import { allocate } from "../memory/allocate.ts";
import type { BenchOptions } from "./arguments.ts";
import { BLOCK, type Figures, measurePass } from "./bench_pass.ts";
import { checkHasSize } from "./check_has_size.ts";
import { ProgressBar } from "./progress_bar.ts";
import { grouped } from "./report.ts";

const DEPTHS: readonly number[] = [1, 2, 4, 8, 16, 32, 64, 128, 256];
const MAXIMUM_DEPTH = 256;
/** What the system does meanwhile harms one round of three, and the median is of another. */
const ROUNDS = 3;
/** The depth whose rate is this share of the best one is enough. */
const ENOUGH = 0.95;

/** What `kaio bench --json` prints. */
export interface BenchResult {
  /** The file, as it was given. */
  readonly file: string;
  /** Its size in bytes. */
  readonly size: number;
  /** The bytes of a read. */
  readonly block: number;
  /** Whether the reads bypassed the page cache (O_DIRECT). */
  readonly direct: boolean;
  /** How long each participant read at each depth, in seconds, in all rounds together. */
  readonly seconds: number;
  /** The rounds, whose medians the rows have. */
  readonly rounds: number;
  /** The kernel that did the reads of kaio. */
  readonly kernel: KernelName;
  /** The runtime and its version. */
  readonly runtime: string;
  /** The figures, by depth. */
  readonly rows: readonly BenchRow[];
  /** The smallest depth at which kaio comes within five percent of its best rate. */
  readonly enough: number;
  /** What the reader of the figures should know. */
  readonly notes: readonly string[];
}

/** The figures of one participant at one depth. */
export interface BenchRow extends Figures {
  /** The reads in flight. */
  readonly depth: number;
  /** Who read: kaio, or the FileHandle of the runtime. */
  readonly by: "kaio" | "fs";
  /** Millions of bytes per second. */
  readonly megabytesPerSecond: number;
}

/**
 * Reads random blocks of a file at several depths, by kaio and by the runtime's own FileHandle in
 * turn.
 *
 * @param options What is asked for.
 * @param signal Ends the measurement.
 * @param announce Is told what will be read, before the first read.
 * @returns The figures.
 * @throws {Error} If the file cannot be opened or read, has not one whole block, or is neither a
 * regular file nor a block device; if the signal is aborted, with how far the measurement came.
 */
export async function bench(
  options: BenchOptions,
  signal: AbortSignal,
  announce: (line: string) => void,
): Promise<BenchResult> {
  const { file: path, seconds: total } = options;
  await checkHasSize(path);
  const { name: kernel, reason, asked } = choose();
  // The context that files share may have fewer entries than the depth.
  const context = new AioContext({ entries: MAXIMUM_DEPTH, kernel });
  try {
    const file = await open(path, "r", { direct: options.direct ? "try" : false, context });
    try {
      const { direct } = file;
      const size = await file.size();
      if (size < BLOCK) {
        throw new Error(`Cannot bench a file of less than ${BLOCK} bytes: ${JSON.stringify(path)}`);
      }
      const how = direct ? "with O_DIRECT" : "through the page cache";
      announce(`Reading blocks of ${grouped(BLOCK)} bytes at random positions of ${path}, ${how}, \
for ${total} s; nothing is written`);
      const notes = reason === undefined || asked ? [] : [`Linux AIO was not used: ${reason}`];
      notes.push(...await remarksOn(path, direct));
      const rows = await readBoth(file, options, size, signal);
      const seconds = total / rows.length;
      const about = { file: path, size, block: BLOCK, direct, seconds, rounds: ROUNDS };
      return { ...about, kernel, runtime: runtimeName(), rows, enough: enoughOf(rows), notes };
    } finally {
      await file.close();
    }
  } finally {
    await context[Symbol.asyncDispose]();
  }
}

/** What makes the figures say something else than how fast the disk is. */
async function remarksOn(path: string, direct: boolean): Promise<string[]> {
  const found = await stat(path);
  return [
    ...direct ? [] : ["What the page cache held was read from there, not from the disk"],
    ...found.isFile() && found.blocks * 512 < found.size
      ? ["The file has holes or is compressed: the disk had less to read"]
      : [],
  ];
}

async function readBoth(
  file: AioFile,
  { file: path, seconds }: BenchOptions,
  size: number,
  signal: AbortSignal,
): Promise<BenchRow[]> {
  const own = await openHandle(path, constants.O_RDONLY | (file.direct ? constants.O_DIRECT : 0));
  try {
    return await readInTurns({ kaio: file, fs: own }, Math.floor(size / BLOCK), seconds, signal);
  } finally {
    await own.close();
  }
}

async function readInTurns(
  files: Readonly<Record<BenchRow["by"], FileHandle>>,
  blocks: number,
  seconds: number,
  signal: AbortSignal,
): Promise<BenchRow[]> {
  // Both read to the same memory, which suits O_DIRECT.
  const memory = allocate(MAXIMUM_DEPTH * BLOCK);
  const buffers = Array.from({ length: MAXIMUM_DEPTH }, (_, slot) => {
    return memory.subarray(slot * BLOCK, (slot + 1) * BLOCK);
  });
  const cells = DEPTHS.flatMap((depth) =>
    (["kaio", "fs"] as const).map((by) => ({ depth, by, passes: [] as Figures[] }))
  );
  const total = cells.length * ROUNDS;
  const bar = new ProgressBar(total);
  let done = 0;
  try {
    for (let round = 0; round < ROUNDS; round++) {
      for (const { depth, by, passes } of cells) {
        const used = buffers.slice(0, depth);
        const figures = await measurePass(files[by], used, blocks, 1000 * seconds / total, signal);
        passes.push(figures);
        done++;
        const rate = `${grouped(figures.readsPerSecond)} reads/s`;
        bar.advance(1, `${by} at depth ${depth}: ${rate}`);
      }
    }
  } catch (error) {
    if (!signal.aborted || error !== signal.reason) throw error;
    throw new Error(`Interrupted after ${done} of ${total} measurements`);
  } finally {
    bar.clear();
  }
  return cells.map(({ depth, by, passes }) => {
    const figures = medians(passes);
    const megabytesPerSecond = figures.readsPerSecond * BLOCK / 1e6;
    return { depth, by, megabytesPerSecond, ...figures };
  });
}

/** The median of each figure. */
function medians(passes: readonly Figures[]): Figures {
  const median = (key: keyof Figures): number =>
    passes.map((pass) => pass[key]).sort((a, b) => a - b)[passes.length >> 1]!;
  return {
    readsPerSecond: median("readsPerSecond"),
    cpuMicrosecondsPerRead: median("cpuMicrosecondsPerRead"),
    p50: median("p50"),
    p99: median("p99"),
    p999: median("p999"),
  };
}

/** The smallest depth at which kaio comes near the best rate that it has at any. */
export function enoughOf(
  rows: readonly Pick<BenchRow, "depth" | "by" | "readsPerSecond">[],
): number {
  const own = rows.filter(({ by }) => by === "kaio");
  const best = Math.max(...own.map(({ readsPerSecond }) => readsPerSecond));
  return own.find(({ readsPerSecond }) => readsPerSecond >= ENOUGH * best)!.depth;
}
