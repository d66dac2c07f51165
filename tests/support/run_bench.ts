/** The scripts of `bench/`, briefly. */
import assert from "node:assert/strict";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { type CliResult, runProgram } from "./run_cli.ts";

/** Runs a script of `bench/` in the present runtime. */
export function bench(name: string, ...args: string[]): Promise<CliResult> {
  const script = fileURLToPath(new URL(`../../bench/${name}.ts`, import.meta.url));
  const flags = process.versions["deno"] === undefined ? [] : ["run", "-A", "--quiet"];
  return runProgram([process.execPath, ...flags, script, ...args]);
}

const BRIEFLY = ["--json", "--size", "1M", "--seconds", "0.02", "--cached"];

/** What `iops` found of one participant. */
export interface Cell {
  readonly task: { readonly work: { readonly name: string } };
  readonly participant: { readonly name: string };
  readonly rounds: readonly Readonly<Record<string, number>>[];
  readonly unavailable?: string;
}

/** The figures of `iops`. */
export async function cellsOf(...args: string[]): Promise<Cell[]> {
  const { code, stdout, stderr } = await bench("iops", ...BRIEFLY, ...args);
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout.slice(stdout.indexOf("{"))).cells;
}

/** Measures participants, and fails unless each has read or, if it `mayLack`, says what it lacks. */
export async function assertAllRead(names: readonly string[], mayLack: RegExp): Promise<void> {
  const cells = await cellsOf("--depth", "1", "--only", names.join(","));
  assert.deepEqual(cells.map(({ participant: { name } }) => name), names);
  for (const { participant: { name }, rounds, unavailable } of cells) {
    if (unavailable !== undefined) assert.match(name, mayLack, unavailable);
    else {
      for (const figure of ["rate", "p50", "p99", "p999"]) assert.ok(rounds[0]![figure]! > 0, name);
    }
  }
}
