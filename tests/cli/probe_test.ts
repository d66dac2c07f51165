import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, test } from "node:test";
import type { ProbeResult } from "../../src/cli/probe.ts";
import { RUNTIME } from "../support/file_script.ts";
import { kernelName, real } from "../support/real_kernel.ts";
import { CLI, runCli, runMain, runProgram } from "../support/run_cli.ts";

const folder = mkdtempSync(join(tmpdir(), "kaio-cli-"));
after(() => rmSync(folder, { recursive: true }));

const CALLS = [
  "io_setup",
  "io_submit",
  "io_pgetevents",
  "ring",
  "eventfd",
  "FSYNC",
  "FDSYNC",
  "POLL",
  "RWF_NOWAIT",
] as const;

/** A file of this many bytes. */
function makeFile(name: string, length: number): string {
  const path = join(folder, name);
  writeFileSync(path, new Uint8Array(length).fill(0xa5));
  return path;
}

async function probeJson(...args: string[]): Promise<ProbeResult> {
  const { code, stdout, stderr } = await runMain(["probe", "--json", ...args]);
  assert.equal(stderr, "");
  assert.equal(code, 0);
  assert.match(stdout, /^[^\n]+\n$/);
  return JSON.parse(stdout) as ProbeResult;
}

test("--json prints one object with what works", async () => {
  const result = await probeJson();
  assert.equal(result.kernel, kernelName);
  assert.match(result.runtime, /^(Bun|Deno|Node\.js) \d+\.\d+\.\d+/);
  assert.match(result.system, /^\w+ \S+ \w+$/);
  assert.equal(result.limits?.aioMaxNr, real.limits()?.aioMaxNr);
  assert.deepEqual(Object.keys(result.calls!), CALLS);
  for (const call of CALLS) {
    // The file system of the temporary folder may not know it
    if (call === "RWF_NOWAIT") continue;
    assert.deepEqual(result.calls?.[call], { works: true }, call);
  }
  assert.equal(result.file, undefined);
});

test("why it is not the kernel of the machine is said", async () => {
  const { kernel, reason, calls } = await probeJson();
  assert.equal(reason === undefined, kernel === "linux");
  if (kernel === "linux") return;
  assert.match(reason!, /KAIO_KERNEL|FFI/);
  assert.match(calls!.RWF_NOWAIT.note!, /not needed/);
});

test("of a file, its size and how it can be read are said", async () => {
  const path = makeFile("plain", 10_001);
  const before = statSync(path);
  const { file } = await probeJson(path);
  assert.equal(file?.path, path);
  assert.equal(file.size, 10_001);
  assert.equal(typeof file.direct.works, "boolean");
  assert.equal(typeof file.nowait.works, "boolean");
  for (const alignment of Object.values(file.alignment ?? {})) {
    assert.ok(alignment >= 1 && Number.isInteger(Math.log2(alignment)), `${alignment}`);
  }
  assert.ok(readFileSync(path).every((byte) => byte === 0xa5));
  assert.equal(statSync(path).mtimeMs, before.mtimeMs);
});

test("where there is no O_DIRECT, it is said why", async () => {
  const { file } = await probeJson("/proc/version");
  assert.equal(file?.direct.works, false);
  assert.match(file.direct.note!, /^EINVAL: .*O_DIRECT/);
  assert.equal(file.alignment, undefined);
});

test("where nothing can be written, the calls are tried all the same", async () => {
  const command = ["env", `TMPDIR=${join(folder, "missing")}`, ...CLI, "probe", "--json"];
  const { code, stdout, stderr } = await runProgram(command);
  assert.equal(code, 0, stderr);
  const { kernel, calls } = JSON.parse(stdout) as ProbeResult;
  assert.equal(kernel, kernelName);
  for (const call of CALLS) {
    if (call !== "RWF_NOWAIT") assert.deepEqual(calls?.[call], { works: true }, call);
  }
});

