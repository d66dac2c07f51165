// @ts-check
/**
 * Holds the portable kernel against the real one: random programs of raw calls run on both, in a
 * process of its own for each runtime, so that a crash is seen and told apart. The same seed makes
 * the same programs.
 *
 *     node scripts/fuzz.mjs [--programs 10000] [--seed 1] [--runtime bun,deno,node]
 *
 * @module
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { chosenRuntimes, launch, seedOf } from "../tests/soak/launch.mjs";
import { install } from "./install.mjs";

/** A thousand programs take a few seconds, and to shrink one a minute. */
const SILENCE_SECONDS = 240;

const { values } = parseArgs({
  options: {
    programs: { type: "string", default: "10000" },
    seed: { type: "string" },
    runtime: { type: "string" },
  },
});
const seed = seedOf(values.seed);
const folder = mkdtempSync(join(tmpdir(), "kaio-fuzz-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

await install();
/** @type {string[]} */
const failed = [];
const chosen = chosenRuntimes(values.runtime);
for (const runtime of chosen) {
  console.log(`${runtime.padEnd(4)}  ${values.programs} programs, seed ${seed}`);
  const journal = join(folder, runtime);
  const failure = await launch(
    runtime,
    "tests/portable_fuzz/fuzz.ts",
    [values.programs, String(seed), journal],
    { silence: SILENCE_SECONDS },
  );
  console.log(`${runtime.padEnd(4)}  ${failure ?? "ok"} (seed ${seed})`);
  if (failure === undefined) continue;
  failed.push(runtime);
  if (/crashed|hung/.test(failure) && existsSync(journal)) {
    console.log(`The last program:\n${readFileSync(journal, "utf8")}`);
  }
}
const times = `${values.programs} programs in each of ${chosen.join(", ")}, seed ${seed}`;
console.log(failed.length === 0 ? `ok: ${times}` : `FAILED in ${failed.join(", ")}: ${times}`);
process.exit(failed.length > 0 ? 1 : 0);
