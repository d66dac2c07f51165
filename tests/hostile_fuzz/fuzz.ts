import { writeFileSync } from "node:fs";
import process from "node:process";
import fc from "fast-check";
import { HostileProperty } from "../support/hostile_property.ts";

// fuzz.ts CASES SEED JOURNAL: the program that scripts/fuzz.ts runs in each runtime
const [count, seed, journal] = process.argv.slice(2) as [string, string, string];

const REPORT_EVERY = 5000;

/** Ends before the process does, so that the files go. */
async function fuzz(): Promise<boolean> {
  using hostile = new HostileProperty((case_, number) => {
    writeFileSync(journal, JSON.stringify(case_));
    if (number % REPORT_EVERY === 0) {
      console.log(`${number} cases, RSS ${Math.round(process.memoryUsage().rss / 2 ** 20)} MiB`);
    }
  });
  const details = await fc.check(hostile.property, { numRuns: Number(count), seed: Number(seed) });
  if (details.failed) {
    console.log(`after ${details.numRuns} cases, shrunk ${details.numShrinks} times:`);
    console.log(JSON.stringify(details.counterexample?.[0]));
    console.log(details.errorInstance);
  } else console.log(`${details.numRuns} cases`);
  return details.failed;
}

process.exit(await fuzz() ? 1 : 0);
