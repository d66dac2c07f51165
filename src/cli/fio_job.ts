/**
 * What fio is asked for, and what it answers.
 *
 * @module
 */
import { resolve } from "node:path";
import { BLOCK, type Figures, type Workload } from "./bench_pass.ts";

/** What fio says of reads, or of writes. */
interface Direction {
  readonly iops: number;
  readonly total_ios: number;
  readonly short_ios: number;
  readonly drop_ios: number;
  /** Without percentiles if there was no time for a single request. */
  readonly lat_ns: { readonly percentile?: Readonly<Record<string, number>> };
}

/** What fio says of a job. */
interface Job {
  readonly error: number;
  readonly usr_cpu: number;
  readonly sys_cpu: number;
  readonly job_runtime: number;
  readonly read: Direction;
  readonly write: Direction;
}

/** What fio has shown: more than is asked of others. */
export interface FioFigures extends Figures {
  /** The part of the CPU time that the kernel took. */
  readonly systemMicrosecondsPerRequest: number;
  /** How many requests it made. */
  readonly requests: number;
}

/** The options of the fastest that fio can do with Linux AIO. */
export function libaioInBatches(depth: number): string[] {
  return ["--ioengine=libaio", "--userspace_reap=1", ...inBatches(depth, Math.ceil(depth / 4))];
}

/** The options with which fio submits so many requests at once, and takes all that have completed. */
export function inBatches(depth: number, batch: number): string[] {
  return [
    `--iodepth_batch_submit=${batch}`,
    "--iodepth_batch_complete_min=1",
    `--iodepth_batch_complete_max=${depth}`,
  ];
}

/**
 * The options of fio for blocks at random positions.
 *
 * @param workload What is to be done.
 * @param engine The options that choose how.
 * @param depth How many requests are in flight.
 * @param milliseconds How long that takes.
 */
export function fioOptions(
  { path, blocks, write, direct }: Omit<Workload, "signal">,
  engine: readonly string[],
  depth: number,
  milliseconds: number,
): string[] {
  return [
    "--name=kaio",
    // Else its work is done by another process, which would outlive it.
    "--thread",
    // It then also refuses to make a file longer.
    ...write ? [] : ["--readonly"],
    // A colon separates files.
    `--filename=${resolve(path).replaceAll(":", "\\:")}`,
    `--size=${blocks * BLOCK}`,
    `--rw=${write ? "randwrite" : "randread"}`,
    `--bs=${BLOCK}`,
    `--direct=${direct ? 1 : 0}`,
    ...engine,
    `--iodepth=${depth}`,
    // Any block may be read at any time, so fio keeps no map of the blocks it has read.
    "--norandommap=1",
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
}

/**
 * Reads what fio has printed.
 *
 * @param output What it has printed.
 * @param write Whether it wrote.
 * @throws {Error} If a request failed or was short.
 */
export function readFio(output: string, write: boolean): FioFigures {
  // Warnings may stand around it.
  const json = output.slice(output.indexOf("{"), output.lastIndexOf("}") + 1);
  const [job] = (JSON.parse(json) as { jobs: [Job] }).jobs;
  const { iops, total_ios, short_ios, drop_ios, lat_ns } = write ? job.write : job.read;
  if (job.error !== 0 || short_ios > 0 || drop_ios > 0) {
    const requests = `${short_ios} requests were short, ${drop_ios} were dropped`;
    throw new Error(`fio failed with error ${job.error}: ${requests}`);
  }
  const microseconds = (percent: string): number => (lat_ns.percentile?.[percent] ?? 0) / 1000;
  // Percent of milliseconds.
  const perRequest = job.job_runtime * 10 / Math.max(total_ios, 1);
  return {
    iops,
    requests: total_ios,
    cpuMicrosecondsPerRequest: (job.usr_cpu + job.sys_cpu) * perRequest,
    systemMicrosecondsPerRequest: job.sys_cpu * perRequest,
    p50: microseconds("50.000000"),
    p99: microseconds("99.000000"),
    p999: microseconds("99.900000"),
  };
}
