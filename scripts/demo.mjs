// @ts-check
/**
 * Reads every page of a SQLite database with `kaio scan`, in Bun, Deno and Node, beside the
 * runtimes' own `fs`. Installs what it needs, makes the database, and removes it at the end.
 *
 *     npm run demo
 *     npm run demo -- --file app.db       a file of your own: it is only read
 *     npm run demo -- --size 1000         megabytes of the database that is made
 *     npm run demo -- --rounds 5          how often everything is measured
 *
 * @module
 */
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, statfsSync, statSync } from "node:fs";
import { cpus, release, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { bars, bold, colourful, dim, grouped, table } from "./demo/report.mjs";
import { install } from "./install.mjs";
import { root, run, runtimes } from "./run.mjs";

/** @import { Figures, Runtime } from "./demo/report.mjs" */

const BLOCK = 4096;
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

/** @type {Record<keyof typeof runtimes, readonly string[]>} */
const flags = {
  bun: ["run"],
  deno: ["run", "-A", "--quiet"],
  node: ["--disable-warning=ExperimentalWarning"],
};
const names = /** @type {const} */ (["bun", "deno", "node"]);

/**
 * Runs a program of this repository.
 *
 * @param {keyof typeof runtimes} runtime
 * @param {string[]} args the script and its arguments
 * @returns {Promise<string>} what it printed
 * @throws {Error} if it failed
 */
async function must(runtime, ...args) {
  const result = await run(runtimes[runtime], [...flags[runtime], ...args]);
  if (!result.ok) throw new Error(`${runtime} ${args.join(" ")}\n${result.output}`);
  return result.output;
}

/**
 * Runs a program with the terminal, if there is one, to itself.
 *
 * @param {keyof typeof runtimes} runtime
 * @param {string[]} args
 * @returns {Promise<void>}
 */
function show(runtime, ...args) {
  const child = spawn(runtimes[runtime], [...flags[runtime], ...args], {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => code === 0 ? resolve() : reject(new Error(`Exit code ${code}`)));
  });
}

/**
 * Says what is being done: in a terminal in one line that goes again, else in a line that stays.
 *
 * @param {string} text
 * @param {boolean} [brief] only where it goes again
 */
function doing(text, brief = false) {
  if (colourful) process.stdout.write(`\r\x1b[K${dim(text)}`);
  else if (text !== "" && !brief) console.log(text);
}

/** A folder on a disk, if that can be had, for the time that this runs. */
function makeFolder() {
  const onDisk = statfsSync(tmpdir()).type !== TMPFS;
  const parent = onDisk ? tmpdir() : join(root, "build");
  mkdirSync(parent, { recursive: true });
  const folder = mkdtempSync(join(parent, "kaio-demo-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** @returns {Promise<string>} the path of the file to read */
async function findFile() {
  if (options.file !== undefined) return resolve(options.file);
  const path = join(makeFolder(), "demo.sqlite");
  doing(`Making a SQLite database of ${options.size} MB …`);
  await must("node", "scripts/demo/make_database.ts", path, String(Number(options.size) * 1e6));
  doing("");
  return path;
}

/**
 * @param {string} path
 * @returns {Promise<{ results: Runtime[], direct: boolean }>}
 */
async function measure(path) {
  const { size } = statSync(path);
  const began = performance.now();
  /** @type {Runtime[]} */
  const results = names.map(() => ({ name: "", kaio: [], own: [] }));
  let direct = true;
  const scan = ["cli.ts", "scan", "--json", `--block=${BLOCK}`, `--depth=${DEPTH}`, path];
  for (let round = 0; round < Number(options.rounds); round++) {
    if (performance.now() - began > BUDGET * 1000) break;
    // Each round begins with another runtime
    for (let turn = 0; turn < names.length; turn++) {
      const index = (round + turn) % names.length;
      const runtime = names[index] ?? "node";
      const result = results[index];
      if (result === undefined) continue;
      const where = `Round ${round + 1} of ${options.rounds}: ${runtime}`;

      doing(`${where}, kaio scan …`, true);
      const kaio = JSON.parse(await must(runtime, ...scan));
      result.name = kaio.runtime;
      direct = kaio.direct;

      doing(`${where}, FileHandle.read …`, true);
      const mode = direct ? "direct" : "cached";
      const own = JSON.parse(
        await must(runtime, "scripts/demo/own_fs.ts", path, `${BLOCK}`, `${DEPTH}`, mode),
      );
      for (const { bytes } of [kaio, own]) {
        if (bytes !== size) throw new Error(`${runtime} read ${bytes} of ${size} bytes`);
      }
      result.kaio.push(kaio);
      result.own.push(own);
    }
  }
  doing("");
  return { results, direct };
}

async function main() {
  console.log(bold("kaio: Linux asynchronous disk I/O for Bun, Deno and Node"));
  console.log(dim(`Linux ${release()}, ${cpus().length} × ${cpus()[0]?.model.trim() ?? "?"}`));
  console.log();
  doing("Installing what is missing …", true);
  await install();
  doing("");
  const path = await findFile();

  console.log(`${dim("$")} ${bold(`kaio scan ${path}`)}`);
  await show("bun", "cli.ts", "scan", path);
  console.log();

  doing("Now the same in Bun, Deno and Node, and with their own fs …");
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
}

try {
  await main();
} catch (error) {
  doing("");
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
