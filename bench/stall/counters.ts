import { openSync, readSync } from "node:fs";
import process from "node:process";
import { loadNative } from "../../ffi/native.ts";

/** Numbers of clock_gettime(2). */
const CLOCK_GETTIME: Readonly<Record<string, number>> = { x64: 228, arm64: 113, riscv64: 113 };
const CLOCK_THREAD_CPUTIME_ID = 3;
/** Spaces before what schedstat says; see sched-stats.rst. */
const RUN_DELAY = 1;
const RUNS = 2;

const SPACE = 0x20;
const LINE_END = 0x0a;
const ZERO = 0x30;

const text = new Uint8Array(64);

/** Of the thread that imports this, which is the one that is watched. */
const schedstat = openSync("/proc/thread-self/schedstat", "r");
const reports = openIfThere("/sys/module/page_reporting/parameters/reported_kib");

const native = loadNative();
const timespecAddress = native.map(4096);
const timespec = new Uint32Array(native.view(timespecAddress, 16));
const clockGettime = native.syscall(CLOCK_GETTIME[process.arch]!, 2);

/** Milliseconds for which this thread ran, without what a host took; see clock_gettime(2). */
export function cpuTime(): number {
  clockGettime(CLOCK_THREAD_CPUTIME_ID, timespecAddress);
  // The low halves of two numbers of 64 bits: enough for 136 years
  return timespec[0]! * 1e3 + timespec[2]! / 1e6;
}

/** What the kernel's scheduler knows of this thread; {@link lookAtSchedule} updates it. */
export const schedule = {
  /** Milliseconds that it was ready to run and did not get a CPU. */
  runDelay: 0,
  /** How often it got one. */
  runs: 0,
};

/** See {@link schedule}. */
export function lookAtSchedule(): void {
  readSync(schedstat, text, 0, text.length, 0);
  schedule.runDelay = numberAfter(RUN_DELAY) / 1e6;
  schedule.runs = numberAfter(RUNS);
}

/**
 * KiB that this virtual machine has given back to its host, which then halts its processors for
 * tens of milliseconds: `mm/page_reporting.c`, where the kernel counts it. 0 elsewhere.
 */
export function givenBack(): number {
  if (reports < 0) return 0;
  readSync(reports, text, 0, text.length, 0);
  return numberAfter(0);
}

/** The number in the text behind so many spaces, up to a space or the end of the line. */
function numberAfter(spaces: number): number {
  let at = 0;
  for (; spaces > 0; spaces--) at = text.indexOf(SPACE, at) + 1;
  let number = 0;
  for (; text[at] !== SPACE && text[at] !== LINE_END; at++) number = number * 10 + text[at]! - ZERO;
  return number;
}

function openIfThere(path: string): number {
  try {
    return openSync(path, "r");
  } catch {
    return -1;
  }
}
