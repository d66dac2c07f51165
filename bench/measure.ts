/**
 * The inside of a process that is one participant.
 *
 * @module
 */
import process from "node:process";
import { stampOf } from "./file.ts";
import { Latencies, type Percentiles } from "./latencies.ts";
import { type Opener, type Participant, Unavailable, type Work } from "./participant.ts";
import { openCallback } from "./participants/fs_callback.ts";
import { openHandle } from "./participants/fs_handle.ts";
import { openSyncCalls } from "./participants/fs_sync.ts";
import { openBatches, openLoop } from "./participants/kaio_context.ts";
import { openFile, openFileReadAt } from "./participants/kaio_file.ts";
import { Pass } from "./pass.ts";
import { BLOCK, Positions } from "./positions.ts";

/** What a process is started for. */
export interface Task {
  /** The participant. */
  readonly name: string;
  /** What it does. */
  readonly work: Work;
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

const OPENERS: Readonly<Record<string, Opener>> = {
  "kaio-batches": openBatches,
  "kaio-loop": openLoop,
  "kaio-read": openFile,
  "kaio-readat": openFileReadAt,
  "portable-batches": (work) => openBatches(work, "portable"),
  "portable-loop": (work) => openLoop(work, "portable"),
  "portable-read": (work) => openFile(work, "portable"),
  "fs-callback": openCallback,
  "fs-handle": openHandle,
  "fs-sync": openSyncCalls,
};

/**
 * Runs a participant in this process.
 *
 * @param task What to do
 * @returns What came out
 * @throws {Error} If a request failed, or brought the wrong bytes
 */
export async function measure(task: Task): Promise<Outcome> {
  try {
    const participant = await OPENERS[task.name]!(task.work);
    const measured = await runPasses(participant, task);
    await participant.close();
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
async function runPasses(participant: Participant, task: Task): Promise<Measured> {
  const { work: { depth }, seconds } = task;
  const positions = new Positions(task.blocks);
  const run = async (seconds: number, latencies?: Latencies): Promise<number> => {
    const pass = new Pass(depth, positions, seconds, latencies);
    await participant.run(pass);
    pass.check();
    if (task.stamped && !task.work.write) checkBytes(participant, pass);
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
function checkBytes({ buffers }: Participant, { last }: Pass): void {
  buffers.forEach((buffer, slot) => {
    const block = last[slot]! / BLOCK;
    if (stampOf(buffer) === block) return;
    throw new Error(`Read the wrong bytes: block ${stampOf(buffer)} instead of ${block}`);
  });
}
