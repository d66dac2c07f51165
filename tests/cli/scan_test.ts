import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, test } from "node:test";
import type { ScanResult } from "../../src/cli/scan.ts";
import { VERSION } from "../../src/version.ts";
import { choose } from "../../src/choose_kernel.ts";
import { readDbstat } from "../support/dbstat.ts";
import { RUNTIME } from "../support/file_script.ts";
import { opened } from "../support/opened.ts";
import { CLI, runCli, runMain, runProgram } from "../support/run_cli.ts";
import { openSqlite, withoutSqlite } from "../support/sqlite.ts";
import { makeDatabase } from "../support/sqlite_fixture.ts";

const { reason, asked } = choose();
/** What is noted of every scan. */
const NOTES = reason === undefined || asked ? [] : [`Linux AIO was not used: ${reason}`];
const NOT_SQLITE = "Not a SQLite database: no pages were counted";
const folder = mkdtempSync(join(tmpdir(), "kaio-cli-"));
after(() => rmSync(folder, { recursive: true }));

/** A file of this many bytes, none of them zero. */
function makeFile(name: string, length: number): string {
  const path = join(folder, name);
  writeFileSync(path, new Uint8Array(length).fill(0xa5));
  return path;
}

/** A file of this many bytes without any blocks on the disk. */
function makeHole(name: string, length: number): string {
  const path = makeFile(name, 0);
  truncateSync(path, length);
  return path;
}

/** The result of a scan that found no problems. */
async function scanJson(...args: string[]): Promise<ScanResult> {
  const { code, stdout, stderr } = await runMain(["scan", "--json", ...args]);
  assert.equal(stderr, "");
  assert.equal(code, 0);
  assert.match(stdout, /^[^\n]+\n$/);
  return JSON.parse(stdout) as ScanResult;
}

/** Control characters other than the line end: what a progress bar would leave in a pipe. */
function hasControls(text: string): boolean {
  return [...text].some((character) => character < " " && character !== "\n");
}

test("--json prints one object with the figures of the scan", async () => {
  const path = makeFile("plain", 1_000_000);
  const result = await scanJson(path, "--depth", "16");
  assert.equal(result.file, path);
  assert.equal(result.bytes, 1_000_000);
  assert.equal(result.reads, Math.ceil(1_000_000 / 4096));
  assert.equal(result.block, 4096);
  assert.equal(result.depth, 16);
  assert.equal(typeof result.direct, "boolean");
  assert.match(result.runtime, /^(Bun|Deno|Node\.js) \d+\.\d+\.\d+/);
  assert.deepEqual(result.notes, [...NOTES, NOT_SQLITE]);
  assert.equal(result.sqlite, undefined);
  for (const figure of ["seconds", "cpuMicrosecondsPerRead"] as const) {
    assert.ok(result[figure] > 0, figure);
  }
  assert.ok(Math.abs(result.megabytesPerSecond - 1 / result.seconds) < 1e-6);
  assert.ok(Math.abs(result.readsPerSecond - result.reads / result.seconds) < 1e-3);
});

test("--block says how much one read takes, whatever the file system likes", async () => {
  const path = makeFile("blocks", 100_001);
  for (const block of [100, 65536, 16 * 1024 * 1024]) {
    const result = await scanJson(path, "--block", String(block));
    assert.equal(result.block, block);
    assert.equal(result.bytes, 100_001);
    assert.equal(result.reads, Math.ceil(100_001 / block));
  }
});

test("--no-direct reads through the page cache", async () => {
  const result = await scanJson(makeFile("cached", 50_000), "--no-direct");
  assert.equal(result.direct, false);
  assert.equal(result.bytes, 50_000);
});

