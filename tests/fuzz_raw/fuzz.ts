import process from "node:process";
import { setImmediate as turn } from "node:timers/promises";
import type { Kernel } from "../../src/kernel.ts";
import { linux } from "../../src/syscalls.ts";
import { chosenKernel } from "../soak/kernel.ts";
import { collectGarbage } from "../support/gc.ts";
import { Random } from "../support/random.ts";
import { Fuzzer } from "./fuzzer.ts";
import { Grounds } from "./grounds.ts";
import { Journal } from "./journal.ts";

// fuzz.ts CALLS SEED JOURNAL: the program that scripts/fuzz.ts runs in each runtime
const [calls, seed, path] = process.argv.slice(2) as [string, string, string];

const TURN_EVERY = 500;
const COLLECT_EVERY = 50_000;
const REPORT_EVERY = 100_000;

/** Ends before the process does, so that the files go. */
async function fuzz(kernel: Kernel): Promise<boolean> {
  using grounds = new Grounds();
  using journal = new Journal(path);
  const fuzzer = new Fuzzer(
    kernel,
    new Random(Number(seed)),
    grounds,
    (text) => journal.note(text),
  );
  const start = performance.now();
  for (let call = 1; call <= Number(calls); call++) {
    fuzzer.call();
    if (call % TURN_EVERY === 0) await turn();
    if (call % COLLECT_EVERY === 0) collectGarbage();
    if (call % REPORT_EVERY === 0) {
      const seconds = (performance.now() - start) / 1000;
      const megabytes = Math.round(process.memoryUsage().rss / 2 ** 20);
      console.log(`${call} calls in ${seconds.toFixed(0)} s, RSS ${megabytes} MiB`);
    }
  }
  fuzzer.end();
  grounds.check();
  const ends = new Map<string, string[]>();
  for (const [key, count] of [...fuzzer.outcomes].sort()) {
    const [name, outcome] = key.split(" ") as [string, string];
    ends.set(name, [...ends.get(name) ?? [], `${outcome} ${count}`]);
  }
  for (const [name, outcomes] of ends) console.log(`${name}: ${outcomes.join(", ")}`);
  for (const [violation, count] of fuzzer.violations) console.log(`${count} times: ${violation}`);
  return fuzzer.violations.size > 0;
}

const kernel = chosenKernel ?? linux;
if (kernel === undefined) throw new Error("No Linux AIO here");
process.exit(await fuzz(kernel) ? 1 : 0);
