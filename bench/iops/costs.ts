/**
 * What requests cost beside time; each cost is measured in a process of its own.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import type { Readable, Writable } from "node:stream";
import { getHeapStatistics } from "node:v8";
import { currentRuntime } from "../runtimes.ts";
import { COUNTED, COUNTER } from "./command.ts";
import type { Costs } from "./measure.ts";

/** Does requests for a while, and returns how many. */
type Work = () => Promise<number>;

/** A way to measure a cost; without a result where it cannot be measured. */
export interface Cost {
  readonly measure: (work: Work) => Promise<number | undefined>;
  /** What is added to the environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** How many requests are made at most, as their garbage stays. */
  readonly most?: number;
}

/** The name of a cost. */
export type CostName = keyof Costs;

/** The costs. */
export const COSTS: Readonly<Record<CostName, Cost>> = {
  calls: { measure: countCalls },
  // Without collections the heap of Bun is as large as all that was ever allocated.
  bytes: { measure: countBytes, env: { BUN_JSC_useGC: "0" }, most: 100_000 },
  stall: { measure: findStall },
};

/** System calls per request of all threads of this process. */
async function countCalls(work: Work): Promise<number | undefined> {
  const [program, ...args] = COUNTER;
  const watched = ["-p", String(process.pid), "--delay=-1", "--control=fd:3,4"];
  const perf = spawn(program!, [...args, ...watched], {
    stdio: ["ignore", "ignore", "pipe", "pipe", "pipe"],
  });
  let output = "";
  const [, , errors, control, answers] = perf.stdio as unknown as [
    null,
    null,
    Readable,
    Writable,
    Readable,
  ];
  errors.setEncoding("utf8").on("data", (text: string) => output += text);
  // What perf cannot do it says before it ends, and then it reads nothing.
  control.on("error", () => {});
  const ended = new Promise((resolve) => perf.on("error", resolve).on("close", resolve));
  const tell = async (word: string): Promise<void> => {
    const answered = once(answers, "data");
    control.write(`${word}\n`);
    await Promise.race([answered, ended]);
  };
  await tell("enable");
  const requests = await work();
  await tell("disable");
  perf.kill("SIGINT");
  await ended;
  const [, calls] = COUNTED.exec(output) ?? [];
  return calls === undefined ? undefined : Number(calls) / requests;
}

/** Bytes per request that objects of JavaScript take; the memory of buffers is not among them. */
async function countBytes(work: Work): Promise<number> {
  const allocated = await allocationCounter();
  const before = allocated();
  const requests = await work();
  return (allocated() - before) / requests;
}

async function allocationCounter(): Promise<() => number> {
  if (currentRuntime() !== "bun") {
    type Statistics = { readonly total_allocated_bytes: number };
    return () => (getHeapStatistics() as unknown as Statistics).total_allocated_bytes;
  }
  const { heapStats } = await import("bun:jsc" as string);
  return () => heapStats().heapCapacity;
}

/** The longest gap between two turns of the event loop, in milliseconds. */
async function findStall(work: Work): Promise<number | undefined> {
  // What it stands on is not there without Linux and FFI.
  const { Meter } = await import("../stall/meter.ts").catch(() => ({ Meter: undefined }));
  if (Meter === undefined) return undefined;
  const meter = new Meter(() => {});
  meter.start();
  await work();
  meter.stop();
  return meter.result(0).longest;
}