test("the summary is aligned text, and a pipe gets no progress bar", async () => {
  const path = makeHole("large", 100_000_000);
  const { code, stdout, stderr } = await runCli(["scan", path]);
  assert.equal(code, 0);
  assert.equal(stderr, "");
  assert.equal(hasControls(stdout), false);
  assert.match(stdout, /^Read {8}100,000,000 bytes in 24,415 reads of 4,096$/m);
  assert.match(stdout, /^Depth {7}64 reads in flight at most$/m);
  assert.match(stdout, /^Direct I\/O {2}(yes|no)$/m);
  assert.match(stdout, /^CPU {9}\d+\.\d\d µs per read$/m);
  assert.match(stdout, /^Note: Not a SQLite database: no pages were counted$/m);
});

test("reading is the only permission that a scan needs", {
  skip: RUNTIME === "deno" ? false : "a program has all permissions here",
}, async () => {
  const path = makeFile("permitted", 10_000);
  const command = CLI.toSpliced(1, 2, "run", "--no-prompt", `--allow-read=${path}`);
  const { code, stdout, stderr } = await runProgram([...command, "scan", path]);
  assert.deepEqual([code, stderr], [0, ""]);
  assert.match(stdout, /^Read {8}10,000 bytes in 3 reads of 4,096$/m);
});

test("an empty file has figures that are all numbers", async () => {
  const path = makeFile("empty", 0);
  const result = await scanJson(path);
  assert.deepEqual(
    [result.bytes, result.reads, result.megabytesPerSecond, result.readsPerSecond],
    [0, 0, 0, 0],
  );
  assert.equal(result.cpuMicrosecondsPerRead, 0);
  assert.equal(typeof result.seconds, "number");
  const text = await runMain(["scan", path]);
  assert.match(text.stdout, /^Read {8}0 bytes in 0 reads of 4,096$/m);
  assert.match(text.stdout, /^Note: The file is empty$/m);
  assert.doesNotMatch(text.stdout, /NaN|Infinity/);
});

test(
  "a database gets a census that agrees with dbstat",
  withoutSqlite,
  async () => {
    const path = join(folder, "census.db");
    makeDatabase(path, { size: 3_000_000, pageSize: 1024, autoVacuum: 2 });
    const expected: Record<string, number> = {};
    const dbstat = readDbstat(path);
    for (const kind of dbstat.kinds.values()) expected[kind] = (expected[kind] ?? 0) + 1;
    const { sqlite, block, bytes } = await scanJson(path);
    assert.equal(block, 1024);
    assert.equal(bytes, dbstat.pageCount * 1024);
    const { pointerMap, freelistTrunk, freelistLeaf, ...others } = sqlite!.pages!;
    assert.deepEqual(others, { ...expected, unreferenced: 0, damaged: 0, lockByte: 0 });
    assert.equal(freelistTrunk + freelistLeaf, dbstat.freelistCount);
    assert.equal(pointerMap, Math.ceil((dbstat.pageCount - 1) / 205));
    assert.deepEqual([sqlite!.pageSize, sqlite!.pageCount], [1024, dbstat.pageCount]);
    assert.deepEqual([sqlite!.problemCount, sqlite!.problems], [0, []]);

    const larger = await scanJson(path, "--block", "10240");
    assert.deepEqual([larger.block, larger.notes], [10240, NOTES]);
    assert.deepEqual(larger.sqlite, sqlite);
    const rounded = await scanJson(path, "--block", "1500");
    assert.equal(rounded.block, 2048);
    assert.match(rounded.notes.join(), /The block of 1500 bytes became 2048/);
    assert.deepEqual(rounded.sqlite, sqlite);

    const { stdout } = await runMain(["scan", path]);
    assert.match(stdout, /^SQLite pages +Pages +Share +Bytes$/m);
    assert.match(
      stdout,
      new RegExp(`^table leaf +${expected.tableLeaf!.toLocaleString("en-US")} `, "m"),
    );
    assert.match(stdout, /^total .* 100\.00 % /m);
    assert.match(stdout, /^No problems found$/m);
    assert.doesNotMatch(stdout, /lock byte|damaged/);
  },
);

/** No line is longer than the terminal is wide, but for one word, as the name of a file. */
function assertFits(stdout: string, columns: number): void {
  for (const line of stdout.split("\n")) {
    assert.ok(line.length <= columns || !line.slice(columns).includes(" "), line);
  }
}

