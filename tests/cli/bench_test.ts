import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, test } from "node:test";
import { choose } from "../../src/choose_kernel.ts";
import { type BenchResult, enoughOf } from "../../src/cli/bench.ts";
import { BLOCK, measurePass } from "../../src/cli/bench_pass.ts";
import { RUNTIME } from "../support/file_script.ts";
import { opened } from "../support/opened.ts";
import { CLI, runCli, runMain, runProgram } from "../support/run_cli.ts";

const { name: kernel, reason, asked } = choose();
/** What is noted of every measurement. */
const NOTES = reason === undefined || asked ? [] : [`Linux AIO was not used: ${reason}`];
const DEPTHS = [1, 2, 4, 8, 16, 32, 64, 128, 256];
const ANNOUNCEMENT =
  /^Reading blocks of 4,096 bytes at random positions of [^\n]*, (with O_DIRECT|through the page cache), for \d+ s; nothing is written\n/;
const folder = mkdtempSync(join(tmpdir(), "kaio-cli-"));
after(() => rmSync(folder, { recursive: true }));

/** A file of this many bytes, none of them zero. */
function makeFile(name: string, length: number): string {
  const path = join(folder, name);
  writeFileSync(path, new Uint8Array(length).fill(0xa5));
  return path;
}

async function benchJson(...args: string[]): Promise<BenchResult> {
  const command = ["bench", "--json", "--seconds", "1", ...args];
  const { code, stdout, stderr } = await runMain(command);
  assert.equal(code, 0, stderr);
  assert.match(stderr, ANNOUNCEMENT);
  assert.match(stdout, /^[^\n]+\n$/);
  return JSON.parse(stdout) as BenchResult;
}

test("--json prints one object with the figures of each depth, by kaio and by fs", async () => {
  const path = makeFile("figures", 1_000_000);
  const result = await benchJson(path);
  assert.deepEqual(
    [result.file, result.size, result.block, result.kernel],
    [path, 1_000_000, 4096, kernel],
  );
  assert.equal(typeof result.direct, "boolean");
  assert.match(result.runtime, /^(Bun|Deno|Node\.js) \d+\.\d+\.\d+/);
  assert.deepEqual(
    result.rows.map(({ depth, by }) => [depth, by]),
    DEPTHS.flatMap((depth) => [[depth, "kaio"], [depth, "fs"]]),
  );
  for (const row of result.rows) {
    assert.ok(row.readsPerSecond > 0 && row.cpuMicrosecondsPerRead >= 0, JSON.stringify(row));
    assert.ok(Math.abs(row.megabytesPerSecond - row.readsPerSecond * 4096 / 1e6) < 1e-6);
    assert.ok(0 < row.p50 && row.p50 <= row.p99 && row.p99 <= row.p999, JSON.stringify(row));
  }
  assert.equal(result.enough, enoughOf(result.rows));
});

test("nothing is written", async () => {
  const path = makeFile("untouched", 100_000);
  const before = statSync(path);
  const names = readdirSync(folder);
  await benchJson(path);
  assert.deepEqual(readdirSync(folder), names);
  assert.deepEqual([statSync(path).size, statSync(path).mtimeMs], [100_000, before.mtimeMs]);
  assert.ok(readFileSync(path).every((byte) => byte === 0xa5));
});

test("reading is the only permission that it needs", {
  skip: RUNTIME === "deno" ? false : "a program has all permissions here",
}, async () => {
  const path = makeFile("permitted", 10_000);
  const command = CLI.toSpliced(1, 2, "run", "--no-prompt", `--allow-read=${path}`);
  const { code, stdout, stderr } = await runProgram([...command, "bench", path, "--seconds", "1"]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^ {2}256 kaio {2}/m);
});

test("what makes the figures say something else than how fast the disk is, is noted", async () => {
  const path = makeFile("cached", 50_000);
  const { direct, notes } = await benchJson(path, "--no-direct");
  assert.equal(direct, false);
  const cached = "What the page cache held was read from there, not from the disk";
  assert.deepEqual(notes, [...NOTES, cached]);
  truncateSync(path, 10_000_000);
  const holes = "The file has holes or is compressed: the disk had less to read";
  assert.deepEqual((await benchJson(path, "--no-direct")).notes, [...NOTES, cached, holes]);
});

test("the table has a row for each depth and fits the terminal", async () => {
  const path = makeFile("table", 200_000);
  for (const columns of [40, 80, 120]) {
    const { code, stdout, stderr } = await runMain(["bench", path, "--seconds", "1"], columns);
    assert.equal(code, 0);
    assert.match(stderr, /; nothing is\s+written\n$/);
    for (const line of [...stdout.split("\n"), ...stderr.split("\n")]) {
      assert.ok(line.length <= columns || !line.trim().includes(" ", columns), line);
      assert.equal(line, line.trimEnd());
    }
    const heading = columns === 40
      ? /^Depth +Reads\/s +CPU µs +p99 µs$/m
      : /^Depth +Reads\/s +MB\/s +CPU µs +p50 µs +p99 µs +p99\.9 µs$/m;
    assert.match(stdout, heading);
    for (const depth of DEPTHS) {
      const row = `^${String(depth).padStart(5)} kaio +[\\d,]+ .*\\n {6}fs +[\\d,]+ `;
      assert.match(stdout, new RegExp(row, "m"));
    }
    assert.match(stdout, /^Advice: /m);
  }
});

