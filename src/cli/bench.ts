import { constants } from "node:fs";
import { open as openHandle, stat, statfs } from "node:fs/promises";
import { isPermitted } from "../../ffi/permission.ts";
import { runtimeName } from "../../ffi/runtime_name.ts";
import { choose, type KernelName } from "../choose_kernel.ts";
import { AioContext } from "../context/aio_context.ts";
import type { AioFile } from "../file/aio_file.ts";
import { open } from "../file/open.ts";
import type { BenchOptions } from "./arguments.ts";
import { withNewFile } from "./bench_file.ts";
import { type FioTrial, measureFio, tryFio } from "./bench_fio.ts";
import { BLOCK, type Figures, measurePass, type Workload } from "./bench_pass.ts";
import { checkHasSize } from "./check_has_size.ts";
import { ProgressBar } from "./progress_bar.ts";
import { counted, grouped } from "./report.ts";

/** Until the code is compiled, figures are of the compiler. */
const WARM_UP_MILLISECONDS = 200;
const WARM_UP_DEPTH = 16;
/** The type that statfs(2) gives a file system in memory. */
const TMPFS = 0x01021994;
/** The bytes of a file that is made to be written. */
const WRITTEN = 256 * 1024 * 1024;
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
  /** The bytes of a request. */
  readonly block: number;
  /** Whether blocks were written, to a file that was made for this. */
  readonly write: boolean;
  /** Whether the requests bypassed the page cache (O_DIRECT). */
  readonly direct: boolean;
  /** How long a row was measured, in seconds, in all rounds together. */
  readonly seconds: number;
  /** The rounds, whose medians the rows have. */
  readonly rounds: number;
  /** The kernel that did the requests of kaio. */
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
  /** The requests in flight. */
  readonly depth: number;
  /** Who made them: kaio, the FileHandle of the runtime, or fio. */
  readonly by: "kaio" | "fs" | "fio";
  /** Millions of bytes per second. */
  readonly megabytesPerSecond: number;
}

/** Who takes part, and how it is measured. */
interface Participant {
  readonly by: BenchRow["by"];
  measure(depth: number, milliseconds: number): Promise<Figures>;
}

/**
 * Reads random blocks of a file at several depths, by kaio, by the runtime's own FileHandle and,
 * where it is installed, by fio in turn; or writes them, to a file that it makes and removes.
 *
 * @param options What is asked for.
 * @param signal Ends the measurement.
 * @param announce Is told what will be done, before it is begun.
 * @returns The figures.
 * @throws {Error} If the file cannot be opened or read, has not one whole block, or is neither a
 * regular file nor a block device; if it exists and is to be written; if the signal is aborted, with
 * how far the measurement came.
 */
export async function bench(
  options: BenchOptions,
  signal: AbortSignal,
  announce: (line: string) => void,
): Promise<BenchResult> {
  const { file, seconds, write } = options;
  const tell = (doing: string, end: string): void => {
    const blocks = `blocks of ${grouped(BLOCK)} bytes at random positions of ${file}`;
    announce(`${doing} ${blocks} for ${counted(seconds, "second")}; ${end}`);
  };
  if (write) {
    const end = `it is made for this, with ${grouped(WRITTEN)} bytes, and removed afterwards`;
    const measure = () => benchFile(options, signal, () => {});
    return await withNewFile(file, WRITTEN, signal, () => tell("Writing", end), measure);
  }
  await checkHasSize(file);
  return await benchFile(options, signal, () => tell("Reading", "nothing is written to it"));
}

async function benchFile(
  options: BenchOptions,
  signal: AbortSignal,
  opened: () => void,
): Promise<BenchResult> {
  const { file: path, depths, seconds, write } = options;
  const { name: kernel, reason, asked } = choose();
  // The context that files share may have fewer entries than the depth.
  const context = new AioContext({ entries: Math.max(...depths), kernel });
  try {
    const direct = options.direct && "try";
    const file = await open(path, write ? "r+" : "r", { direct, context });
    try {
      const size = await file.size();
      if (size < BLOCK) {
        throw new Error(`Cannot bench a file of less than ${BLOCK} bytes: ${JSON.stringify(path)}`);
      }
      opened();
      const notes = reason === undefined || asked ? [] : [`Linux AIO was not used: ${reason}`];
      const blocks = Math.floor(size / BLOCK);
      const workload = { path, blocks, write, direct: file.direct, signal };
      notes.push(...await remarksOn(workload));
      const fio: FioTrial = options.fio ? await tryFio(workload) : { works: false };
      if (fio.note !== undefined) notes.push(fio.note);
      const rows = await measureAll(file, workload, options, fio.works);
      return {
        file: path,
        size,
        block: BLOCK,
        write,
        direct: file.direct,
        seconds: seconds / rows.length,
        rounds: ROUNDS,
        kernel,
        runtime: runtimeName(),
        rows,
        enough: enoughOf(rows),
        notes,
      };
    } finally {
      await file.close();
    }
  } finally {
    await context[Symbol.asyncDispose]();
  }
}