test("at 40 columns everything fits", withoutSqlite, async () => {
  const path = join(folder, "narrow.db");
  makeDatabase(path, { size: 3_000_000, pageSize: 1024, autoVacuum: 2 });
  const sound = await runMain(["scan", path], 40);
  assertFits(sound.stdout, 40);
  assert.match(sound.stdout, /^SQLite pages +Pages +Share$/m);
  assert.match(sound.stdout, /^Read {8}[\d,]+ bytes in [\d,]+\n {12}reads of 1,024$/m);
  truncateSync(path, 100 * 1024);
  const cut = await runMain(["scan", path, "--block", "1500"], 40);
  assertFits(cut.stdout, 40);
  assert.match(cut.stdout, /^ {2}The header says \d+ pages, the file\n {4}has 100$/m);
  assert.match(cut.stdout, /^Note: The block of 1500 bytes became\n {2}2048: /m);
  // As many are listed as where each takes one line.
  const [more] = /^ {2}and [\d,]+ more$/m.exec((await runMain(["scan", path])).stdout)!;
  assert.ok(cut.stdout.includes(`\n${more}\n`), cut.stdout);
  assertFits((await runMain(["probe", path], 40)).stdout, 40);
  const { stderr } = await runMain(["scan", "--blocksize"], 40);
  assert.equal(stderr, "kaio: Cannot scan: unknown option\n  --blocksize: did you mean --block?\n");
});

test("what is wrong with a database is listed, with exit code 1", withoutSqlite, async () => {
  const path = join(folder, "cut.db");
  makeDatabase(path, { size: 1_000_000, pageSize: 1024 });
  truncateSync(path, 100 * 1024);
  const { code, stdout, stderr } = await runCli(["scan", path]);
  assert.deepEqual([code, stderr], [1, ""]);
  assert.match(stdout, /^[\d,]+ problems found:$/m);
  assert.match(stdout, /^ {2}The header says \d+ pages, the file has 100$/m);
  assert.match(stdout, /^ {2}and [\d,]+ more$/m);
  const json = await runMain(["scan", "--json", path]);
  assert.equal(json.code, 1);
  assert.ok((JSON.parse(json.stdout) as ScanResult).sqlite!.problemCount > 0);
});

test("a write-ahead log beside a database is named", withoutSqlite, async () => {
  const path = join(folder, "wal.db");
  const database = openSqlite(path);
  try {
    database.all("PRAGMA journal_mode = wal");
    database.exec("CREATE TABLE t (x); INSERT INTO t VALUES (1)");
    database.all("PRAGMA wal_checkpoint");
    const log = realpathSync(`${path}-wal`);
    const bytes = statSync(log).size.toLocaleString("en-US");
    const { notes } = await scanJson(path);
    const wal = `There is a write-ahead log, ${log} (${bytes} bytes): only the main file was read`;
    assert.deepEqual(notes, [...NOTES, wal]);
  } finally {
    database.close();
  }
});

/** Scans what is no readable database: one problem, with exit code 1, and the file is read. */
async function assertUnreadable(path: string, why: RegExp): Promise<void> {
  const { code, stdout, stderr } = await runMain(["scan", path, "--json"]);
  assert.deepEqual([code, stderr], [1, ""], path);
  const { sqlite, notes, bytes } = JSON.parse(stdout) as ScanResult;
  assert.equal(sqlite!.problemCount, 1);
  assert.match(sqlite!.problems.join(), why);
  assert.equal(sqlite!.pages, undefined);
  assert.deepEqual(notes, NOTES);
  assert.equal(bytes, statSync(path).size);
  const text = await runMain(["scan", path]);
  assert.equal(text.code, 1);
  assert.match(text.stdout, /^1 problem found:\n {2}The database cannot be read: /m);
}

