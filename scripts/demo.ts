/**
 * Reads every page of a SQLite database with `kaio scan`, in Bun, Deno and Node, beside the
 * runtimes' own `fs`. Makes the database, and removes it at the end.
 *
 *     npm run demo
 *     npm run demo -- --file app.db       a file of your own: it is only read
 *     npm run demo -- --size 1000         megabytes of the database that is made
 *     npm run demo -- --rounds 5          how often everything is measured
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { closeSync, fsyncSync, mkdirSync, openSync, statfsSync, statSync } from "node:fs";
import { cpus, release, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { BLOCK } from "../bench/blocks.ts";
import { showProgress } from "../bench/output.ts";
import { grouped } from "../src/cli/report.ts";
import { makeDatabase } from "../tests/support/sqlite_fixture.ts";
import { TempFolder } from "../tests/support/temp.ts";
import { bars, bold, dim, type Runtime, table } from "./demo/report.ts";
import { flags, must, root, type RuntimeName, runtimes } from "./run.mjs";

const DEPTH = 64;
/** No further round is begun after so many seconds. */
const BUDGET = 90;
const TMPFS = 0x01021994;

const { values: options } = parseArgs({
  options: {
    file: { type: "string" },
    size: { type: "string", default: "200" },
    rounds: { type: "string", default: "3" },
  },
});

/** Runs a program of this repository and parses what it prints. */
async function figuresOf(runtime: RuntimeName, ...args: (string | number)[]) {
  const output = await must(runtimes[runtime], [...flags[runtime], ...args.map(String)]);
  return JSON.parse(output);
}

/** The file to read: the user's, or a database made for this run, on a disk if possible. */
function findFile(): string {
  if (options.file !== undefined) return resolve(options.file);
  const onDisk = statfsSync(tmpdir()).type !== TMPFS;
  const parent = onDisk ? tmpdir() : join(root, "build");
  mkdirSync(parent, { recursive: true });
  const folder = new TempFolder(parent);
  process.on("exit", () => folder[Symbol.dispose]());
  const path = folder.join("demo.sqlite");
  console.log(`Making a SQLite database of ${options.size} MB …`);
  makeDatabase(path, { size: Number(options.size) * 1e6, pageSize: BLOCK });
  // A read that bypasses the page cache would have to wait until what it covers is written.
  const fd = openSync(path, "r+");
  fsyncSync(fd);
  closeSync(fd);
  return path;
}

/** Measures kaio and the runtime's own `fs` in turn, in each runtime. */
async function measure(path: string): Promise<{ results: Runtime[]; direct: boolean }> {
  const { size } = statSync(path);
  const began = performance.now();
  const results = (["bun", "deno", "node"] as const).map((runtime): Runtime => (
    { runtime, name: "", kaio: [], own: [] }
  ));
  let direct = true;
  const scan = ["cli.ts", "scan", "--json", `--block=${BLOCK}`, `--depth=${DEPTH}`, path];
  for (let round = 0; round < Number(options.rounds); round++) {
    if (performance.now() - began > BUDGET * 1000) break;
    // Each round begins with another runtime.
    const first = round % results.length;
    for (const result of [...results.slice(first), ...results.slice(0, first)]) {
      const where = `Round ${round + 1} of ${options.rounds}: ${result.runtime}`;
      showProgress(`${where}, kaio scan …`);
      const kaio = await figuresOf(result.runtime, ...scan);
      result.name = kaio.runtime;
      direct = kaio.direct;

      showProgress(`${where}, FileHandle.read …`);
      const mode = direct ? "direct" : "cached";
      const own = await figuresOf(result.runtime, "scripts/demo/own_fs.ts", path, DEPTH, mode);
      for (const { bytes } of [kaio, own]) {
        if (bytes !== size) throw new Error(`${result.name} read ${bytes} of ${size} bytes`);
      }
      result.kaio.push(kaio);
      result.own.push(own);
    }
  }
  showProgress("");
  return { results, direct };
}

try {
  console.log(bold("kaio: Linux asynchronous disk I/O for Bun, Deno and Node"));
  console.log(dim(`Linux ${release()}, ${cpus().length} × ${cpus()[0]?.model.trim() ?? "?"}\n`));
  const path = findFile();
  console.log(`${dim("$")} ${bold(`kaio scan ${path}`)}`);
  const { status } = spawnSync(runtimes.bun, [...flags.bun, "cli.ts", "scan", path], {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (status !== 0) throw new Error(`Exit code ${status}`);
  console.log();

  console.log("Now the same in Bun, Deno and Node, and with their own fs …");
  const { results, direct } = await measure(path);
  const rounds = Number(results[0]?.kaio.length);
  const way = direct ? "O_DIRECT" : "page cache: this file system has no O_DIRECT";
  console.log(
    `Blocks of ${grouped(BLOCK)} bytes, ${DEPTH} in flight, ${way}; ` +
      (rounds === 1 ? "one round" : `medians of ${rounds} rounds`),
  );
  console.log(["", ...table(results), "", ...bars(results), ""].join("\n"));
  console.log(
    dim("CPU: µs per read of the whole process; kaio's includes the census of the pages"),
  );
} catch (error) {
  showProgress("");
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
