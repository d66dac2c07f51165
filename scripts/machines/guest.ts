/**
 * Runs inside an emulated machine: the probe and the suites of its job in each runtime.
 *
 * @module
 */
import { readFileSync, writeFileSync } from "node:fs";
import { release, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import type { ProbeResult } from "../../src/cli/probe.ts";
import { flags, run, type RuntimeName, runtimes } from "../run.mjs";
import { runTests } from "../run_tests.mjs";
import { END, type Job, MARK, type Outcome, type Suite } from "./job.ts";

type Result = Pick<Outcome, "ok" | "counts" | "output" | "skipped">;

/** A test prints its line after minutes there, if others use the processors of the host. */
const SILENCE_SECONDS = 1800;

/**
 * V8 ends Node now and then, under emulation more often than elsewhere: its list of the pages with
 * code lacks one. https://github.com/nodejs/node/issues/64500 tells the like of WebAssembly, by which
 * Node strips types.
 */
const ABORTED_BY_V8 = /Check failed: it->second\.Size\(\) > offset/;
/** So often in a row is no accident. */
const MOST_ABORTS = 5;

const following = {
  heard: (text: string) => process.stdout.write(text),
  silence: SILENCE_SECONDS,
};

/** Looks whether a runtime finds AIO and O_DIRECT, on the disk that the tests write to. */
async function probe(runtime: RuntimeName): Promise<Result> {
  const path = join(tmpdir(), "probed");
  writeFileSync(path, new Uint8Array(1 << 20));
  const command = [...flags[runtime], "cli.ts", "probe", path, "--json"];
  const { ok, output } = await run(runtimes[runtime], command, following);
  if (!ok) return { ok, counts: "failed", output, skipped: [] };
  const { kernel, file }: ProbeResult = JSON.parse(output);
  const works = kernel === "linux" && file!.direct.works;
  return { ok: works, counts: works ? "works" : "failed", output, skipped: [] };
}

async function suite(runtime: RuntimeName, { env, files }: Suite): Promise<Result> {
  const tests = await runTests(runtime, files, { env, ...following });
  const { failures, counts, output, skipped } = tests;
  return {
    ok: failures.length === 0,
    counts,
    output,
    skipped: skipped.map(({ name, reason }) => reason === "" ? name : `${name} (${reason})`),
  };
}

/** Repeats what V8 aborted, and says how often. */
async function repeated(work: () => Promise<Result>): Promise<Result> {
  for (let aborts = 0;; aborts++) {
    const result = await work();
    const isAborted = !result.ok && ABORTED_BY_V8.test(result.output) && aborts < MOST_ABORTS;
    if (isAborted) continue;
    return aborts === 0 ? result : { ...result, counts: `${result.counts}, aborts ${aborts}` };
  }
}

async function report(
  runtime: RuntimeName,
  suite: string,
  work: () => Promise<Result>,
): Promise<void> {
  const start = performance.now();
  const result = await repeated(work);
  const seconds = Math.round((performance.now() - start) / 1000);
  const outcome: Outcome = { runtime, suite, release: release(), seconds, ...result };
  process.stdout.write(`\n${MARK}${JSON.stringify(outcome)}\n`);
}

const job: Job = JSON.parse(readFileSync("../job.json", "utf8"));
for (const runtime of job.runtimes) {
  await report(runtime, "probe", () => probe(runtime));
  for (const [name, tests] of Object.entries(job.suites)) {
    await report(runtime, name, () => suite(runtime, tests));
  }
}
process.stdout.write(`${END}\n`);
