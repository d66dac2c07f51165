import process from "node:process";
import { clearInterval, setInterval } from "node:timers";
import { DISK, SHM, TempFolder } from "../support/temp.ts";
import { Random } from "../support/random.ts";
import { ContextSoak } from "./context_soak.ts";
import { FileSoak } from "./file_soak.ts";
import { chosenKernel as kernel } from "./kernel.ts";
import { Contexts, type Setting } from "./stage.ts";
import { rises, type Vital, vital } from "./vitals.ts";

// soak.ts MINUTES SEED [FOLDER...]: the program that scripts/soak.ts runs in each runtime
const [minutes, seed, ...parents] = process.argv.slice(2) as [string, string, ...string[]];

const SAMPLE_MILLISECONDS = 2000;
const SAMPLES_A_LINE = 30;
const LIMITS = [64 * 1024, 300_000, 1 << 20, 4 << 20];

const random = new Random(Number(seed));

const folders = (parents.length > 0 ? parents : [DISK, SHM]).map((parent) =>
  new TempFolder(parent)
);
const stop = performance.now() + Number(minutes) * 60_000;
let failed: unknown;
const stopped = () => failed !== undefined || performance.now() > stop;

const soaks: (FileSoak | ContextSoak)[] = [];
await using contexts = new Contexts(kernel);
// All of its own kernel: the shared one of `open` is always that of the machine
const common = contexts.make(64, random);
for (const [index, folder] of folders.entries()) {
  for (const direct of [true, "try", false] as const) {
    for (const append of [false, false, true]) {
      const context = random.once(3) ? contexts.make(random.pick([1, 4, 32]), random) : common;
      const setting: Setting = {
        folder: folder.path,
        direct,
        append,
        limit: random.pick(LIMITS),
        context: kernel === undefined && random.once(3) ? undefined : context,
      };
      const name = `file-${index}-${soaks.length}-${direct}${append ? "-append" : ""}`;
      soaks.push(new FileSoak(name, setting, random.below(2 ** 32)));
    }
  }
  for (const direct of [true, false]) {
    const entries = random.pick([1, 8, 64]);
    const options = {
      entries,
      reap: random.pick(["ring", "syscall"] as const),
      ...(kernel && { kernel }),
    };
    const name = `context-${index}-${entries}-${direct ? "direct" : "buffered"}`;
    soaks.push(new ContextSoak(name, folder.path, direct, options, random.below(2 ** 32)));
  }
}

const vitals: Vital[] = [];
const sample = () => {
  vitals.push(vital());
  if (vitals.length % SAMPLES_A_LINE !== 0 && vitals.length !== 1) return;
  const { rss, aioNr, descriptors } = vitals.at(-1)!;
  console.log(`${operations()} operations, RSS ${rss} MiB, aio-nr ${aioNr}, fds ${descriptors}`);
};
const operations = () => soaks.reduce((sum, { operations }) => sum + operations, 0);
const timer = setInterval(sample, SAMPLE_MILLISECONDS);
await Promise.all(soaks.map((soak) => soak.run(stopped).catch((error) => failed ??= error)));
clearInterval(timer);
sample();
console.log(`${operations()} operations`);
const problems = rises(vitals);
for (const problem of problems) console.log(problem);
if (failed !== undefined) {
  console.log(`FAILED with seed ${seed}: ${failed instanceof Error ? failed.message : failed}`);
}
for (const folder of folders) if (failed === undefined) folder[Symbol.dispose]();
// Not before the contexts are closed: they are to be given back by then
await contexts[Symbol.asyncDispose]();
process.exit(failed === undefined && problems.length === 0 ? 0 : 1);
