/**
 * Mixed random operations on many files for as long as one likes, beside a model of what each byte
 * must be; in each runtime and on each kernel. The same seed makes the same operations.
 *
 *     npm run soak -- --minutes 10 --runtimes node --kernels linux --seed 1 --folders /a,/b
 *
 * @module
 */
import { parseArgs } from "node:util";
import { COMMON_OPTIONS, launch, onEach, say, seedOf } from "../tests/soak/launch.ts";
import { aioNr, aioNrAfter } from "../tests/soak/vitals.ts";

/** How long the contexts of a process may outlive it. */
const LINGER_SECONDS = 10;

const { values } = parseArgs({
  options: {
    ...COMMON_OPTIONS,
    minutes: { type: "string", default: "2" },
    folders: { type: "string" },
  },
});
const seed = seedOf(values.seed);
const folders = values.folders?.split(",") ?? [];

await onEach(values, async (place) => {
  const { runtime, kernel } = place;
  say(runtime, `kernel ${kernel}, ${values.minutes} minutes, seed ${seed}`);
  const before = aioNr();
  const failure = await launch(place, "tests/soak/soak.ts", [values.minutes, seed, ...folders]);
  const left = await aioNrAfter(before, LINGER_SECONDS) - before;
  if (left > 0) console.log(`fs.aio-nr is ${left} higher than before, of others perhaps`);
  say(runtime, `${failure ?? "ok"} (seed ${seed})`);
  return failure === undefined;
});
