/**
 * The three runtimes, as programs: each participant runs in a process of its own.
 *
 * @module
 */
import { spawn } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** The runtimes, in the order of the tables. */
export const RUNTIMES = [{ name: "bun" }, { name: "deno" }, { name: "node" }] as const;

/** Which runtime. */
export type RuntimeName = typeof RUNTIMES[number]["name"];

/** The runtime that runs this. */
export function currentRuntime(): RuntimeName {
  if (process.versions["bun"] !== undefined) return "bun";
  return process.versions["deno"] === undefined ? "node" : "deno";
}

const FLAGS: Readonly<Record<RuntimeName, readonly string[]>> = {
  bun: ["run"],
  deno: ["run", "-A", "--quiet"],
  node: ["--disable-warning=ExperimentalWarning"],
};

/** The program of a runtime: the present one, or else the one that npm installed here. */
function programOf(runtime: RuntimeName): string {
  return runtime === currentRuntime()
    ? process.execPath
    : fileURLToPath(new URL(`../node_modules/.bin/${runtime}`, import.meta.url));
}

/** The version of a program as it says it, or `undefined` if there is no such program. */
export async function versionOf(program: RuntimeName | "fio"): Promise<string | undefined> {
  const path = program === "fio" ? program : programOf(program);
  return (await runProgram(path, ["--version"]))?.stdout.split("\n")[0];
}

/**
 * Runs a script in a process of its own that calls {@link serve}.
 *
 * @param script The URL of the script
 * @param runtime In which runtime
 * @param task What it is to do
 * @returns The result; `undefined` if the runtime is not installed
 */
export async function runApart<Result>(
  script: string,
  runtime: RuntimeName,
  task: unknown,
): Promise<Result | undefined> {
  const args = [...FLAGS[runtime], fileURLToPath(script), SERVE, JSON.stringify(task)];
  const finished = await runProgram(programOf(runtime), args);
  if (finished === undefined) return undefined;
  const { code, stdout, stderr } = finished;
  if (code !== 0) throw new Error(`${JSON.stringify(task)}: exit code ${code}\n${stderr}${stdout}`);
  return JSON.parse(stdout) as Result;
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

/** Runs a program to its end; `undefined` if there is no such program. */
export function runProgram(
  program: string,
  args: readonly string[],
): Promise<{ code: number | null; stdout: string; stderr: string } | undefined> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => stdout += text);
    child.stderr.setEncoding("utf8").on("data", (text: string) => stderr += text);
    child.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") resolve(undefined);
      else reject(error);
    });
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
}