test("the advice is the smallest depth that comes near the best rate of kaio", () => {
  const rows = (...rates: number[]) =>
    rates.flatMap((readsPerSecond, at) => [
      { depth: 2 ** at, by: "kaio" as const, readsPerSecond },
      { depth: 2 ** at, by: "fs" as const, readsPerSecond: 10 * (at + 1) * readsPerSecond },
    ]);
  assert.equal(enoughOf(rows(10, 20, 94, 95, 100)), 8);
  assert.equal(enoughOf(rows(100, 50, 104)), 1);
  assert.equal(enoughOf(rows(1, 2, 4, 8)), 8);
});

test("as many reads are in flight as there are buffers, all within the file", async () => {
  let inFlight = 0;
  let most = 0;
  const read = async (buffer: Uint8Array, offset: number, length: number, position: number) => {
    most = Math.max(most, ++inFlight);
    await new Promise(setImmediate);
    inFlight--;
    assert.deepEqual([buffer.length, offset, length, position % BLOCK], [BLOCK, 0, BLOCK, 0]);
    assert.ok(position >= 0 && position < 10 * BLOCK);
    return { bytesRead: length, buffer };
  };
  const buffers = Array.from({ length: 7 }, () => new Uint8Array(BLOCK));
  const file = { read } as unknown as FileHandle;
  await measurePass(file, buffers, 10, 20, new AbortController().signal);
  assert.deepEqual([inFlight, most], [0, 7]);
});

test("a file that becomes shorter meanwhile fails the measurement", async () => {
  const file = { read: () => Promise.resolve({ bytesRead: 100 }) } as unknown as FileHandle;
  await assert.rejects(
    measurePass(file, [new Uint8Array(BLOCK)], 10, 20, new AbortController().signal),
    { message: "The file became shorter during the measurement" },
  );
});

/** Fails with exit code 2, one line on standard error and nothing on standard output. */
async function assertFails(args: string[], line: RegExp): Promise<void> {
  const { code, stdout, stderr } = await runMain(["bench", ...args]);
  assert.match(stderr, line);
  assert.match(stderr, /^kaio: [^\n]+\n$/);
  assert.deepEqual([code, stdout], [2, ""]);
}

test("what cannot be measured is said in one line, with exit code 2", async (context) => {
  await assertFails([join(folder, "missing")], /^kaio: ENOENT: .*missing/);
  await assertFails([folder], /^kaio: Not a regular file or block device: /);
  const less = /^kaio: Cannot bench a file of less than 4096 bytes: ".*(empty|small)"\n$/;
  await assertFails([makeFile("empty", 0)], less);
  await assertFails([makeFile("small", 4095)], less);
  const fifo = join(folder, "fifo");
  if (spawnSync("mkfifo", [fifo]).status !== 0) return context.skip("mkfifo is missing");
  await assertFails([fifo], /^kaio: Not a regular file or block device: /);
});

test("a call that makes no sense is said in one line, with exit code 2", async () => {
  const path = makeFile("usage", 4096);
  await assertFails([], /Cannot bench: FILE is missing/);
  await assertFails([path, path], /Cannot bench more than one file/);
  await assertFails([path, "--second"], /Cannot bench: unknown option --second: did you mean/);
  await assertFails([path, "--seconds"], /Cannot bench: --seconds needs a value/);
  await assertFails([path, "--json=yes"], /Cannot bench: --json takes no value/);
  const range =
    /Cannot bench: --seconds must be from 1 to 86400: current value is "(0|1\.5|86401)"/;
  for (const seconds of ["0", "1.5", "86401"]) {
    await assertFails([path, "--seconds", seconds], range);
  }
});

test("--help shows the options, and fits 40 and 80 columns", async () => {
  const { code, stdout } = await runMain(["bench", "--help"]);
  assert.equal(code, 0);
  for (const option of ["--seconds", "--no-direct", "--json"]) {
    assert.ok(stdout.includes(`\n  ${option} `), option);
  }
  const narrow = (await runMain(["bench", "--help"], 40)).stdout;
  assert.deepEqual(narrow.split(/\s+/), stdout.split(/\s+/));
  for (const line of stdout.split("\n")) assert.ok(line.length <= 80, line);
  for (const line of narrow.split("\n")) assert.ok(line.length <= 40, line);
  assert.match((await runMain(["--help"])).stdout, /^ {2}bench FILE /m);
});

test("SIGINT ends it, and says how far it came, with exit code 130", async () => {
  const path = makeFile("interrupted", 100_000);
  const args = ["bench", path, "--seconds", "10000"];
  const { code, stdout, stderr } = await runCli(args, async (child) => {
    await opened(child.pid!, path);
    // The child.kill of Deno reports the signal, whatever exit code the child then gives.
    process.kill(child.pid!, "SIGINT");
  });
  assert.deepEqual([code, stdout], [130, ""]);
  assert.match(stderr, /written\nkaio: Interrupted after 0 of 54 measurements\n$/);
});

test("a terminal sees what was measured last, and nothing of it at the end", async (context) => {
  if (spawnSync("script", ["--version"]).status !== 0) return context.skip("script is missing");
  const path = makeFile("bar", 100_000);
  const command = CLI.map((part) => `'${part}'`).join(" ");
  // Drawn at most ten times a second, so each measurement here takes longer than that.
  const line = `TERM=xterm ${command} bench '${path}' --seconds 6`;
  const { code, stdout } = await runProgram(["script", "-qec", line, "/dev/null"]);
  assert.equal(code, 0, stdout);
  const wipe = "\x1b[K";
  assert.match(stdout, /\r +\d+ % .*(kaio|fs) at depth \d+: [\d,]+ reads\/s {2}ETA \d+:\d\d/);
  assert.ok(stdout.includes(`\r${wipe}File `), "The bar is wiped before the summary");
});
