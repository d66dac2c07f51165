// Run by limits_faults.ts: takes all that fs.aio-max-nr leaves, until its standard input ends.
import process from "node:process";
import { linux } from "../../src/syscalls.ts";

const ids: number[] = [];
for (let entries = 65536; entries >= 1;) {
  const id = new BigUint64Array(1);
  if (linux!.io_setup(entries, id) === 0) ids.push(Number(id[0]));
  else entries /= 2;
}
console.log("taken");
process.stdin.resume();
process.stdin.on("end", () => process.exit());
