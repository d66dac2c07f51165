import { writeFileSync } from "node:fs";
import process from "node:process";
import fc from "fast-check";
import { programText, TwinProperty } from "../support/twin_property.ts";

// fuzz.ts PROGRAMS SEED JOURNAL: the program that scripts/fuzz.ts runs in each runtime
const [count, seed, journal] = process.argv.slice(2) as [string, string, string];

const REPORT_EVERY = 1000;

/** Ends before the process does, so that the files go. */
async function fuzz(): Promise<boolean> {
  using twins = new TwinProperty((program, number) => {
    writeFileSync(journal, programText(program));
    if (number % REPORT_EVERY === 0) console.log(`${number} programs`);
  });
  const details = await fc.check(twins.property, { numRuns: Number(count), seed: Number(seed) });
  if (details.failed) {
    const program = details.counterexample?.[0] ?? [];
    console.log(`after ${details.numRuns} programs, shrunk ${details.numShrinks} times:`);
    console.log(programText(program));
    console.log(details.errorInstance);
  } else {
    const waits = `${twins.deadlocks} waits for writes were cut short`;
    console.log(`${details.numRuns} programs, no difference but those listed; ${waits}`);
  }
  return details.failed;
}

process.exit(await fuzz() ? 1 : 0);
