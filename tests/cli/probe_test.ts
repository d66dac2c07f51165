import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
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
  const { kernel, calls, triedOn, advice } = JSON.parse(stdout) as ProbeResult;
  assert.equal(kernel, kernelName);
  assert.equal(triedOn, process.execPath);
  assert.match(advice.join(), /Set TMPDIR to a folder that can be written/);
  for (const call of CALLS) {
    if (call !== "RWF_NOWAIT") assert.deepEqual(calls?.[call], { works: true }, call);
  }
});

test("where the whole root is read-only, a file is probed all the same", async (context) => {
  const readOnly = ["unshare", "-rm", "sh", "-c", 'mount -o remount,ro,bind / && exec "$@"', "sh"];
  const path = makeFile("read-only", 5000);
  const { code, stdout, stderr } = await runProgram([...readOnly, ...CLI, "probe", path]);
  if (/^(unshare|mount):/m.test(stderr)) return context.skip("the root cannot be made read-only");
  assert.deepEqual([code, stderr], [0, ""]);
  assert.match(stdout, /^io_submit +yes$/m);
  assert.match(stdout, /^Size +5,000 bytes$/m);
});

test("of a block device, its size is said", async (context) => {
  const path = makeFile("disk", 1024 * 1024);
  const { status, stdout } = spawnSync("losetup", ["--find", "--show", path], { encoding: "utf8" });
  if (status !== 0) return context.skip("there are no loop devices here");
  const device = stdout.trim();
  try {
    const { file } = await probeJson(device);
    assert.deepEqual([file?.path, file?.size], [device, 1024 * 1024]);
  } finally {
    spawnSync("losetup", ["--detach", device]);
  }
});

test("the table has a line for each thing, set under each other", async () => {
  const path = makeFile("table", 1_234_567);
  const { code, stdout, stderr } = await runCli(["probe", path]);
  assert.deepEqual([code, stderr], [0, ""]);
  const rows = stdout.split("\n").filter((line) => line !== "" && !line.startsWith("Advice: "));
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
  assert.ok(rows.includes("Size".padEnd(column) + "1,234,567 bytes"), stdout);
  assert.ok([...stdout].every((character) => character >= " " || character === "\n"));
});

/** The command without FFI, where the runtime has a flag for that. */
const WITHOUT_FFI = {
  deno: CLI.toSpliced(1, 2, "run", "--deny-ffi", "-A"),
  node: CLI.toSpliced(1, 0, "--no-experimental-ffi"),
  bun: undefined,
}[RUNTIME];

test("without permissions it says which are missing for what, with exit code 1", {
  skip: RUNTIME === "deno" ? false : "a program has all permissions here",
}, async () => {
  // Deno passes all of its own permissions on to Deno if the command says nothing of any.
  const command = CLI.toSpliced(1, 2, "run", "--no-prompt", "--deny-net");
  const { code, stdout, stderr } = await runProgram([...command, "probe"]);
  assert.deepEqual([code, stderr], [1, ""]);
  assert.match(stdout, /^System +Linux \S+$/m);
  assert.match(stdout, /^io_submit +no: no file may be opened to try it$/m);
  const advice = [
    "Advice: Add --allow-ffi to use Linux AIO",
    "Advice: Add --allow-write=/tmp --allow-read=/tmp to try requests on a temporary file",
    "Advice: Add --allow-env=KAIO_KERNEL to choose the kernel by this variable",
    "Advice: Add --allow-sys=osRelease to see the version of the system",
  ];
  assert.ok(stdout.endsWith(`\n\n${advice.join("\n")}\n`), stdout);
});

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
  const { kernel, reason, calls, advice } = JSON.parse(json.stdout) as ProbeResult;
  assert.equal(advice.length, 1);
  assert.match(
    advice[0]!,
    RUNTIME === "node"
      ? /^Start Node without --no-experimental-ffi to use Linux AIO$/
      : /^Add --allow-ffi to use Linux AIO$/,
  );
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
  assert.match(help.stdout, /^Exit code: 0 .* 1 .* 2 /m);
  const all = await runMain(["--help"]);
  assert.match(all.stdout, /^ {2}probe \[PATH\] /m);
});
