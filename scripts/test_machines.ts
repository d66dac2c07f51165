/**
 * Runs kaio on machines that this one is not: arm64 and x86_64 with an older kernel, which QEMU
 * emulates. The root of each is read-only, and one has a disk whose sectors are 4096 bytes.
 * Downloads what they boot from Debian and npm, once, into a cache.
 *
 *     npm run test:machines -- --machines arm64 --runtimes bun,node --kernels linux FILTER...
 *
 * Filters choose the test files, as those of `scripts/test.mjs` do.
 *
 * @module
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { tableOf } from "../bench/output.ts";
import { COMMON_OPTIONS } from "../tests/soak/launch.ts";
import { boot } from "./machines/boot.ts";
import type { Job, Outcome } from "./machines/job.ts";
import { lacking, type Machine, MACHINES } from "./machines/machine.ts";
import { systemOf } from "./machines/system.ts";
import { root, type RuntimeName } from "./run.mjs";

/** The calls by themselves, without what is built on them. */
const RAW = ["abi/", "syscalls/"];
/** The core of the suite; all of it would take an hour there. */
const CORE = [
  ...["batches", "cancel", "dispose", "errors", "loop", "operations", "poll", "wait", "wakeup"]
    .map((name) => `context/${name}_`),
  ...["direct_tail", "durable", "order", "parity_read", "parity_write", "scan", "write_many"]
    .map((name) => `file/${name}_`),
];

const { values, positionals: filters } = parseArgs({
  options: {
    machines: { type: "string", default: MACHINES.map(({ name }) => name).join() },
    runtimes: COMMON_OPTIONS.runtimes,
    kernels: COMMON_OPTIONS.kernels,
  },
  allowPositionals: true,
});

/** The test files whose path has one of some words in it. */
function testFiles(words: readonly string[]): string[] {
  const files = readdirSync(join(root, "tests"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith("_test.ts"))
    .map((name) => `tests/${name}`).sort();
  return files.filter((name) => words.some((word) => name.includes(word)));
}

const suites: Job["suites"] = {
  ...filters.length === 0 && { "raw calls": { env: {}, files: testFiles(RAW) } },
  ...Object.fromEntries(
    values.kernels.split(",").map((kernel) => [`kernel ${kernel}`, {
      env: { KAIO_KERNEL: kernel },
      files: testFiles(filters.length > 0 ? filters : CORE),
    }]),
  ),
};
const job: Job = { runtimes: values.runtimes.split(",") as RuntimeName[], suites };

let failed = false;
const skips = new Map<string, Set<string>>();
const rows: string[][] = [["machine", "runtime", "probe", ...Object.keys(suites)]];

/** Prints an outcome, and keeps what it skipped. */
function say({ name }: Machine, outcome: Outcome): void {
  const { ok, runtime, suite, counts, seconds, output, skipped } = outcome;
  const state = ok ? "ok" : "FAILED";
  console.log(
    `${state.padEnd(6)} ${`${seconds}`.padStart(6)} s  ${name}, ${runtime}, ${suite}: ${counts}`,
  );
  if (!ok) console.log(output.trimEnd());
  failed ||= !ok;
  for (const test of skipped) {
    skips.set(test, (skips.get(test) ?? new Set()).add(`${name}, ${runtime}, ${suite}`));
  }
}

/** Runs the job on a machine, and adds its rows to the table. */
async function testOn(machine: Machine): Promise<void> {
  const outcomes: Outcome[] = [];
  try {
    const log = await boot(machine, await systemOf(machine), job, (outcome) => {
      outcomes.push(outcome);
      say(machine, outcome);
    });
    console.log(`All that ${machine.name} printed: ${log}`);
  } catch (error) {
    failed = true;
    console.log(`FAILED ${machine.name}: ${error instanceof Error ? error.message : error}`);
  }
  for (const [runtime, of] of Map.groupBy(outcomes, ({ runtime }) => runtime)) {
    const cells = rows[0]!.slice(2).map((suite) => {
      const found = of.find((outcome) => outcome.suite === suite);
      return found === undefined ? "none" : `${found.counts}, ${found.seconds} s`;
    });
    rows.push([`${machine.name}, Linux ${of[0]!.release}`, runtime, ...cells]);
  }
}

// Where mke2fs is, and what an ordinary user's PATH has not.
process.env["PATH"] += ":/usr/sbin:/sbin";
const unknown = values.machines.split(",").find((name) => MACHINES.every((it) => it.name !== name));
if (unknown !== undefined) throw new RangeError(`No such machine: ${unknown}`);
for (const machine of MACHINES.filter(({ name }) => values.machines.split(",").includes(name))) {
  const missing = lacking(machine);
  if (missing === undefined) await testOn(machine);
  else console.log(`skipped ${machine.name}: ${missing}`);
}
for (const [test, where] of skips) console.log(`skipped on ${[...where].join("; ")}: ${test}`);
if (rows.length > 1) console.log(tableOf(rows, rows[0]!.map((_, column) => column)).join("\n"));
process.exit(failed ? 1 : 0);