/** What makes the figures say something else than how fast the disk is. */
async function remarksOn({ path, write, direct }: Workload): Promise<string[]> {
  const found = await stat(path);
  const mayAsk = isPermitted({ name: "sys", kind: "statfs" });
  if (mayAsk && found.isFile() && (await statfs(path)).type === TMPFS) {
    return ["The file is in memory (tmpfs): the figures are of no disk"];
  }
  const cached = write
    ? "The page cache took the writes; the disk gets them later"
    : "What the page cache held was read from there, not from the disk";
  return [
    ...direct ? [] : [cached],
    ...!write && found.isFile() && found.blocks * 512 < found.size
      ? ["The file has holes or is compressed: the disk had less to read"]
      : [],
  ];
}

async function measureAll(
  file: AioFile,
  workload: Workload,
  options: BenchOptions,
  withFio: boolean,
): Promise<BenchRow[]> {
  const { path, write, direct, signal } = workload;
  const access = write ? constants.O_RDWR : constants.O_RDONLY;
  const own = await openHandle(path, access | (direct ? constants.O_DIRECT : 0));
  try {
    const participants: Participant[] = [
      { by: "kaio", measure: (...pass) => measurePass(file, workload, ...pass) },
      { by: "fs", measure: (...pass) => measurePass(own, workload, ...pass) },
    ];
    const fio: Participant = { by: "fio", measure: (...pass) => measureFio(workload, ...pass) };
    if (withFio) participants.push(fio);
    // Nobody shall wait for what another has left to the page cache.
    const settle = (): Promise<void> => write ? own.sync() : Promise.resolve();
    return await measureInTurns(participants, options, settle, signal);
  } finally {
    await own.close();
  }
}

async function measureInTurns(
  participants: readonly Participant[],
  { depths, seconds }: BenchOptions,
  settle: () => Promise<void>,
  signal: AbortSignal,
): Promise<BenchRow[]> {
  const groups = depths.map((depth) =>
    participants.map((participant) => ({ depth, ...participant, passes: [] as Figures[] }))
  );
  const total = groups.flat().length * ROUNDS;
  const milliseconds = 1000 * seconds / total;
  const bar = new ProgressBar(total);
  let done = 0;
  try {
    for (const { measure } of participants) await measure(WARM_UP_DEPTH, WARM_UP_MILLISECONDS);
    for (let round = 0; round < ROUNDS; round++) {
      for (const group of groups) {
        // Each round begins with another one, so that none is always first.
        const first = round % group.length;
        for (const cell of [...group.slice(first), ...group.slice(0, first)]) {
          await settle();
          const figures = await cell.measure(cell.depth, milliseconds);
          cell.passes.push(figures);
          done++;
          bar.advance(1, `${cell.by} at depth ${cell.depth}: ${grouped(figures.iops)} IOPS`);
        }
      }
    }
  } catch (error) {
    if (!signal.aborted || error !== signal.reason) throw error;
    throw new Error(`Interrupted after ${done} of ${total} measurements`);
  } finally {
    bar.clear();
  }
  return groups.flat().map(({ depth, by, passes }) => {
    const figures = medians(passes);
    const megabytesPerSecond = figures.iops * BLOCK / 1e6;
    return { depth, by, megabytesPerSecond, ...figures };
  });
}

/** The median of each figure. */
function medians(passes: readonly Figures[]): Figures {
  const median = (key: keyof Figures): number =>
    passes.map((pass) => pass[key]).sort((a, b) => a - b)[passes.length >> 1]!;
  return {
    iops: median("iops"),
    cpuMicrosecondsPerRequest: median("cpuMicrosecondsPerRequest"),
    p50: median("p50"),
    p99: median("p99"),
    p999: median("p999"),
  };
}

/** The smallest depth at which kaio comes near the best rate that it has at any. */
export function enoughOf(
  rows: readonly Pick<BenchRow, "depth" | "by" | "iops">[],
): number {
  const own = rows.filter(({ by }) => by === "kaio");
  const best = Math.max(...own.map(({ iops }) => iops));
  return own.find(({ iops }) => iops >= ENOUGH * best)!.depth;
}
