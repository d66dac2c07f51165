// @ts-check
/**
 * Mixed random operations on many files for as long as one likes, beside a model of what each byte
 * must be; in each runtime and on each kernel. The same seed makes the same operations.
 *
 *     node scripts/soak.mjs --minutes 10 [--runtimes bun,deno,node] [--kernels linux] [--seed 1] [--folders /a,/b]
 *
 * @module
 */
import { readFileSync } from "node:fs";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { chosenKernels, chosenRuntimes, launch, seedOf } from "../tests/soak/launch.mjs";
import { install } from "./install.mjs";

/** A line comes every minute. */
const SILENCE_SECONDS = 240;
/** How long after the end of a process its contexts may still be there. */
const LINGER_SECONDS = 10;

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "2" },
    seed: { type: "string" },
    runtimes: { type: "string" },
    kernels: { type: "string" },
    folders: { type: "string" },
  },
});
const seed = seedOf(values.seed);
const folders = values.folders?.split(",") ?? [];

await install();
let failed = 0;
for (const kernel of chosenKernels(values.kernels)) {
  for (const runtime of chosenRuntimes(values.runtimes)) {
    console.log(`${runtime.padEnd(4)}  kernel ${kernel}, ${values.minutes} minutes, seed ${seed}`);
    const before = aioNr();
    const failure = await launch(
      runtime,
      "tests/soak/soak.ts",
      [values.minutes, String(seed), ...folders],
      { silence: SILENCE_SECONDS, env: { KAIO_KERNEL: kernel } },
    );
    const left = await settled(before) - before;
    if (left > 0) console.log(`fs.aio-nr is ${left} higher than before, of others perhaps`);
    console.log(`${runtime.padEnd(4)}  ${failure ?? "ok"} (seed ${seed})`);
    if (failure !== undefined) failed++;
  }
}
process.exit(failed > 0 ? 1 : 0);

function aioNr() {
  return Number(readFileSync("/proc/sys/fs/aio-nr", "utf8"));
}

/**
 * @param {number} wanted
 * @returns {Promise<number>} fs.aio-nr, when it is down to that, or after a while
 */
async function settled(wanted) {
  const end = performance.now() + LINGER_SECONDS * 1000;
  while (aioNr() > wanted && performance.now() < end) await sleep(100);
  return aioNr();
}
