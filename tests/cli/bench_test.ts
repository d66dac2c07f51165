import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
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
import { setTimeout as sleep } from "node:timers/promises";
import { choose } from "../../src/choose_kernel.ts";
import { bench, type BenchResult, enoughOf } from "../../src/cli/bench.ts";
import { tryFio } from "../../src/cli/bench_fio.ts";
import { benchPlot } from "../../src/cli/bench_plot.ts";
import { BLOCK, measurePass, type Workload } from "../../src/cli/bench_pass.ts";
import { parseBenchOptions } from "../../src/cli/arguments.ts";
import { readFio } from "../../src/cli/fio_job.ts";
import { Latencies } from "../../src/cli/latencies.ts";
import { benchReport } from "../../src/cli/report.ts";
import { RUNTIME } from "../support/file_script.ts";
import { opened } from "../support/opened.ts";
import { CLI, runCli, runMain, runProgram } from "../support/run_cli.ts";

const { name: kernel, reason, asked } = choose();
/** What is noted of every measurement. */
const NOTES = reason === undefined || asked ? [] : [`Linux AIO was not used: ${reason}`];
/** Who reads at each depth. */
const PARTICIPANTS = [
  "kaio",
  "fs",
  ...spawnSync("fio", ["--version"]).status === 0 ? ["fio"] : [],
];
const ANNOUNCEMENT =
  /^(Reading|Writing) blocks of 4,096 bytes at random positions of [^\n]+ for 1 second; [^\n]+\n$/;
const folder = mkdtempSync(join(tmpdir(), "kaio-cli-"));
after(() => rmSync(folder, { recursive: true }));

/** A file of this many bytes, none of them zero. */
function makeFile(name: string, length: number): string {
  const path = join(folder, name);
  writeFileSync(path, new Uint8Array(length).fill(0xa5));
  return path;
}

/** Takes little time. */
const BRIEFLY = ["--seconds", "1", "--depth", "4"];

async function benchJson(...args: string[]): Promise<BenchResult> {
  const command = ["bench", "--json", ...BRIEFLY, ...args];
  const { code, stdout, stderr } = await runMain(command);
  assert.equal(code, 0, stderr);
  assert.match(stderr, ANNOUNCEMENT);
  assert.match(stdout, /^[^\n]+\n$/);
  return JSON.parse(stdout) as BenchResult;
}

/** What the command prints with `--json`, measured for less time than can be asked of it. */
async function benchBriefly(...args: string[]): Promise<BenchResult> {
  const options = { ...parseBenchOptions([...args, "--depth", "4"]), seconds: 0.1 };
  return await bench(options, new AbortController().signal, () => {});
}

test("--json prints one object with the figures of everybody, and nothing is written", async () => {
  const path = makeFile("figures", 1_000_000);
  const before = statSync(path);
  const names = readdirSync(folder);
  const result = await benchJson(path);
  assert.deepEqual(readdirSync(folder), names);
  assert.deepEqual([statSync(path).size, statSync(path).mtimeMs], [1_000_000, before.mtimeMs]);
  assert.ok(readFileSync(path).every((byte) => byte === 0xa5));
  assert.deepEqual(
    [result.file, result.size, result.block, result.kernel],
    [path, 1_000_000, 4096, kernel],
  );
  assert.equal(typeof result.direct, "boolean");
  assert.match(result.runtime, /^(Bun|Deno|Node\.js) \d+\.\d+\.\d+/);
  assert.deepEqual(
    result.rows.map(({ depth, by }) => [depth, by]),
    PARTICIPANTS.map((by) => [4, by]),
  );
  for (const row of result.rows) {
    assert.ok(row.iops > 0 && row.cpuMicrosecondsPerRequest >= 0, JSON.stringify(row));
    assert.ok(Math.abs(row.megabytesPerSecond - row.iops * 4096 / 1e6) < 1e-6);
    assert.ok(0 < row.p50 && row.p50 <= row.p99 && row.p99 <= row.p999, JSON.stringify(row));
  }
  assert.equal(result.enough, enoughOf(result.rows));
});

/** Signals, the exit code after each, and what is said. */
const ENDS = [["SIGINT", 130, "Interrupted"], ["SIGTERM", 143, "Terminated"], [
  "SIGHUP",
  129,
  "Hung up",
]] as const;

