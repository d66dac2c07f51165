import { spawn } from "node:child_process";

/** What a program left behind. */
export interface Finished {
  /** Its exit code; `null` after a signal. */
  readonly code: number | null;
  /** Standard output. */
  readonly stdout: string;
  /** Standard error. */
  readonly stderr: string;
}

/**
 * Runs a program to its end.
 *
 * @param program The program
 * @param args Its arguments
 * @returns What it left; `undefined` if there is no such program
 */
export function runProgram(
  program: string,
  args: readonly string[],
): Promise<Finished | undefined> {
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
