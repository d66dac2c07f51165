import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { main } from "../../src/cli/main.ts";
import { HANG_MILLISECONDS } from "./within.ts";

/** What a finished `kaio` leaves behind. */
export interface CliResult {
  /** The exit code; `null` after a signal. */
  readonly code: number | null;
  /** Standard output. */
  readonly stdout: string;
  /** Standard error. */
  readonly stderr: string;
}

/** The program and first arguments that run `kaio` from source in the present runtime. */
export const CLI: readonly string[] = [
  process.execPath,
  ...process.versions.deno === undefined ? [] : ["run", "-A", "--quiet"],
  fileURLToPath(new URL("../../cli.ts", import.meta.url)),
];

/**
 * Runs `kaio` with pipes for its output.
 *
 * @param args The arguments.
 * @param started Gets the process as soon as it runs.
 * @returns What it printed, and its exit code.
 */
export function runCli(
  args: readonly string[],
  started?: (child: ChildProcess) => void,
): Promise<CliResult> {
  return runProgram([...CLI, ...args], started);
}

/**
 * Runs `kaio` in this process, which spares the start of a runtime for each call.
 *
 * @param args The arguments.
 * @param columns Those of the terminal; a pipe has none.
 * @returns What it printed, and its exit code.
 */
export async function runMain(args: readonly string[], columns?: number): Promise<CliResult> {
  let stdout = "";
  let stderr = "";
  const code = await main(args, {
    stdout: { write: (text) => stdout += text, ...columns !== undefined && { columns } },
    stderr: { write: (text) => stderr += text, ...columns !== undefined && { columns } },
  });
  return { code, stdout, stderr };
}

/**
 * Runs a program with pipes for its output.
 *
 * @param command The program and its arguments.
 * @param started Gets the process as soon as it runs.
 * @param stdin What it reads from: nothing, or what `started` writes.
 * @returns What it printed, and its exit code.
 */
export function runProgram(
  command: readonly string[],
  started?: (child: ChildProcess) => void,
  stdin: "ignore" | "pipe" = "ignore",
): Promise<CliResult> {
  return new Promise((resolve, reject) => {
    const [program, ...args] = command;
    const child = spawn(program!, args, {
      stdio: [stdin, "pipe", "pipe"],
      timeout: HANG_MILLISECONDS,
      killSignal: "SIGKILL",
    });
    let stdout = "";
    let stderr = "";
    child.stdout!.setEncoding("utf8").on("data", (text: string) => stdout += text);
    child.stderr!.setEncoding("utf8").on("data", (text: string) => stderr += text);
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr }));
    started?.(child);
  });
}