test("--write makes a file, writes to it, and removes it", async () => {
  const path = join(folder, "made");
  const { write, size, rows } = await benchBriefly("--write", path, "--no-fio");
  assert.deepEqual([write, size], [true, 256 * 1024 * 1024]);
  assert.equal(rows.length, 2);
  assert.equal(existsSync(path), false);
});

test("--write leaves a file alone that exists", async () => {
  const path = makeFile("kept", 10_000);
  await assertFails(["--write", path], /^kaio: EEXIST: .*kept/);
  assert.ok(readFileSync(path).every((byte) => byte === 0xa5));
});

for (const [signal, expected, word] of ENDS) {
  test(`--write of a file removes it when ${signal} comes`, async () => {
    const path = join(folder, `given-up-${signal}`);
    const { code, stderr } = await runCli(["bench", "--write", path, "--no-fio"], async (child) => {
      while (!existsSync(path) && child.exitCode === null) await sleep(20);
      process.kill(child.pid!, signal);
    });
    assert.equal(code, expected, stderr);
    assert.match(stderr, /^Writing [^\n]*; it is made for this, with 268,435,456 bytes, [^\n]*\n/);
    assert.match(stderr, new RegExp(`\nkaio: ${word}[^\n]*\n$`));
    assert.equal(existsSync(path), false);
  });
}

test("reading is the only permission that it needs", {
  skip: RUNTIME === "deno" ? false : "a program has all permissions here",
}, async () => {
  const path = makeFile("permitted", 10_000);
  const command = CLI.toSpliced(1, 2, "run", "--no-prompt", `--allow-read=${path}`);
  const { code, stdout, stderr } = await runProgram([...command, "bench", path, ...BRIEFLY]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^ {4}4 kaio {2}/m);
});

test("what makes the figures say something else than how fast the disk is, is noted", async () => {
  const path = makeFile("cached", 50_000);
  truncateSync(path, 10_000_000);
  const { direct, notes } = await benchBriefly(path, "--no-direct", "--no-fio");
  assert.equal(direct, false);
  const cached = "What the page cache held was read from there, not from the disk";
  const holes = "The file has holes or is compressed: the disk had less to read";
  assert.deepEqual(notes, [...NOTES, cached, holes]);
});

test("the table has a row for each depth", async () => {
  const path = makeFile("table", 200_000);
  const { code, stdout, stderr } = await runCli(["bench", path, "--seconds", "1", "--no-fio"]);
  assert.equal(code, 0, stderr);
  assert.match(stderr, /^Reading [^\n]*; nothing is written to it\n$/);
  assert.match(stdout, /^Read +blocks of 4,096 bytes at random positions$/m);
  assert.match(stdout, /^Direct I\/O +(yes|no)$/m);
  assert.match(stdout, /^Depth +IOPS +MB\/s +CPU µs +p50 µs +p99 µs +p99\.9 µs$/m);
  for (const depth of [1, 2, 4, 8, 16, 32, 64, 128, 256]) {
    const row = `^${String(depth).padStart(5)} kaio +[\\d,]+ .*\\n {6}fs +[\\d,]+ `;
    assert.match(stdout, new RegExp(row, "m"));
  }
  assert.match(stdout, /^Advice: /m);
});

const ROWS = [1, 256].flatMap((depth) =>
  (["kaio", "fs", "fio"] as const).map((by) => ({
    depth,
    by,
    iops: 1_234_567 * depth / 256,
    megabytesPerSecond: 5056.8 * depth / 256,
    cpuMicrosecondsPerRequest: 123.4,
    p50: 1234.5,
    p99: 12345.6,
    p999: 123456.7,
  }))
);
const RESULT: BenchResult = {
  file: "app.db",
  size: 2 ** 40,
  block: 4096,
  write: true,
  direct: true,
  seconds: 1,
  rounds: 3,
  kernel: "linux",
  runtime: "Node.js 26.10.0",
  rows: ROWS,
  enough: 256,
  notes: ["The page cache took the writes; the disk gets them later"],
};