test("what makes a database unreadable is a problem", withoutSqlite, async () => {
  const path = join(folder, "header.db");
  makeDatabase(path, { size: 100_000, pageSize: 1024 });
  const sound = readFileSync(path);
  // Without the ending of a database the name does not give it away.
  const damaged = join(folder, "damaged");
  const damages: [offset: number, byte: number, why: RegExp][] = [
    [16, 3, /Page size must be a power of two/],
    [20, 255, /cannot be read: .*80 or more|Usable bytes/],
    [0, 0, /Header must begin .*: it is damaged or encrypted/],
    [19, 3, /Read version must be 2 or less: current value is 3/],
    [22, 33, /Payload fractions must be 64, 32, 32: current values are 64, 33, 32/],
  ];
  for (const [offset, byte, why] of damages) {
    const bytes = Uint8Array.from(sound);
    bytes[offset] = byte;
    if (offset === 20) bytes.set([2, 0], 16);
    writeFileSync(damaged, bytes);
    await assertUnreadable(damaged, why);
  }
  writeFileSync(damaged, sound.subarray(0, 50));
  await assertUnreadable(damaged, /Header must have 100 bytes: the file has 50/);
});

test("what is only named like a database is a problem, an empty file is not", async () => {
  for (const name of ["encrypted.db", "encrypted.SQLITE", "encrypted.sqlite3"]) {
    await assertUnreadable(makeFile(name, 8192), /damaged, encrypted, or of another kind/);
  }
  const { sqlite, notes } = await scanJson(makeFile("empty.db", 0));
  assert.equal(sqlite, undefined);
  assert.deepEqual(notes, [...NOTES, "The file is empty"]);
});

test("a block device is read to its end", async (context) => {
  const path = makeFile("disk", 1024 * 1024);
  const { status, stdout } = spawnSync("losetup", ["--find", "--show", path], { encoding: "utf8" });
  if (status !== 0) return context.skip("there are no loop devices here");
  try {
    const device = stdout.trim();
    const { bytes, reads, notes } = await scanJson(device, "--block", "65536");
    assert.deepEqual([bytes, reads], [1024 * 1024, 16]);
    assert.deepEqual(notes, [...NOTES, NOT_SQLITE]);
  } finally {
    spawnSync("losetup", ["--detach", stdout.trim()]);
  }
});

/** Fails with exit code 2, one line on standard error and nothing on standard output. */
async function assertFails(args: string[], line: RegExp, run = runMain): Promise<void> {
  const result = await run(args);
  assert.match(result.stderr, line);
  assert.match(result.stderr, /^kaio: [^\n]+\n$/);
  assert.equal(result.stdout, "");
  assert.equal(result.code, 2);
}

test("what cannot be scanned is said in one line, with exit code 2", async () => {
  const missing = join(folder, "missing");
  await assertFails(["scan", missing], /^kaio: ENOENT: .*missing/);
  await assertFails(["scan", join(makeFile("file", 1), "x")], /^kaio: ENOTDIR: /);
  mkdirSync(join(folder, "folder"));
  const directory = join(folder, "folder");
  await assertFails(["scan", directory], /^kaio: Not a regular file or block device: ".*folder"$/m);
  await assertFails(
    ["scan", "/dev/null"],
    /^kaio: Not a regular file or block device: "\/dev\/null"$/m,
  );
});

test("a FIFO is refused at once instead of waiting for a writer", async (context) => {
  const path = join(folder, "fifo");
  if (spawnSync("mkfifo", [path]).status !== 0) return context.skip("mkfifo is missing");
  await assertFails(["scan", path], /^kaio: Not a regular file or block device: /);
});

