/**
 * Shows the `kaio` command on a SQLite database: a scan of its pages, and random reads by kaio, by
 * the runtime's own `fs` and by fio in Bun, Deno and Node. Makes the database, and removes it at the
 * end.
 *
 *     npm run demo
 *     npm run demo -- --file app.db       a file of your own: it is only read
 *     npm run demo -- --size 1000         megabytes of the database that is made
 *     npm run demo -- --seconds 20        how long to measure in each runtime
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { createReadStream, createWriteStream, mkdirSync, statfsSync } from "node:fs";
import { cpus, release, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import process from "node:process";
import { pipeline } from "node:stream/promises";
import { parseArgs, styleText } from "node:util";
import { BLOCK } from "../bench/blocks.ts";
import { makeDatabase } from "../tests/support/sqlite_fixture.ts";
import { TempFolder } from "../tests/support/temp.ts";
import { flags, root, type RuntimeName, runtimes } from "./run.mjs";

const TMPFS = 0x01021994;

const { values: options } = parseArgs({
  options: {
    file: { type: "string" },
    size: { type: "string", default: "200" },
    seconds: { type: "string", default: "5" },
  },
});

const bold = (text: string): string => styleText("bold", text);
const dim = (text: string): string => styleText("dim", text);

/** The file to read: the user's, or a database made for this run, on a disk if possible. */
async function findFile(): Promise<string> {
  if (options.file !== undefined) return resolve(options.file);
  const onDisk = statfsSync(tmpdir()).type !== TMPFS;
  const parent = onDisk ? tmpdir() : join(root, "build");
  mkdirSync(parent, { recursive: true });
  const folder = new TempFolder(parent);
  process.on("exit", () => folder[Symbol.dispose]());
  const path = folder.join("demo.sqlite");
  console.log(`Making a SQLite database of ${options.size} MB …`);
  makeDatabase(path, { size: Number(options.size) * 1e6, pageSize: BLOCK });
  // SQLite leaves holes where pages are free, and no disk is asked for a hole. A read that bypasses
  // the page cache would have to wait until what it covers is written.
  await pipeline(createReadStream(path), createWriteStream(path, { flags: "r+", flush: true }));
  return path;
}

/**
 * Runs the command before the eyes of the user.
 *
 * @throws {Error} If it fails
 */
function kaio(runtime: RuntimeName, ...args: string[]): void {
  console.log(`\n${dim(`${runtime} $`)} ${bold(`kaio ${args.join(" ")}`)}`);
  const { status } = spawnSync(runtimes[runtime], [...flags[runtime], "cli.ts", ...args], {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (status !== 0) throw new Error(`Exit code ${status}`);
}

try {
  console.log(bold("kaio: Linux asynchronous disk I/O for Bun, Deno and Node"));
  console.log(dim(`Linux ${release()}, ${cpus().length} × ${cpus()[0]?.model.trim() ?? "?"}\n`));
  const path = await findFile();
  kaio("bun", "scan", path);
  for (const runtime of ["bun", "deno", "node"] as const) {
    kaio(runtime, "bench", path, "--depth", "1,8,64", "--seconds", options.seconds);
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
