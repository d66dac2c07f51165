import process from "node:process";
import { Random } from "../support/random.ts";
import { within } from "../support/within.ts";
import { readAtTheTail } from "./tail_work.ts";

// tail_reads.ts FOLDER READS SEED: the program that `npm run test:faults -- --reads` runs
const [folder, reads, seed] = process.argv.slice(2) as [string, string, string];

const random = new Random(Number(seed));
let done = 0;
let failures = 0;
const first = new Set<string>();
while (done < Number(reads)) {
  try {
    done += await within(readAtTheTail(folder, random));
  } catch (error) {
    failures++;
    if (first.size < 5) first.add(String(error));
  }
}
for (const failure of first) console.log(failure);
console.log(`${done} reads, ${failures} of the files failed`);
process.exit(failures === 0 ? 0 : 1);