test("the report fits 40, 80 and 120 columns, with bars where there is room", () => {
  for (const columns of [40, 80, 120]) {
    const lines = benchReport(RESULT, columns).split("\n");
    assert.deepEqual(lines.filter((line) => line.length > columns), []);
    assert.deepEqual(lines, lines.map((line) => line.trimEnd()));
    const bars = [/ kaio .* (█{8,}|#{8,})$/, / fs .* (▒{8,}|-{8,})$/, / fio .* (░{8,}|\.{8,})$/];
    for (const bar of bars) {
      const found = lines.filter((line) => bar.test(line));
      assert.equal(found.length, columns === 40 ? 0 : 1, lines.join("\n"));
    }
  }
  assert.match(benchReport(RESULT, 40), /^Depth +IOPS +CPU µs +p99 µs$/m);
  assert.match(
    benchReport(RESULT, 80),
    /^Advice: The rate still rises at 256 requests in flight$/m,
  );
  assert.match(
    benchReport({ ...RESULT, enough: 1 }, 120),
    /^Advice: Keep 1 request in flight: beyond that the rate rises by less than 5 percent, and all wait longer$/m,
  );
  assert.doesNotMatch(benchReport({ ...RESULT, rows: ROWS.slice(0, 3), enough: 1 }, 120), /Advice/);
});

/** Takes the tags of an XML document apart, and fails if they do not match. */
function checkXml(document: string): void {
  const open: string[] = [];
  const tag = /<(\/?)([a-z]+)((?: [\w-]+="[^"<&]*")*)(\/?)>/g;
  const rest = document.replace(tag, (_, closing: string, name: string, __, empty: string) => {
    if (closing !== "") assert.equal(open.pop(), name);
    else if (empty === "") open.push(name);
    return "";
  });
  assert.deepEqual(open, []);
  // deno-lint-ignore no-control-regex
  assert.doesNotMatch(rest, /[<>\x00-\x08\x0b-\x1f]|&(?!#\d+;)/);
  assert.ok(rest.isWellFormed());
}

test("the plot is well-formed XML, with a line for each who took part", () => {
  const plot = benchPlot({ ...RESULT, file: `/srv/a&b<c>"d"\x01\ud800.db` });
  checkXml(plot);
  assert.ok(plot.includes('a&#38;b&#60;c&#62;"d"\ufffd\ufffd.db</text>'), plot);
  assert.match(plot, /Random writes of 4 KiB per second/);
  assert.equal(plot.match(/<polyline /g)!.length, 3);
  assert.equal(plot.match(/<circle /g)!.length, ROWS.length);
  for (const by of ["kaio", "fs", "fio"]) assert.ok(plot.includes(`>${by}</text>`), by);
  assert.doesNotMatch(plot, /NaN|Infinity/);
  // The best rate is within the axis, and a depth of its own is within the picture.
  assert.ok(plot.includes(">1,500,000</text>") && !plot.includes(">2,000,000</text>"), plot);
  const one = benchPlot({ ...RESULT, rows: ROWS.slice(0, 2) });
  checkXml(one);
  assert.doesNotMatch(one, /NaN|Infinity|>fio</);
});

test("--svg draws a plot of each depth in order, to a file that did not exist", async () => {
  const path = makeFile("plotted", 100_000);
  const plot = join(folder, "plot.svg");
  const { rows } = await benchJson(path, "--no-fio", "--depth", "64,2,64", "--svg", plot);
  assert.deepEqual(rows.map(({ depth, by }) => `${depth} ${by}`), [
    "2 kaio",
    "2 fs",
    "64 kaio",
    "64 fs",
  ]);
  const drawn = readFileSync(plot, "utf8");
  checkXml(drawn);
  assert.equal(drawn.match(/<circle /g)!.length, rows.length);
  await assertFails([path, "--svg", plot], /^kaio: EEXIST: .*plot\.svg/);
  assert.equal(readFileSync(plot, "utf8"), drawn);
  await assertFails([path, "--svg", path], /^kaio: EEXIST: .*plotted/);
  assert.ok(readFileSync(path).every((byte) => byte === 0xa5));
  await assertFails([path, "--svg", join(folder, "no", "plot")], /^kaio: ENOENT: .*plot/);
});

test("a plot of what cannot be measured is removed", async () => {
  const plot = join(folder, "nothing.svg");
  await assertFails([folder, "--svg", plot], /^kaio: Not a regular file or block device: /);
  assert.equal(existsSync(plot), false);
});

test("the advice is the smallest depth that comes near the best rate of kaio", () => {
  const rows = (...rates: number[]) =>
    rates.flatMap((iops, at) => [
      { depth: 2 ** at, by: "kaio" as const, iops },
      { depth: 2 ** at, by: "fs" as const, iops: 10 * (at + 1) * iops },
    ]);
  assert.equal(enoughOf(rows(10, 20, 94, 95, 100)), 8);
  assert.equal(enoughOf(rows(100, 50, 104)), 1);
  assert.equal(enoughOf(rows(1, 2, 4, 8)), 8);
});

/** Ten blocks, for as long as nobody ends the pass. */
const WORKLOAD: Workload = {
  path: "ten",
  blocks: 10,
  write: false,
  direct: false,
  signal: new AbortController().signal,
};

test("as many reads are in flight as the depth says, all within the file", async () => {
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
  const file = { read } as unknown as FileHandle;
  await measurePass(file, WORKLOAD, 7, 20);
  assert.deepEqual([inFlight, most], [0, 7]);
});

test("a file that becomes shorter meanwhile fails the measurement", async () => {
  const file = { read: () => Promise.resolve({ bytesRead: 100 }) } as unknown as FileHandle;
  const message = "Only 100 bytes of a block were transferred";
  await assert.rejects(measurePass(file, WORKLOAD, 1, 20), { message });
});

test("a file in memory is no disk, and that is noted", async (context) => {
  if (!existsSync("/dev/shm")) return context.skip("there is no /dev/shm");
  const memory = mkdtempSync("/dev/shm/kaio-cli-");
  try {
    const path = join(memory, "blocks");
    writeFileSync(path, new Uint8Array(10_000));
    const { notes } = await benchBriefly(path, "--no-fio");
    assert.deepEqual(notes, [
      ...NOTES,
      "The file is in memory (tmpfs): the figures are of no disk",
    ]);
  } finally {
    rmSync(memory, { recursive: true });
  }
});

test("percentiles of latencies are within a percent of what they are of", () => {
  const latencies = new Latencies();
  for (let microseconds = 1; microseconds <= 10_000; microseconds++) latencies.add(microseconds);
  assert.equal(latencies.count, 10_000);
  for (const share of [0, 0.5, 0.99, 0.999]) {
    const exact = Math.floor(share * 10_000) + 1;
    const found = latencies.percentile(share);
    assert.ok(Math.abs(found / exact - 1) < 0.01, `${share}: ${found} instead of ${exact}`);
  }
  // A clock may stand still, or jump when a machine wakes up.
  latencies.add(0);
  latencies.add(1e15);
  assert.ok(latencies.percentile(0) < 1e-9 && latencies.percentile(1 - 1e-9) > 0.99e15);
});

/** What fio prints. */
function fioOutput(error: number, short_ios: number, total_ios: number): string {
  const lat_ns = total_ios === 0
    ? {}
    : { percentile: { "50.000000": 61_000, "99.000000": 122_000, "99.900000": 244_000 } };
  const direction = { iops: total_ios / 2, total_ios, short_ios, drop_ios: 0, lat_ns };
  const job = { error, usr_cpu: 1, sys_cpu: 2, job_runtime: 2000, read: direction };
  return `fio: a warning\n${JSON.stringify({ jobs: [job] })}\n`;
}

test("the figures of fio are in the units of the others", () => {
  const read = readFio(fioOutput(0, 0, 1000), false);
  // Three percent of two seconds, and two.
  const cpu = { cpuMicrosecondsPerRequest: 60, systemMicrosecondsPerRequest: 40 };
  const latencies = { p50: 61, p99: 122, p999: 244 };
  assert.deepEqual(read, { iops: 500, requests: 1000, ...cpu, ...latencies });
});

test("fio that had no time for a single request gives no impossible figures", () => {
  const { p50, p99, p999, iops } = readFio(fioOutput(0, 0, 0), false);
  assert.deepEqual([iops, p50, p99, p999], [0, 0, 0, 0]);
});

test("requests of fio that fail or are short are an error", () => {
  const message = "fio failed with error 5: 0 requests were short, 0 were dropped";
  assert.throws(() => readFio(fioOutput(5, 0, 10), false), { message });
  assert.throws(() => readFio(fioOutput(0, 2, 10), false), /error 0: 2 requests were short/);
});

test("where fio fails, it is left out, and its last line is noted", {
  skip: PARTICIPANTS.includes("fio") ? false : "fio is missing",
}, async () => {
  const { works, note } = await tryFio({ ...WORKLOAD, path: join(folder, "no", "file") });
  assert.equal(works, false);
  assert.match(note!, /^fio was left out: [^\n]+$/);
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
  await assertFails([path, "--svg", ""], /Cannot bench: the name of the plot is empty/);
  await assertFails([path, "--json=yes"], /Cannot bench: --json takes no value/);
  const depth =
    /Cannot bench: --depth must be a whole number from 1 to 4096: current value is "(|0|4097|2-4)"/;
  for (const depths of ["1,0", "1,,2", "4097", "2-4"]) {
    await assertFails([path, "--depth", depths], depth);
  }
  const range =
    /Cannot bench: --seconds must be a whole number from 1 to 86400: current value is "(0|1\.5|86401)"/;
  for (const seconds of ["0", "1.5", "86401"]) {
    await assertFails([path, "--seconds", seconds], range);
  }
});

test("--help shows the options, and fits 40 and 80 columns", async () => {
  const { code, stdout } = await runMain(["bench", "--help"]);
  assert.equal(code, 0);
  for (
    const option of [
      "--depth",
      "--seconds",
      "--write",
      "--no-direct",
      "--no-fio",
      "--svg",
      "--json",
    ]
  ) {
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
  const args = ["bench", path, "--seconds", "10000", "--no-fio"];
  const { code, stdout, stderr } = await runCli(args, async (child) => {
    await opened(child.pid!, path);
    // The child.kill of Deno reports the signal, whatever exit code the child then gives.
    process.kill(child.pid!, "SIGINT");
  });
  assert.deepEqual([code, stdout], [130, ""]);
  assert.match(stderr, /written to it\nkaio: Interrupted after 0 of 54 measurements\n$/);
});

test("SIGINT ends it though fio does not answer to signals", async () => {
  const path = makeFile("unanswered", 100_000);
  const programs = join(folder, "programs");
  const started = join(folder, "fio-started");
  mkdirSync(programs);
  const fio = `#!/bin/sh\ntrap '' INT TERM\necho $$ > '${started}'\nwhile :; do sleep 1; done\n`;
  writeFileSync(join(programs, "fio"), fio, { mode: 0o755 });
  const env = ["env", `PATH=${programs}:${process.env["PATH"]}`];
  const { code, stderr } = await runProgram([...env, ...CLI, "bench", path], async (child) => {
    while (!existsSync(started) && child.exitCode === null) await sleep(20);
    process.kill(child.pid!, "SIGINT");
  });
  const pid = Number(readFileSync(started, "utf8"));
  // Nothing of it is to stay, also where this test fails.
  assert.throws(() => process.kill(pid, "SIGKILL"), { code: "ESRCH" });
  assert.equal(code, 130, stderr);
  assert.match(stderr, /\nkaio: Interrupted[^\n]*\n$/);
});

test("a terminal sees what was measured last, and nothing of it at the end", async (context) => {
  if (spawnSync("script", ["--version"]).status !== 0) return context.skip("script is missing");
  const path = makeFile("bar", 100_000);
  const command = CLI.map((part) => `'${part}'`).join(" ");
  // Drawn at most ten times a second, so each measurement here takes longer than that.
  const line = `TERM=xterm ${command} bench '${path}' --seconds 1 --depth 8 --no-fio`;
  const { code, stdout } = await runProgram(["script", "-qec", line, "/dev/null"]);
  assert.equal(code, 0, stdout);
  const wipe = "\x1b[K";
  assert.match(stdout, /\r +\d+ % .*(kaio|fs) at depth 8: [\d,]+ IOPS {2}ETA \d+:\d\d/);
  assert.ok(stdout.includes(`\r${wipe}File `), "The bar is wiped before the summary");
});
