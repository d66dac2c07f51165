/**
 * fio, asked for the same as everybody.
 *
 * @module
 */
import { run } from "../../scripts/run.mjs";
import { BLOCK } from "../blocks.ts";
import { silenceOf } from "../runtimes.ts";
import type { Measured, Outcome } from "./measure.ts";
import { participantOf, type Task } from "./participants.ts";

/** What is said where fio or an engine cannot run, in distinction to a read that failed. */
const CANNOT_RUN = /^Cannot run fio|not loadable|io_queue_init|support io_uring/;

type Direction = Record<"iops" | "total_ios" | "short_ios" | "drop_ios", number> & {
  lat_ns: { percentile: Record<string, number> };
};

type Job = Record<"error" | "usr_cpu" | "sys_cpu" | "job_runtime", number> & {
  read: Direction;
  write: Direction;
};

/**
 * Runs fio.
 *
 * @throws {Error} If a request failed
 */
export async function measureFio(task: Task): Promise<Outcome> {
  const { ok, output } = await run("fio", argumentsOf(task), { silence: silenceOf(task) });
  if (ok) return read(output, task);
  const line = output.split("\n").find((line) => CANNOT_RUN.test(line));
  if (line !== undefined) return { unavailable: line.trim() };
  throw new Error(`fio failed:\n${output}`);
}

function argumentsOf({ name, path, write, direct, depth, seconds, blocks }: Task): string[] {
  return [
    "--name=kaio",
    // A colon separates files.
    `--filename=${path.replaceAll(":", "\\:")}`,
    `--size=${blocks * BLOCK}`,
    `--rw=${write ? "randwrite" : "randread"}`,
    `--bs=${BLOCK}`,
    `--direct=${direct ? 1 : 0}`,
    ...participantOf(name).engine!(depth),
    `--iodepth=${depth}`,
    // Any block may be read at any time, so fio keeps no map of the blocks it has read.
    "--norandommap=1",
    // By default fio empties the page cache first.
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

function read(output: string, { write }: Task): Measured {
  const json = output.slice(output.indexOf("{"), output.lastIndexOf("}") + 1);
  const [job] = (JSON.parse(json) as { jobs: [Job] }).jobs;
  const { iops, total_ios, short_ios, drop_ios, lat_ns } = write ? job.write : job.read;
  if (job.error !== 0 || short_ios > 0 || drop_ios > 0) throw new Error(`fio failed:\n${output}`);
  const microseconds = (percent: string): number => lat_ns.percentile[percent]! / 1000;
  return {
    rate: iops,
    // Percent of milliseconds.
    cpu: (job.usr_cpu + job.sys_cpu) * job.job_runtime * 10 / total_ios,
    latency: {
      p50: microseconds("50.000000"),
      p99: microseconds("99.000000"),
      p999: microseconds("99.900000"),
    },
  };
}
