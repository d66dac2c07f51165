// @ts-check
/**
 * Makes random calls of the raw layer, in a process of its own for each runtime, so that a crash
 * is seen and told apart. The same seed makes the same calls.
 *
 *     node scripts/fuzz_raw.mjs --calls 1000000 [--seed 1] [--runtimes bun,deno,node] [--kernels linux]
 *
 * @module
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { chosenKernels, chosenRuntimes, launch, seedOf } from "../tests/soak/launch.mjs";
import { install } from "./install.mjs";

/** No call waits, and the longest row of them without a line takes a few seconds. */
const SILENCE_SECONDS = 240;
/** So many of the last calls are shown after a crash. */
const LAST = 12;

const { values } = parseArgs({
  options: {
    calls: { type: "string", default: "1000000" },
    seed: { type: "string" },
    runtimes: { type: "string" },
    kernels: { type: "string" },
  },
});
const seed = seedOf(values.seed);
const folder = mkdtempSync(join(tmpdir(), "kaio-fuzz-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

await install();
let failed = 0;
for (const kernel of chosenKernels(values.kernels)) {
  for (const runtime of chosenRuntimes(values.runtimes)) {
    console.log(`${runtime.padEnd(4)}  kernel ${kernel}, ${values.calls} calls, seed ${seed}`);
    const journal = join(folder, `${runtime}-${kernel}`);
    const failure = await launch(
      runtime,
      "tests/fuzz_raw/fuzz.ts",
      [values.calls, String(seed), journal],
      { silence: SILENCE_SECONDS, env: { KAIO_KERNEL: kernel } },
    );
    console.log(`${runtime.padEnd(4)}  ${failure ?? "ok"} (seed ${seed})`);
    if (failure === undefined) continue;
    failed++;
    if (/crashed|hung/.test(failure)) showLast(journal);
  }
}
process.exit(failed > 0 ? 1 : 0);

/** @param {string} journal */
function showLast(journal) {
  const lines = readFileSync(journal, "utf8").split("\n").map((line) => line.trimEnd())
    .filter((line) => line !== "").sort((a, b) => parseInt(a) - parseInt(b));
  console.log(`The last calls, the one that did it at the end:\n${lines.slice(-LAST).join("\n")}`);
}
