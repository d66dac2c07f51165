/**
 * fio, asked for the same as everybody.
 *
 * @module
 */
import type { Measured, Outcome, Task } from "./measure.ts";
import { BLOCK } from "./positions.ts";
import { runProgram } from "./spawn.ts";

/**
 * By itself fio makes one io_submit for each request, and takes one completion at a time. The row
 * "batch" is what it does when it is told to do otherwise.
 */
const ENGINES: Readonly<Record<string, (depth: number) => readonly string[]>> = {
  "fio-getevents": () => ["--ioengine=libaio"],
  "fio-reap": () => ["--ioengine=libaio", "--userspace_reap=1"],
  "fio-batch": (depth) => [
    "--ioengine=libaio",
    "--userspace_reap=1",
    `--iodepth_batch_submit=${Math.max(1, Math.floor(depth / 4))}`,
    "--iodepth_batch_complete_min=1",
    `--iodepth_batch_complete_max=${depth}`,
  ],
  "fio-uring": () => ["--ioengine=io_uring"],
};

/** What fio says where an engine cannot run, in distinction to a read that failed. */
const NO_ENGINE = /not loadable|io_queue_init|support io_uring/;

interface Direction {
  iops: number;
  total_ios: number;
  short_ios: number;
  drop_ios: number;
  lat_ns: { percentile: Record<string, number> };
}

interface Report {
  jobs: {
    error: number;
    usr_cpu: number;
    sys_cpu: number;
    job_runtime: number;
    read: Direction;
    write: Direction;
  }[];
}

/** The version of fio, or `undefined` where there is none. */
export async function fioVersion(): Promise<string | undefined> {
  return (await runProgram("fio", ["--version"]))?.stdout.trim();
}

/**
 * Runs fio.
 *
 * @param task What to do
 * @returns What came out
 * @throws {Error} If a request failed
 */
export async function measureFio(task: Task): Promise<Outcome> {
  const finished = await runProgram("fio", argumentsOf(task));
  if (finished === undefined) return { unavailable: "fio is not installed" };
  const { code, stdout, stderr } = finished;
  if (code !== 0) {
    const text = `${stderr}\n${stdout}`.trim();
    const line = text.split("\n").find((line) => NO_ENGINE.test(line));
    if (line !== undefined) return { unavailable: line.trim() };
    throw new Error(`fio failed:\n${text}`);
  }
  return { measured: read(stdout, task) };
}

function argumentsOf({ name, work, seconds, blocks }: Task): string[] {
  return [
    "--name=kaio",
    // A colon separates files
    `--filename=${work.path.replaceAll(":", "\\:")}`,
    `--size=${blocks * BLOCK}`,
    `--rw=${work.write ? "randwrite" : "randread"}`,
    `--bs=${BLOCK}`,
    `--direct=${work.direct ? 1 : 0}`,
    ...ENGINES[name]!(work.depth),
    `--iodepth=${work.depth}`,
    // Any block at any time, without a map of those it had
    "--norandommap=1",
    // It would empty the page cache
    "--invalidate=0",
    "--time_based",
    `--runtime=${Math.round(seconds * 1000)}ms`,
    "--lat_percentiles=1",
    "--clat_percentiles=0",
    "--percentile_list=50:99:99.9",
    "--output-format=json",
    "--eta=never",
  ];
}

function read(stdout: string, { work }: Task): Measured {
  const report = JSON.parse(stdout.slice(stdout.indexOf("{"))) as Report;
  const job = report.jobs[0]!;
  const direction = work.write ? job.write : job.read;
  if (job.error !== 0 || direction.short_ios > 0 || direction.drop_ios > 0) {
    throw new Error(`fio failed:\n${stdout}`);
  }
  const { percentile } = direction.lat_ns;
  return {
    rate: direction.iops,
    // Percent of milliseconds
    cpu: (job.usr_cpu + job.sys_cpu) * job.job_runtime * 10 / direction.total_ios,
    latency: {
      p50: percentile["50.000000"]! / 1000,
      p99: percentile["99.000000"]! / 1000,
      p999: percentile["99.900000"]! / 1000,
    },
  };
}
