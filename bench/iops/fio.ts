/**
 * fio, asked for the same as everybody.
 *
 * @module
 */
import { run } from "../../scripts/run.mjs";
import { fioOptions, readFio } from "../../src/cli/fio_job.ts";
import { silenceOf } from "../runtimes.ts";
import type { Outcome } from "./measure.ts";
import { participantOf, type Task } from "./participants.ts";

/** What is said where fio or an engine cannot run, in distinction to a read that failed. */
const CANNOT_RUN = /^Cannot run fio|not loadable|io_queue_init|support io_uring/;

/**
 * Runs fio.
 *
 * @throws {Error} If a request failed
 */
export async function measureFio(task: Task): Promise<Outcome> {
  const engine = participantOf(task.name).engine!(task.depth);
  const options = fioOptions(task, engine, task.depth, 1000 * task.seconds);
  const { ok, output } = await run("fio", options, { silence: silenceOf(task) });
  if (ok) {
    const { iops, cpuMicrosecondsPerRequest, ...latency } = readFio(output, task.write);
    return { rate: iops, cpu: cpuMicrosecondsPerRequest, latency };
  }
  const line = output.split("\n").find((line) => CANNOT_RUN.test(line));
  if (line !== undefined) return { unavailable: line.trim() };
  throw new Error(`fio failed:\n${output}`);
}
