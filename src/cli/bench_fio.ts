import { execFile } from "node:child_process";
import { resolve } from "node:path";
import { promisify } from "node:util";
import { isPermitted } from "../../ffi/permission.ts";
import { BLOCK, type Figures, type Workload } from "./bench_pass.ts";

/** How long fio is tried, in milliseconds. In one it may end before it opens the file. */
const TRIAL = 100;

/** What fio says of reads, or of writes. */
interface Direction {
  readonly iops: number;
  readonly total_ios: number;
  /** Without percentiles if there was no time for a single request. */
  readonly lat_ns: { readonly percentile?: Readonly<Record<string, number>> };
}

/** What fio says of a job. */
interface Job {
  readonly usr_cpu: number;
  readonly sys_cpu: number;
  readonly job_runtime: number;
  readonly read: Direction;
  readonly write: Direction;
}

/** Whether fio works here, and why not, unless it is not installed or may not be run. */
export interface FioTrial {
  readonly works: boolean;
  readonly note?: string;
}

/**
 * Tries fio.
 *
 * @param workload What is to be done.
 * @returns What came of it.
 */
export async function tryFio(workload: Workload): Promise<FioTrial> {
  // Deno would put a question to the person at the terminal.
  if (!isPermitted({ name: "run", command: "fio" })) return { works: false };
  try {
    await measureFio(workload, 1, TRIAL);
    return { works: true };
  } catch (error) {
    workload.signal.throwIfAborted();
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ERR_ACCESS_DENIED") return { works: false };
    return { works: false, note: `fio was left out: ${message}` };
  }
}

/**
 * Reads or writes by fio, in batches over Linux AIO, which is the fastest that it can do with it.
 *
 * @param workload What is to be done.
 * @param depth How many requests are in flight.
 * @param milliseconds How long that takes.
 * @throws {Error} If it fails; `signal.reason` if the signal is aborted.
 */
export async function measureFio(
  { path, blocks, write, direct, signal }: Workload,
  depth: number,
  milliseconds: number,
): Promise<Figures> {
  const options = [
    "--name=kaio",
    // It then also refuses to make a file longer.
    ...write ? [] : ["--readonly"],
    // A colon separates files.
    `--filename=${resolve(path).replaceAll(":", "\\:")}`,
    `--size=${blocks * BLOCK}`,
    `--rw=${write ? "randwrite" : "randread"}`,
    `--bs=${BLOCK}`,
    `--direct=${direct ? 1 : 0}`,
    "--ioengine=libaio",
    "--userspace_reap=1",
    `--iodepth=${depth}`,
    `--iodepth_batch_submit=${Math.ceil(depth / 4)}`,
    "--iodepth_batch_complete_min=1",
    `--iodepth_batch_complete_max=${depth}`,
    // Any block may be read at any time, so fio keeps no map of the blocks it has read.
    "--norandommap=1",
    // By default each run reads the same blocks, which the disk may then have in its cache.
    "--randrepeat=0",
    // By default fio empties the page cache first.
    "--invalidate=0",
    "--time_based",
    `--runtime=${Math.ceil(milliseconds)}ms`,
    "--lat_percentiles=1",
    "--clat_percentiles=0",
    "--percentile_list=50:99:99.9",
    "--output-format=json",
    "--eta=never",
  ];
  const output = await runFio(options, signal);
  const json = output.slice(output.indexOf("{"), output.lastIndexOf("}") + 1);
  const [job] = (JSON.parse(json) as { jobs: [Job] }).jobs;
  const { iops, total_ios, lat_ns } = write ? job.write : job.read;
  const microseconds = (percent: string): number => (lat_ns.percentile?.[percent] ?? 0) / 1000;
  // Percent of milliseconds.
  const cpuMicroseconds = (job.usr_cpu + job.sys_cpu) * job.job_runtime * 10;
  return {
    iops,
    cpuMicrosecondsPerRequest: cpuMicroseconds / Math.max(total_ios, 1),
    p50: microseconds("50.000000"),
    p99: microseconds("99.000000"),
    p999: microseconds("99.900000"),
  };
}

/** Ends fio if the signal is aborted. */
async function runFio(options: readonly string[], signal: AbortSignal): Promise<string> {
  try {
    return (await promisify(execFile)("fio", options, { signal })).stdout;
  } catch (error) {
    signal.throwIfAborted();
    const { stderr } = error as { stderr?: string };
    if (!stderr) throw error;
    // The message has all options of fio in its first line.
    throw new Error(stderr.trim().split("\n").at(-1));
  }
}
