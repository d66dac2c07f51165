/**
 * The inside of a process that is one participant.
 *
 * @module
 */
import process from "node:process";
import { Random } from "../../tests/support/random.ts";
import { BLOCK, makeBuffers, stampOf } from "../blocks.ts";
import { type CostName, COSTS } from "./costs.ts";
import { participantOf, type Run, type Task } from "./participants.ts";
import { Pass } from "./pass.ts";

/** What came out. */
export interface Measured extends Costs {
  /** Requests per second. */
  readonly rate: number;
  /** Microseconds of CPU time of the whole process, its threads included, per request. */
  readonly cpu: number;
  /** Those of them that the kernel took. */
  readonly system: number;
  /** Half of the requests took no longer, in microseconds. */
  readonly p50: number;
  /** 99 of 100. */
  readonly p99: number;
  /** 999 of 1000. */
  readonly p999: number;
}

/** What a request costs beside time, where that was measured. */
export interface Costs {
  /** System calls. */
  readonly calls?: number;
  /** Bytes of objects of JavaScript. */
  readonly bytes?: number;
  /** The longest time for which the event loop stood still, in milliseconds. */
  readonly stall?: number;
}

/** What a process prints: the figures, or why there are none. */
export type Outcome = Measured | { readonly unavailable: string };

/**
 * Runs a participant in this process.
 *
 * @throws {Error} If a request failed, or brought the wrong bytes
 */
export async function measure(task: Task): Promise<Outcome | Costs> {
  const buffers = makeBuffers(task.depth, task.work.block);
  let run: Run;
  try {
    run = await participantOf(task.name).open!(task, buffers);
  } catch (error) {
    // A file that cannot be opened is an error of the run.
    if ((error as NodeJS.ErrnoException).errno !== undefined) throw error;
    // As where there is no Linux AIO. Nothing else is run under this name.
    return { unavailable: (error as Error).message };
  }
  const random = new Random(1);
  const runFor: RunFor = async (seconds, timed, most) => {
    const pass = new Pass(task, random, seconds, timed, most);
    await run(pass);
    if (task.stamped && !task.write) checkBytes(buffers, pass);
    return pass;
  };
  return task.cost === undefined
    ? await measureSpeed(runFor, task.seconds)
    : await measureCost(runFor, task.seconds, task.cost);
}

type RunFor = (seconds: number, timed: boolean, most?: number) => Promise<Pass>;

async function measureCost(runFor: RunFor, seconds: number, cost: CostName): Promise<Costs> {
  const { measure, most } = COSTS[cost];
  // A compiler that is still at work allocates too.
  await runFor(Math.min(2, 10 * seconds), false, 300_000);
  return { [cost]: await measure(async () => (await runFor(seconds, false, most)).ended) };
}

/**
 * After 0.2 seconds the compilers are still at work, which counts as CPU time: on a disk 0.2 to 0.3 µs
 * of a request in Deno and Node. Who measures for a moment wants no figures.
 */
function warmUp(seconds: number): number {
  return Math.min(4 * seconds, 1);
}

/**
 * Three passes. The first one takes latencies as the last one does, so that both ways through the
 * program are compiled when the one in the middle is measured, which takes none.
 */
async function measureSpeed(runFor: RunFor, seconds: number): Promise<Measured> {
  await runFor(warmUp(seconds), true);

  const cpu = process.cpuUsage();
  const began = performance.now();
  const { ended } = await runFor(seconds, false);
  const elapsed = (performance.now() - began) / 1000;
  const { user, system } = process.cpuUsage(cpu);

  const { latencies } = await runFor(seconds / 4, true);
  latencies.sort((a, b) => a - b);
  const at = (share: number): number => 1000 * latencies[Math.floor(share * latencies.length)]!;
  return {
    rate: ended / elapsed,
    cpu: (user + system) / ended,
    system: system / ended,
    p50: at(0.5),
    p99: at(0.99),
    p999: at(0.999),
  };
}

/** The last read of each slot must have brought the block that was asked for. */
function checkBytes(buffers: readonly Uint8Array[], { last }: Pass): void {
  buffers.forEach((buffer, slot) => {
    const block = last[slot]! / BLOCK;
    if (stampOf(buffer) === block) return;
    throw new Error(`Read the wrong bytes: block ${stampOf(buffer)} instead of ${block}`);
  });
}