test("a call that makes no sense is said in one line, with exit code 2", async () => {
  const path = makeFile("usage", 1);
  const cases: [string[], RegExp][] = [
    [[], /Command is missing/],
    [["frobnicate"], /Unknown command.*: "frobnicate"/],
    [["scan"], /FILE is missing/],
    [["scan", path, path], /Cannot scan more than one file/],
    [
      ["scan", path, "--blocksize"],
      /Cannot scan: unknown option --blocksize: did you mean --block\?\n$/,
    ],
    [["scan", path, "-h"], /Cannot scan: unknown option -h: expected --.*--help\n$/s],
    [["scan", path, "--toString"], /Cannot scan: unknown option --toString/],
    [["probe", "--jsn"], /Cannot probe: unknown option --jsn: did you mean --json\?\n$/],
    [["scan", path, "--block"], /Cannot scan: --block needs a value\n$/],
    [["scan", "--block", "--json", path], /Cannot scan: --block needs a value\n$/],
    [["scan", path, "--json=yes"], /Cannot scan: --json takes no value\n$/],
    [
      ["scan", path, "--block", "0"],
      /--block must be a whole number from 1 to 16777216: current value is "0"/,
    ],
    [["scan", path, "--block", "16777217"], /--block must be/],
    [["scan", path, "--block", "4k"], /--block must be .* "4k"/],
    [["scan", path, "--block=-1"], /--block must be/],
    [["scan", path, "--depth", "4097"], /--depth must be a whole number from 1 to 4096/],
    [["scan", path, "--depth", "1.5"], /--depth must be/],
  ];
  for (const [args, line] of cases) await assertFails(args, line);
  await assertFails([], /Command is missing/, (args) => runCli(args));
});

test("output that finds no room is said in one line, with exit code 2", async (context) => {
  if (!existsSync("/dev/full")) return context.skip("/dev/full is missing");
  const quoted = CLI.map((part) => `'${part}'`).join(" ");
  const { code, stderr } = await runProgram(["sh", "-c", `${quoted} --help > /dev/full`]);
  assert.match(stderr, /^kaio: ENOSPC: [^\n]*\n$/);
  assert.equal(code, 2);
});

test("a reader that has seen enough changes nothing: no stack trace, the same exit code", async () => {
  const quoted = CLI.map((part) => `'${part}'`).join(" ");
  const path = makeHole("enough", 1_000_000);
  const missing = join(folder, "missing");
  const cases: [command: string, reader: string, code: number, stderr: RegExp][] = [
    [`scan '${path}'`, "head -n 1 > /dev/null", 0, /^$/],
    [`scan '${path}'`, "true", 0, /^$/],
    [`scan '${missing}' 2>&1`, "true", 2, /^$/],
  ];
  const ends = cases.map(async ([command, reader, code, lines]) => {
    // The exit code of a pipeline is that of its last program.
    const script = `{ { ${quoted} ${command}; echo $? >&3; } | ${reader}; } 3>&1`;
    const { stdout, stderr } = await runProgram(["sh", "-c", script]);
    assert.equal(stdout, `${code}\n`, command);
    assert.match(stderr, lines, command);
  });
  await Promise.all(ends);
});

test("--version is that of the packages", async () => {
  const { code, stdout } = await runMain(["--version"]);
  assert.deepEqual([code, stdout], [0, `${VERSION}\n`]);
  for (const name of ["deno.json", "package.json"]) {
    const text = readFileSync(new URL(`../../${name}`, import.meta.url), "utf8");
    assert.equal((JSON.parse(text) as { version: string }).version, VERSION, name);
  }
});

test("--help shows the commands, and the options of a command", async () => {
  const all = await runMain(["--help"]);
  assert.equal(all.code, 0);
  assert.match(all.stdout, /^Usage: kaio <command>/);
  assert.match(all.stdout, /^ {2}scan FILE /m);
  const scan = await runMain(["scan", "--help"]);
  assert.equal(scan.code, 0);
  for (const option of ["--block", "--depth", "--no-direct", "--json"]) {
    assert.ok(scan.stdout.includes(`\n  ${option} `), option);
  }
  for (const { stdout } of [all, scan, await runMain(["probe", "--help"])]) {
    for (const line of stdout.split("\n")) assert.ok(line.length <= 80, line);
  }
});

