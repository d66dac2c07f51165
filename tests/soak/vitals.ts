import { readdirSync, readFileSync } from "node:fs";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { collectGarbage } from "../support/gc.ts";

const MEGABYTE = 2 ** 20;
/** What the runtimes' own memory may move by. */
const SLACK_MEGABYTES = 32;
const SLACK = 1.25;

/** What a process takes of the machine. */
export interface Vital {
  /** Resident memory in MiB, after a collection of garbage. */
  readonly rss: number;
  /** `fs.aio-nr`, of the whole machine. */
  readonly aioNr: number;
  /** Open descriptors. */
  readonly descriptors: number;
}

/** What the process takes now. */
export function vital(): Vital {
  collectGarbage();
  return {
    rss: Math.round(process.memoryUsage().rss / MEGABYTE),
    aioNr: aioNr(),
    descriptors: readdirSync("/proc/self/fd").length,
  };
}

/** `fs.aio-nr`: what the contexts of all processes were made for. */
export function aioNr(): number {
  return Number(readFileSync("/proc/sys/fs/aio-nr", "utf8"));
}

/** `fs.aio-nr` once it is down to what it was before a process, or after so many seconds. */
export async function aioNrAfter(before: number, seconds: number): Promise<number> {
  const end = performance.now() + seconds * 1000;
  while (aioNr() > before && performance.now() < end) await sleep(20);
  return aioNr();
}

/** Whether what was taken rose from the first third of the time to the last. */
export function rises(vitals: readonly Vital[]): string[] {
  // The first of all: nothing is compiled yet, and no memory taken
  const settled = vitals.slice(Math.ceil(vitals.length / 10));
  const third = Math.floor(settled.length / 3);
  if (third === 0) return [];
  const mean = (part: readonly Vital[], name: keyof Vital) =>
    part.reduce((sum, vital) => sum + vital[name], 0) / part.length;
  const problems: string[] = [];
  for (const name of ["rss", "aioNr", "descriptors"] as const) {
    const first = mean(settled.slice(0, third), name);
    const last = mean(settled.slice(-third), name);
    const text = `${name}: ${first.toFixed(0)} in the first third, ${last.toFixed(0)} in the last`;
    console.log(text);
    const allowed = name === "rss" ? first * SLACK + SLACK_MEGABYTES : first + 8;
    // Other processes have their part in fs.aio-nr
    if (name !== "aioNr" && last > allowed) problems.push(`it rose: ${text}`);
  }
  return problems;
}
