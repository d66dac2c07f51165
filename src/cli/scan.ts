import { realpath, stat } from "node:fs/promises";
import process from "node:process";
import { runtimeName } from "../../ffi/runtime_name.ts";
import { choose, type KernelName } from "../choose_kernel.ts";
import { AioContext } from "../context/aio_context.ts";
import type { AioFile } from "../file/aio_file.ts";
import { open } from "../file/open.ts";
import type { ScanOptions } from "./arguments.ts";
import { checkHasSize } from "./check_has_size.ts";
import { ProgressBar } from "./progress_bar.ts";
import { grouped } from "./report.ts";
import type { Census } from "./sqlite/census.ts";
import { beginCensus, finishCensus, readHeader, type SqliteResult } from "./sqlite/take_census.ts";

/** The bytes of a read where neither the user nor a database says otherwise. */
const DEFAULT_BLOCK = 4096;

/** What `kaio scan --json` prints. */
export interface ScanResult {
  /** The bytes read. */
  readonly bytes: number;
  /** How long the scan took, in seconds, without opening the file. */
  readonly seconds: number;
  /** The blocks read; one read each. */
  readonly reads: number;
  /** Millions of bytes per second. */
  readonly megabytesPerSecond: number;
  /** Blocks per second. */
  readonly readsPerSecond: number;
  /**
   * CPU time of the whole process during the scan, user and system, in microseconds per block,
   * including the census of a SQLite database.
   */
  readonly cpuMicrosecondsPerRead: number;
  /** The file, as it was given. */
  readonly file: string;
  /** Whether the reads bypassed the page cache (O_DIRECT). */
  readonly direct: boolean;
  /** The bytes of a read. */
  readonly block: number;
  /** Maximum number of reads in flight. */
  readonly depth: number;
  /** The kernel that did the reads. */
  readonly kernel: KernelName;
  /** The runtime and its version. */
  readonly runtime: string;
  /** What the reader of the figures should know. */
  readonly notes: readonly string[];
  /** The census, if the file is a SQLite database, or seems to be one that cannot be read. */
  readonly sqlite?: SqliteResult;
}

/**
 * Reads every block of a file in completion order, and takes the census of a SQLite database on
 * the way.
 *
 * @param options What is asked for.
 * @param signal Ends the scan.
 * @returns The figures.
 * @throws {Error} If the file cannot be opened or read, or is neither a regular file nor a block
 * device; if the signal is aborted, with how far the scan came, or `signal.reason` before and after.
 */
export async function scan(options: ScanOptions, signal: AbortSignal): Promise<ScanResult> {
  const { file: path, depth } = options;
  await checkHasSize(path);
  const { name: kernel, reason, asked } = choose();
  const notes = reason === undefined || asked ? [] : [`Linux AIO was not used: ${reason}`];
  // The context that files share may have fewer entries than the depth.
  const context = new AioContext({ entries: depth, kernel });
  try {
    const file = await open(path, "r", { direct: options.direct ? "try" : false, context });
    try {
      const { direct } = file;
      const result = await scanFile(file, options, notes, signal);
      return { file: path, ...result, direct, depth, kernel, runtime: runtimeName(), notes };
    } finally {
      await file.close();
    }
  } finally {
    await context[Symbol.asyncDispose]();
  }
}

async function scanFile(
  file: AioFile,
  { file: path, block: asked, depth }: ScanOptions,
  notes: string[],
  signal: AbortSignal,
) {
  const size = await file.size();
  const header = await readHeader(file, path, signal);
  if (header === undefined) {
    notes.push(size === 0 ? "The file is empty" : "Not a SQLite database: no pages were counted");
  }
  const unreadable = header && "problems" in header ? header : undefined;
  const census = header && "pageSize" in header
    ? await beginCensus(header, file, size, signal)
    : undefined;
  const pageSize = census?.header.pageSize;
  const wanted = asked ?? pageSize ?? DEFAULT_BLOCK;
  const block = Math.ceil(wanted / (pageSize ?? 1)) * (pageSize ?? 1);
  if (block !== wanted) {
    notes.push(`The block of ${wanted} bytes became ${block}: the census needs whole pages`);
  }
  const range = { blockSize: block, depth, start: 0, end: size, signal };
  const blocks = file.scan({ ...range, order: "completion" });
  const figures = await readAll(blocks, size, signal, census);
  // A file that is truncated during the scan fails a read instead.
  if (figures.bytes < size) throw new Error("The file became shorter before the scan");
  const sqlite = census ? await finishCensus(census, file, notes, signal) : unreadable;
  const log = sqlite && await findLog(path);
  if (log) {
    const bytes = `${grouped(log.size)} bytes`;
    notes.push(`There is a write-ahead log, ${log.path} (${bytes}): only the main file was read`);
  }
  return { ...figures, block, ...sqlite && { sqlite } };
}

/** SQLite looks for the log beside the file that a link points to. */
async function findLog(database: string): Promise<{ path: string; size: number } | undefined> {
  try {
    const path = `${await realpath(database)}-wal`;
    const { size } = await stat(path);
    return size > 0 ? { path, size } : undefined;
  } catch {
    return undefined;
  }
}

/** Reads all blocks, and says how fast that was. */
async function readAll(
  blocks: ReturnType<AioFile["scan"]>,
  size: number,
  signal: AbortSignal,
  census?: Census,
) {
  const bar = new ProgressBar(size);
  const cpu = process.cpuUsage();
  const began = performance.now();
  let bytes = 0;
  let reads = 0;
  try {
    for await (const item of blocks) {
      census?.addBlock(item.position, item.bytes);
      bytes += item.bytes.length;
      reads++;
      bar.advance(item.bytes.length);
    }
  } catch (error) {
    if (!signal.aborted || error !== signal.reason) throw error;
    throw new Error(`Interrupted after ${grouped(bytes)} of ${grouped(size)} bytes`);
  } finally {
    bar.clear();
  }
  // At least a microsecond: a clock that stands still must not give NaN for an empty file.
  const seconds = Math.max(performance.now() - began, 1e-3) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  return {
    bytes,
    seconds,
    reads,
    megabytesPerSecond: bytes / 1e6 / seconds,
    readsPerSecond: reads / seconds,
    cpuMicrosecondsPerRead: reads === 0 ? 0 : (user + system) / reads,
  };
}
