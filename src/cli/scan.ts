import { stat } from "node:fs/promises";
import process from "node:process";
import { runtimeName } from "../../ffi/runtime_name.ts";
import { choose, type KernelName } from "../choose_kernel.ts";
import { AioContext } from "../context/aio_context.ts";
import type { AioFile } from "../file/aio_file.ts";
import { open } from "../file/open.ts";
import { ProgressBar } from "./progress_bar.ts";
import type { ScanOptions } from "./scan_options.ts";
import type { ScanResult } from "./scan_result.ts";
import { hasWriteAheadLog } from "./sqlite/write_ahead_log.ts";
import { Survey } from "./survey.ts";

/** The bytes of a read where neither the user nor a database says otherwise. */
const DEFAULT_BLOCK = 4096;

/**
 * Reads every block of a file in completion order, and takes the census of a SQLite database on
 * the way.
 *
 * @param options What is asked for.
 * @param signal Ends the scan.
 * @returns The figures.
 * @throws {Error} If the file cannot be opened or read, or is no regular file; `signal.reason` if
 * the signal is aborted.
 */
export async function scan(options: ScanOptions, signal: AbortSignal): Promise<ScanResult> {
  await checkRegular(options.file);
  const { name: kernel, reason, asked } = choose();
  const result = await scanWith(kernel, options, signal);
  const notes = reason === undefined || asked ? [] : [`Linux AIO was not used: ${reason}`];
  return { ...result, kernel, notes: [...notes, ...result.notes] };
}

type FileResult = Omit<ScanResult, "kernel">;

async function scanWith(
  kernel: KernelName,
  options: ScanOptions,
  signal: AbortSignal,
): Promise<FileResult> {
  // One of its own: the context that files share would not let every depth be in flight
  const context = new AioContext({ entries: options.depth, kernel });
  try {
    const direct = options.direct ? "try" : false;
    const file = await open(options.file, "r", { direct, context });
    try {
      return await scanFile(file, options, signal);
    } finally {
      await file.close();
    }
  } finally {
    await context[Symbol.asyncDispose]();
  }
}

async function scanFile(
  file: AioFile,
  options: ScanOptions,
  signal: AbortSignal,
): Promise<FileResult> {
  const { size } = await file.stat();
  const notes: string[] = [];
  const survey = await Survey.begin(file, size, notes, signal);
  const block = blockSize(options.block, survey?.pageSize ?? 1, notes);
  const figures = await readAll(file, { size, block, depth: options.depth, signal }, survey);
  // Had it become so during the scan itself, that would have failed.
  if (figures.bytes < size) throw new Error("The file became shorter before the scan");
  const sqlite = await survey?.finish(notes);
  if (sqlite !== undefined && await hasWriteAheadLog(options.file)) {
    notes.push("There is a write-ahead log: the census is of the main file only");
  }
  return {
    file: options.file,
    ...figures,
    direct: file.direct,
    block,
    depth: options.depth,
    runtime: runtimeName(),
    notes,
    ...sqlite === undefined ? {} : { sqlite },
  };
}

/** Opening a FIFO would wait for a writer, and a device does not say how long it is. */
async function checkRegular(path: string): Promise<void> {
  const found = await stat(path);
  if (found.isFile()) return;
  const what = found.isDirectory() ? "a directory" : "what is no regular file";
  throw new Error(`Cannot scan ${what}: ${JSON.stringify(path)}`);
}

/** The bytes of a read: for a database, whole pages. */
function blockSize(asked: number | undefined, pageSize: number, notes: string[]): number {
  const wanted = asked ?? (pageSize === 1 ? DEFAULT_BLOCK : pageSize);
  const block = Math.ceil(wanted / pageSize) * pageSize;
  if (block !== wanted) {
    notes.push(`The block of ${wanted} bytes became ${block}: the census needs whole pages`);
  }
  return block;
}

interface Reading {
  size: number;
  block: number;
  depth: number;
  signal: AbortSignal;
}

type Figures = Pick<
  ScanResult,
  | "bytes"
  | "seconds"
  | "reads"
  | "megabytesPerSecond"
  | "readsPerSecond"
  | "cpuMicrosecondsPerRead"
>;

async function readAll(
  file: AioFile,
  { size, block, depth, signal }: Reading,
  survey: Survey | undefined,
): Promise<Figures> {
  const bar = new ProgressBar(size);
  const cpu = process.cpuUsage();
  const began = performance.now();
  let bytes = 0;
  let reads = 0;
  try {
    const order = "completion";
    const blocks = file.scan({ blockSize: block, depth, start: 0, end: size, order, signal });
    for await (const item of blocks) {
      survey?.add(item.position, item.bytes);
      bytes += item.bytes.length;
      reads++;
      bar.advance(item.bytes.length);
    }
  } finally {
    bar.clear();
  }
  const seconds = (performance.now() - began) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  return {
    bytes,
    seconds,
    reads,
    megabytesPerSecond: reads === 0 ? 0 : bytes / 1e6 / seconds,
    readsPerSecond: reads === 0 ? 0 : reads / seconds,
    cpuMicrosecondsPerRead: reads === 0 ? 0 : (user + system) / reads,
  };
}
