/**
 * The inside of a process that is one participant.
 *
 * @module
 */
import process from "node:process";
import { Random } from "../../tests/support/random.ts";
import { BLOCK, makeBuffers, stampOf } from "../blocks.ts";
import { participantOf, type Run, type Task } from "./participants.ts";
import { Pass } from "./pass.ts";

/** What came out. */
export interface Measured {
  /** Requests per second. */
  readonly rate: number;
  /** Microseconds of CPU time of the whole process, its threads included, per request. */
  readonly cpu: number;
  /** Half of the requests took no longer, 99 of 100, 999 of 1000; in microseconds. */
  readonly latency: Readonly<Record<"p50" | "p99" | "p999", number>>;
}

/** What a process prints: the figures, or why there are none. */
export type Outcome = Measured | { readonly unavailable: string };

/**
 * Runs a participant in this process.
 *
 * @throws {Error} If a request failed, or brought the wrong bytes
 */
export async function measure(task: Task): Promise<Outcome> {
  const buffers = makeBuffers(task.depth);
  let run: Run;
  try {
    run = await participantOf(task.name).open!(task, buffers);
  } catch (error) {
    // A file that cannot be opened is an error of the run.
    if ((error as NodeJS.ErrnoException).errno !== undefined) throw error;
    // As where there is no Linux AIO. Nothing else is run under this name.
    return { unavailable: (error as Error).message };
  }
  return await runPasses(run, buffers, task);
}

/**
 * Three passes. The first one takes latencies as the last one does, so that both ways through the
 * program are compiled when the one in the middle is measured, which takes none.
 */
async function runPasses(run: Run, buffers: Uint8Array[], task: Task): Promise<Measured> {
  const { depth, seconds, blocks } = task;
  const random = new Random(1);
  const position = (): number => random.below(blocks) * BLOCK;
  const runFor = async (seconds: number, timed: boolean): Promise<Pass> => {
    const pass = new Pass(depth, position, seconds, timed);
    await run(pass);
    if (task.stamped && !task.write) checkBytes(buffers, pass);
    return pass;
  };

  await runFor(seconds / 4, true);

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
    latency: { p50: at(0.5), p99: at(0.99), p999: at(0.999) },
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
