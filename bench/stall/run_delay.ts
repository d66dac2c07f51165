import { openSync, readSync } from "node:fs";

const SPACE = 0x20;
const ZERO = 0x30;

/** Of the thread that imports this, which is the one that is watched. */
const fd = openSync("/proc/thread-self/schedstat", "r");
const text = new Uint8Array(64);

/** Milliseconds that this thread was ready to run and did not get a CPU. See sched-stats.rst. */
export function runDelay(): number {
  const length = readSync(fd, text, 0, text.length, 0);
  let at = text.indexOf(SPACE) + 1;
  let nanoseconds = 0;
  for (; at < length && text[at] !== SPACE; at++) nanoseconds = nanoseconds * 10 + text[at]! - ZERO;
  return nanoseconds / 1e6;
}