test("the table has a line for each thing, set under each other", async () => {
  const path = makeFile("table", 1_234_567);
  const { code, stdout, stderr } = await runCli(["probe", path]);
  assert.deepEqual([code, stderr], [0, ""]);
  const rows = stdout.split("\n").filter((line) => line !== "");
  const column = /^Kernel +/.exec(rows[0]!)![0].length;
  for (const row of rows) {
    assert.ok(row[column - 1] === " " && row[column] !== " ", row);
    assert.equal(row, row.trimEnd());
  }
  assert.ok(rows[0]!.slice(column).startsWith(kernelName));
  for (
    const label of ["Runtime", "System", "io_setup", "Ring in memory", "RWF_NOWAIT", "O_DIRECT"]
  ) {
    assert.ok(rows.some((row) => row.startsWith(label)), label);
  }
  assert.ok(rows.some((row) => row === "Size".padEnd(column) + "1,234,567 bytes"));
  assert.ok([...stdout].every((character) => character >= " " || character === "\n"));
});

/** The command without FFI, where the runtime has a flag for that. */
const WITHOUT_FFI = {
  deno: CLI.toSpliced(1, 2, "run", "--deny-ffi", "-A"),
  node: CLI.toSpliced(1, 0, "--no-experimental-ffi"),
  bun: undefined,
}[RUNTIME];

test("a kernel that was asked for and cannot be used is said, with exit code 1", {
  skip: WITHOUT_FFI ? false : "no FFI that could be taken away",
}, async () => {
  const command = ["env", "KAIO_KERNEL=linux", ...WITHOUT_FFI!, "probe"];
  const text = await runProgram(command);
  assert.deepEqual([text.code, text.stderr], [1, ""]);
  assert.match(text.stdout, /^Kernel +none: .*\nWhy +Cannot use .* KAIO_KERNEL=linux .*FFI.*\n/);
  assert.doesNotMatch(text.stdout, /io_submit/);
  const json = await runProgram([...command, "--json"]);
  assert.equal(json.code, 1);
  const { kernel, reason, calls } = JSON.parse(json.stdout) as ProbeResult;
  assert.deepEqual([kernel, calls], [undefined, undefined]);
  assert.match(reason!, /FFI/);
});

test("an unknown name of a kernel is an error", async () => {
  const { code, stdout, stderr } = await runProgram(["env", "KAIO_KERNEL=other", ...CLI, "probe"]);
  assert.deepEqual([code, stdout], [2, ""]);
  assert.match(stderr, /^kaio: Cannot choose kernel: KAIO_KERNEL .*"linux" or "portable".*\n$/);
});

test("what is neither a file nor a block device is refused", async () => {
  const directory = await runMain(["probe", folder]);
  assert.deepEqual([directory.code, directory.stdout], [2, ""]);
  assert.match(directory.stderr, /^kaio: Not a regular file or block device: .*\n$/);
  const missing = await runMain(["probe", join(folder, "missing")]);
  assert.deepEqual([missing.code, missing.stdout], [2, ""]);
  assert.match(missing.stderr, /^kaio: ENOENT: .*missing.*\n$/);
  if (process.platform !== "linux") return;
  const device = await runMain(["probe", "/dev/null"]);
  assert.match(device.stderr, /^kaio: Not a regular file or block device: "\/dev\/null"\n$/);
});

test("wrong arguments are named, with exit code 2", async () => {
  for (const args of [["a", "b"], ["--depth", "1"], [""]]) {
    const { code, stdout, stderr } = await runMain(["probe", ...args]);
    assert.deepEqual([code, stdout], [2, ""], args.join(" "));
    assert.match(stderr, /^kaio: .+\n$/);
  }
});

test("--help shows what it can do, and where it is found", async () => {
  const help = await runMain(["probe", "--help"]);
  assert.equal(help.code, 0);
  assert.match(help.stdout, /^Usage: kaio probe \[PATH\] \[options\]\n/);
  assert.match(help.stdout, /KAIO_KERNEL/);
  const all = await runMain(["--help"]);
  assert.match(all.stdout, /^ {2}probe \[PATH\] /m);
});
