import type { ChildProcess } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { type CliResult, runProgram } from "./run_cli.ts";

/**
 * Runs a program of `examples/` in the present runtime, as its first lines say.
 *
 * @param name The file, and the arguments after it
 * @param started Gets the process as soon as it runs
 * @returns What it printed, and its exit code
 */
export function runExample(
  [name, ...args]: readonly [string, ...string[]],
  started?: (child: ChildProcess) => void,
): Promise<CliResult> {
  const file = fileURLToPath(new URL(`../../examples/${name}`, import.meta.url));
  const run = process.versions.deno === undefined ? [] : ["run", "-A", "--quiet"];
  return runProgram([process.execPath, ...run, file, ...args], started);
}
