import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import type { ProbeResult } from "../../src/cli/probe.ts";
import { loadLinux } from "../../src/linux/load.ts";
import { pattern } from "../support/bytes.ts";
import { RUNTIME } from "../support/file_script.ts";
import { kernelName } from "../support/real_kernel.ts";
import { CLI, runProgram } from "../support/run_cli.ts";
import type { Refusal, Refused } from "../support/seccomp.ts";
import { TempFile } from "../support/temp.ts";

const here = (name: string) => fileURLToPath(new URL(`../support/${name}`, import.meta.url));

/** This runtime with a program in place of the command. */
const RUN = RUNTIME === "node"
  ? [...CLI.slice(0, -1), "--disable-warning=ExperimentalWarning"]
  : CLI.slice(0, -1);
/** What can be refused, and how. */
const REFUSALS: readonly (readonly [Refused, readonly Refusal[]])[] = [
  ["io_setup", ["EPERM", "ENOSYS"]],
  ["io_submit", ["EPERM", "ENOSYS"]],
  ["io_getevents", ["EPERM", "ENOSYS"]],
  ["io_cancel", ["EPERM"]],
  ["io_destroy", ["EPERM"]],
];
const options = {
  skip: loadLinux() instanceof Error || kernelName !== "linux"
    ? "no call of the kernel to refuse"
    : false,
};

/** Runs a program in an environment that asks for no kernel. */
async function run(command: readonly string[], kernel = "") {
  const result = await runProgram(["env", `KAIO_KERNEL=${kernel}`, ...command]);
  return { ...result, lines: result.stderr.split("\n").filter((line) => line !== "") };
}

/** Runs refused_program.ts. */
async function use(when: "first" | "later", call: Refused, refusal: Refusal) {
  using file = new TempFile(pattern(100_000));
  const program = [...RUN, here("refused_program.ts"), when, call, refusal, file.path];
  const { code, stdout, stderr, lines } = await run(program);
  assert.equal(code, 0, `${stdout}\n${stderr}`);
  return { results: JSON.parse(stdout) as Record<string, unknown>, stderr, lines };
}

const FILE_USES: readonly string[] = ["file", "direct file", "new file", "position"];
/** Rows of the table of what came of each refusal. */
const rows: string[] = [];

/** Adds a row: the other uses are those of contexts. */
function addRow(refused: string, results: Record<string, unknown>): void {
  const { kernel, reason: _, direct: __, ...uses } = results;
  const cell = (ofFiles: boolean) => {
    const parts = Object.entries(uses).filter(([use]) => FILE_USES.includes(use) === ofFiles);
    const failed = parts.filter(([, outcome]) => outcome !== "works");
    if (failed.length === 0) return "works";
    return failed.map(([use, outcome]) => `${use}: ${outcome}`).join("; ");
  };
  rows.push(`| ${refused} | ${RUNTIME} | ${kernel} | ${cell(false)} | ${cell(true)} |`);
}

for (const [call, refusals] of REFUSALS) {
  for (const refusal of refusals) {
    test(
      `${call} refused with ${refusal}: the portable kernel takes over, and says so once`,
      options,
      async () => {
        const { results, stderr } = await use("first", call, refusal);
        const { kernel, reason, direct: _, ...uses } = results;
        addRow(`${call} ${refusal}`, results);
        assert.equal(kernel, "portable");
        assert.match(String(reason), new RegExp(`^${refusal}: .*, ${call}: .*seccomp`));
        assert.deepEqual(
          Object.entries(uses).filter(([, outcome]) => outcome !== "works"),
          [],
        );
        assert.equal(stderr.match(/KAIO_PORTABLE/g)?.length, 1, stderr);
      },
    );
  }

  test(`kaio probe says that ${call} is refused`, options, async () => {
    const launch = [...RUN, here("refusing_launcher.ts"), call, "EPERM", ...CLI, "probe"];
    const { code, stdout, stderr } = await run([...launch, "--json"]);
    assert.equal(code, 0, stderr);
    const { kernel, reason, calls, advice } = JSON.parse(stdout) as ProbeResult;
    assert.equal(kernel, "portable");
    assert.match(reason!, new RegExp(`^EPERM: .*, ${call}: .*seccomp`));
    assert.ok(calls!.io_submit.works);
    assert.match(advice.join(), /^Allow .* in the seccomp profile/);
    const asked = await run(launch, "linux");
    assert.equal(asked.code, 1);
    assert.match(asked.stdout, new RegExp(`Why +Cannot use .*EPERM: .*, ${call}: .*seccomp`));
  });
}

test("io_uring refused, as by Docker, changes nothing", options, async () => {
  const { results, stderr } = await use("first", "io_uring_setup", "EPERM");
  const { kernel, reason, direct: _, ...uses } = results;
  assert.deepEqual([kernel, reason, stderr], ["linux", undefined, ""]);
  const works = Object.keys(uses).map((name) => [name, "works"]);
  assert.deepEqual(uses, Object.fromEntries(works));
});

/** What comes of a refusal that comes when requests were made already. */
const LATER: Partial<Record<Refused, Record<string, string>>> = {
  io_setup: {
    "new context": "EPERM of io_setup",
  },
  io_submit: {
    "context by io_getevents": "EPERM of pread",
    file: "EPERM of pread",
    "direct file": "EPERM of pread",
    "new file": "EPERM of pread",
    position: "EPERM of pread",
  },
  io_getevents: {
    "context by io_getevents": "EPERM of io_getevents",
  },
  io_cancel: {},
  io_destroy: {},
};

for (const [call, expected] of Object.entries(LATER)) {
  test(`${call} refused later is an AioError, and the process goes on`, options, async () => {
    const { results, stderr } = await use("later", call as Refused, "EPERM");
    const { kernel, reason, direct: _, wait, context, ...uses } = results;
    assert.deepEqual([kernel, reason, stderr], ["linux", undefined, ""]);
    addRow(`${call} later`, results);
    // They have what completed before they could sleep, or have to sleep.
    for (const outcome of [wait, context]) {
      assert.match(String(outcome), new RegExp(`^(works|EPERM of (pread|${call}))$`));
    }
    const works = Object.fromEntries(Object.keys(uses).map((name) => [name, "works"]));
    assert.deepEqual(uses, { ...works, ...expected });
  });
}

test("each refusal has a row in the table", options, () => {
  console.log("| refused | runtime | kernel | contexts | files |");
  console.log("| --- | --- | --- | --- | --- |");
  for (const row of rows) console.log(row);
  const cells = REFUSALS.flatMap(([, refusals]) => refusals).length + Object.keys(LATER).length;
  assert.equal(rows.length, cells);
});
