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

/** What clocks and counters say of this thread at one moment, in milliseconds. */
export class Reading {
  time = 0;
  /** For how long it ran, without what a host took; see clock_gettime(2). */
  cpuTime = 0;
  /** For how long it was ready to run and did not get a CPU. */
  runDelay = 0;
  /** How often it got one. */
  runs = 0;

  /** Reads them, without making garbage. */
  take(): void {
    this.time = performance.now();
    clockGettime(CLOCK_THREAD_CPUTIME_ID, timespecAddress);
    // The low halves of two 64-bit numbers are enough for 136 years.
    this.cpuTime = timespec[0]! * 1e3 + timespec[2]! / 1e6;
    readSync(schedstat, text, 0, text.length, 0);
    this.runDelay = numberAfter(RUN_DELAY) / 1e6;
    this.runs = numberAfter(RUNS);
  }
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
