import { openSync, readSync } from "node:fs";

const SPACE = 0x20;
const LINE_END = 0x0a;
const ZERO = 0x30;

const text = new Uint8Array(64);

/** Of the thread that imports this, which is the one that is watched. */
const schedstat = openSync("/proc/thread-self/schedstat", "r");
const reports = openIfThere("/sys/module/page_reporting/parameters/reported_kib");

/** Milliseconds that this thread was ready to run and did not get a CPU. See sched-stats.rst. */
export function runDelay(): number {
  return numberIn(schedstat, 1) / 1e6;
}

/**
 * KiB that this virtual machine has given back to its host, which then halts its processors for
 * tens of milliseconds: `mm/page_reporting.c`, where the kernel counts it. 0 elsewhere.
 */
export function givenBack(): number {
  return reports < 0 ? 0 : numberIn(reports, 0);
}

/** The number behind so many spaces. */
function numberIn(fd: number, spaces: number): number {
  const length = readSync(fd, text, 0, text.length, 0);
  let at = 0;
  for (; spaces > 0; spaces--) at = text.indexOf(SPACE, at) + 1;
  let number = 0;
  for (; at < length && text[at] !== SPACE && text[at] !== LINE_END; at++) {
    number = number * 10 + text[at]! - ZERO;
  }
  return number;
}

function openIfThere(path: string): number {
  try {
    return openSync(path, "r");
  } catch {
    return -1;
  }
}
