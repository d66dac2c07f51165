/**
 * The three runtimes, as programs: each participant runs in a process of its own.
 *
 * @module
 */
import { existsSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { flags, must, run, type RuntimeName, runtimes } from "../scripts/run.mjs";

export type { RuntimeName };

/** The runtimes, in the order of the tables. */
export const RUNTIMES = [{ name: "bun" }, { name: "deno" }, { name: "node" }] as const;

/** The runtime that runs this. */
export function currentRuntime(): RuntimeName {
  if (process.versions["bun"] !== undefined) return "bun";
  return process.versions["deno"] === undefined ? "node" : "deno";
}

/** The program of a runtime: the present one, or else the one that npm installed here. */
export function programOf(runtime: RuntimeName): string {
  return runtime === currentRuntime() ? process.execPath : runtimes[runtime];
}

/** The version of a program as it says it, or `undefined` if there is no such program. */
export async function versionOf(program: string): Promise<string | undefined> {
  const { ok, output } = await run(program, ["--version"]);
  return ok ? output.split("\n")[0] : undefined;
}

/** After so many seconds without a word, a process that measures for so long hangs. */
export function silenceOf({ seconds }: { readonly seconds: number }): number {
  return 300 + 2 * seconds;
}

/**
 * Runs a script in a process of its own that calls {@link serve}.
 *
 * @param script The URL of the script
 * @param runtime In which runtime
 * @param task What it is to do
 * @param env What is added to its environment
 * @returns The result, or why there is none
 */
export async function runApart<Result>(
  script: string,
  runtime: RuntimeName,
  task: { readonly seconds: number },
  env: Readonly<Record<string, string>> = {},
): Promise<Result | { readonly unavailable: string }> {
  const program = programOf(runtime);
  if (!existsSync(program)) return { unavailable: `${runtime} is not installed` };
  const args = [...flags[runtime], fileURLToPath(script), SERVE, JSON.stringify(task)];
  const output = await must(program, args, { silence: silenceOf(task), env });
  // What a runtime warns of stands between.
  return JSON.parse(output.split("\n").findLast((line) => line.startsWith("{"))!) as Result;
}

/** The argument before a task. */
const SERVE = "--participant";

/** Does the task that {@link runApart} gave this process, if it did, and ends the process. */
export async function serve<Task>(work: (task: Task) => Promise<unknown>): Promise<void> {
  const [flag, task] = process.argv.slice(2);
  if (flag !== SERVE) return;
  console.log(JSON.stringify(await work(JSON.parse(task!) as Task)));
  process.exit();
}