test("help is broken anew on a narrow terminal, and says the same", async () => {
  for (const args of [["--help"], ["scan", "--help"], ["probe", "--help"]]) {
    const { stdout } = await runMain(args);
    const narrow = await runMain(args, 40);
    assert.deepEqual(narrow.stdout.split(/\s+/), stdout.split(/\s+/));
    for (const line of narrow.stdout.split("\n")) assert.ok(line.length <= 40, line);
    for (const columns of [0, 80]) {
      assert.equal((await runMain(args, columns)).stdout, stdout, `${columns} columns`);
    }
  }
  const { stdout } = await runMain(["scan", "--help"], 40);
  assert.match(stdout, /^Reads every block of FILE, a regular\nfile or a block device, /m);
  assert.match(stdout, /^ {2}--no-direct {6}read through the page\n {19}cache, without$/m);
});

test("behind -- everything is the name of a file", async () => {
  await assertFails(["scan", "--", "--help"], /^kaio: ENOENT: .*--help/);
});

test("SIGINT ends a scan, which says how far it came, with exit code 130", async () => {
  const path = makeHole("endless", 2 ** 40);
  const { code, stdout, stderr } = await runCli(["scan", path], async (child) => {
    await opened(child.pid!, path);
    // The child.kill of Deno reports the signal, whatever exit code the child then gives.
    process.kill(child.pid!, "SIGINT");
  });
  assert.deepEqual([code, stdout], [130, ""]);
  assert.match(stderr, /^kaio: Interrupted after [\d,]+ of 1,099,511,627,776 bytes\n$/);
});

test("Ctrl-C wipes the progress bar before it says how far the scan came", async (context) => {
  if (spawnSync("script", ["--version"]).status !== 0) return context.skip("script is missing");
  const path = makeHole("ctrl-c", 2 ** 40);
  const command = CLI.map((part) => `'${part}'`).join(" ");
  // Ctrl-C is sent to the shell too, and ends some shells before they could tell the exit code.
  const line = `trap : INT; TERM=xterm ${command} scan '${path}'; echo code $?`;
  const { stdout } = await runProgram(["script", "-qec", line, "/dev/null"], (child) => {
    // The terminal makes SIGINT of it; a second one would end the process at once.
    child.stdout!.once("data", () => child.stdin!.end("\x03"));
  }, "pipe");
  const [, last] = stdout.split("\r\x1b[Kkaio: ");
  assert.match(last ?? stdout, /^Interrupted after [\d,]+ of [\d,]+ bytes\r\ncode 130\r\n$/);
});

test("a file that becomes shorter during the scan fails it", async () => {
  const scan = async () => {
    const path = makeHole("shrinking", 2 ** 40);
    const result = await runCli(["scan", path], async (child) => {
      await opened(child.pid!, path);
      truncateSync(path, 5000);
    });
    assert.deepEqual([result.code, result.stdout], [2, ""]);
    return result.stderr;
  };
  let stderr: string;
  // A process that stood still meanwhile had opened the file, and not begun to read it
  do stderr = await scan(); while (
    /^kaio: The file became shorter before the scan\n$/.test(stderr)
  );
  assert.match(stderr, /^kaio: ENODATA: [^\n]*shrinking[^\n]*\n$/);
});

test("a terminal gets a progress bar that is gone at the end", async (context) => {
  const quoted = CLI.map((part) => `'${part}'`).join(" ");
  if (spawnSync("script", ["--version"]).status !== 0) return context.skip("script is missing");
  const wipe = "\x1b[K";
  let stdout = "";
  let drawings: string[] = [];
  // A fast machine has scanned a small file before the bar is drawn.
  for (let size = 300_000_000; drawings.length === 0; size *= 2) {
    const path = makeHole(`bar-${size}`, size);
    const command = ["script", "-qec", `${quoted} scan '${path}'`, "/dev/null"];
    const result = await runProgram(command);
    assert.equal(result.code, 0);
    ({ stdout } = result);
    drawings = stdout.split("\r").filter((line) =>
      line.endsWith(wipe) && /^ +\d+ % .*ETA \d+:\d\d$/.test(line.slice(0, -wipe.length))
    );
  }
  const percents = drawings.map((line) => Number.parseInt(line));
  assert.deepEqual(percents, percents.toSorted((a, b) => a - b));
  assert.ok(stdout.includes(`\r${wipe}File `), "The bar is wiped before the summary");
});
