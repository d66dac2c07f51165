/**
 * The inside of a process that is one participant.
 *
 * @module
 */
import process from "node:process";
import { BLOCK, Positions, stampOf } from "../blocks.ts";
import { type Opened, Unavailable, type Work } from "./opened.ts";
import { participantOf } from "./participants.ts";
import { Latencies, Pass, type Percentiles } from "./pass.ts";

/** What a process is started for. */
export interface Task extends Work {
  /** The participant. */
  readonly name: string;
  /** The measured time. */
  readonly seconds: number;
  /** How many blocks the file has. */
  readonly blocks: number;
  /** Whether they begin with their numbers. */
  readonly stamped: boolean;
}

/** What came out. */
export interface Measured {
  /** Requests per second. */
  readonly rate: number;
  /** Microseconds of CPU time of the whole process, its threads included, per request. */
  readonly cpu: number;
  /** In microseconds. */
  readonly latency: Percentiles;
}

/** What a process prints. */
export type Outcome = { readonly measured: Measured } | { readonly unavailable: string };

/**
 * Runs a participant in this process.
 *
 * @throws {Error} If a request failed, or brought the wrong bytes
 */
export async function measure(task: Task): Promise<Outcome> {
  try {
    const opened = await participantOf(task.name).open!(task);
    const measured = await runPasses(opened, task);
    await opened.close();
    return { measured };
  } catch (error) {
    if (error instanceof Unavailable) return { unavailable: error.message };
    throw error;
  }
}

/**
 * Three passes. The first one takes latencies as the last one does, so that both ways through the
 * program are compiled when the one in the middle is measured, which takes none.
 */
async function runPasses(opened: Opened, task: Task): Promise<Measured> {
  const { depth, seconds } = task;
  const positions = new Positions(task.blocks);
  const run = async (seconds: number, latencies?: Latencies): Promise<number> => {
    const pass = new Pass(depth, positions, seconds, latencies);
    await opened.run(pass);
    pass.check();
    if (task.stamped && !task.write) checkBytes(opened, pass);
    return pass.ended;
  };

  await run(seconds / 4, new Latencies(depth));

  const cpu = process.cpuUsage();
  const began = performance.now();
  const count = await run(seconds);
  const elapsed = (performance.now() - began) / 1000;
  const { user, system } = process.cpuUsage(cpu);

  const latencies = new Latencies(depth);
  await run(seconds / 4, latencies);
  return {
    rate: count / elapsed,
    cpu: (user + system) / count,
    latency: latencies.percentiles(),
  };
}

/** The last read of each slot must have brought the block that was asked for. */
function checkBytes({ buffers }: Opened, { last }: Pass): void {
  buffers.forEach((buffer, slot) => {
    const block = last[slot]! / BLOCK;
    if (stampOf(buffer) === block) return;
    throw new Error(`Read the wrong bytes: block ${stampOf(buffer)} instead of ${block}`);
  });
}
