/**
 * Makes random calls, in a process of its own for each runtime, so that a crash is seen and told
 * apart. The same seed makes the same calls.
 *
 *     npm run fuzz -- --programs 10000 --seed 1 --runtimes bun,deno,node
 *     npm run fuzz:raw -- --calls 1000000 --seed 1 --runtimes node --kernels linux
 *     npm run fuzz:hostile -- --cases 100000 --seed 1
 *
 * `fuzz` runs programs of raw calls on both kernels and compares the results. `fuzz:raw`, which is
 * `--raw`, makes calls of the raw layer that are to break it. `fuzz:hostile`, which is `--hostile`,
 * calls the public functions with objects that are to break them.
 *
 * @module
 */
import { existsSync, readFileSync } from "node:fs";
import process from "node:process";
import { parseArgs } from "node:util";
import { lastCalls } from "../tests/fuzz_raw/journal.ts";
import { COMMON_OPTIONS, launch, onEach, say, seedOf } from "../tests/soak/launch.ts";
import { TempFolder } from "../tests/support/temp.ts";

const { values } = parseArgs({
  options: {
    ...COMMON_OPTIONS,
    raw: { type: "boolean" },
    programs: { type: "string", default: "10000" },
    calls: { type: "string", default: "1000000" },
    hostile: { type: "boolean" },
    cases: { type: "string", default: "100000" },
  },
});
const seed = seedOf(values.seed);
const folder = new TempFolder();
process.on("exit", () => folder[Symbol.dispose]());
const [program, count, unit] = values.raw
  ? ["tests/fuzz_raw/fuzz.ts", values.calls, "calls"]
  : values.hostile
  ? ["tests/hostile_fuzz/fuzz.ts", values.cases, "cases"]
  : ["tests/portable_fuzz/fuzz.ts", values.programs, "programs"];
// Each program of raw calls runs on both kernels anyway.
const chosen = values.raw || values.hostile ? values : { ...values, kernels: "linux" };

await onEach(chosen, async (place) => {
  const { runtime, kernel } = place;
  say(runtime, `kernel ${kernel}, ${count} ${unit}, seed ${seed}`);
  const journal = folder.join(`${runtime}-${kernel}`);
  const failure = await launch(place, program, [count, seed, journal]);
  say(runtime, `${failure ?? "ok"} (seed ${seed})`);
  if (failure !== undefined && !failure.startsWith("Exit") && existsSync(journal)) {
    const last = values.raw ? lastCalls(journal) : readFileSync(journal, "utf8");
    console.log(`The last ${unit}, the one that did it at the end:\n${last}`);
  }
  return failure === undefined;
});
