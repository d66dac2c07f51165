import { spawn } from "node:child_process";
import { chmodSync, writeFileSync } from "node:fs";
import process from "node:process";
import { clearTimeout, setTimeout } from "node:timers";
import { TempFolder } from "./temp.ts";
import { HANG_MILLISECONDS } from "./within.ts";

/** Which of the three this is. */
export const RUNTIME: "bun" | "deno" | "node" = process.versions["bun"] !== undefined
  ? "bun"
  : process.versions["deno"] !== undefined
  ? "deno"
  : "node";

/** How a script is run. */
export interface FileScriptOptions {
  /** Its first argument. */
  readonly argument?: string;
  /** In place of the flags that allow everything. */
  readonly flags?: readonly string[];
  /** Whose process it is. */
  readonly uid?: number;
  /** How many descriptors it may have. */
  readonly descriptors?: number;
  /** On top of the environment. */
  readonly env?: Record<string, string>;
}

/** What a script leaves behind. */
export interface FileScriptResult {
  /** The exit code; `null` if it had to be killed, or crashed. */
  readonly code: number | null;
  /** What ended it, if not itself. */
  readonly signal: string | null;
  /** Standard output, without the space around it. */
  readonly stdout: string;
  /** Standard error. */
  readonly stderr: string;
}

const ALL_ALLOWED: Record<typeof RUNTIME, readonly string[]> = {
  bun: [],
  deno: ["-A"],
  node: [],
};

const FIXED: Record<typeof RUNTIME, readonly string[]> = {
  bun: ["run"],
  deno: ["run", "--quiet", "--no-check", "--v8-flags=--expose-gc"],
  node: [
    "--expose-gc",
    "--disable-warning=ExperimentalWarning",
    "--disable-warning=SecurityWarning",
  ],
};

const HEAD = `
import process from "node:process";
import { open, AioContext, AioError } from ${
  JSON.stringify(new URL("../../mod.ts", import.meta.url))
};
const argument = process.argv[2];
`;

/**
 * Runs a program in a process of its own, in the present runtime, without standard input. It has
 * `open`, `AioContext`, `AioError`, `process`, and what is handed over as `argument`.
 *
 * @param source JavaScript
 * @param options Flags and argument
 * @returns What became of it; it is killed if it hangs
 */
export async function runFileScript(
  source: string,
  { argument = "", flags = ALL_ALLOWED[RUNTIME], uid, descriptors, env = {} }: FileScriptOptions =
    {},
): Promise<FileScriptResult> {
  using folder = new TempFolder();
  const path = folder.join("script.mjs");
  writeFileSync(path, HEAD + source);
  // Another user must be able to read it, too
  chmodSync(folder.path, 0o755);
  return await new Promise((resolve, reject) => {
    const command = [process.execPath, ...FIXED[RUNTIME], ...flags, path, argument];
    const limited = ["sh", "-c", 'ulimit -n "$0" && exec "$@"', `${descriptors}`, ...command];
    const [program, ...args] = descriptors === undefined ? command : limited;
    const child = spawn(program!, args, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...env },
      ...(uid === undefined ? {} : { uid, gid: uid }),
    });
    let stdout = "";
    let stderr = "";
    const timer = setTimeout(() => child.kill("SIGKILL"), HANG_MILLISECONDS);
    child.stdout.setEncoding("utf8").on("data", (text: string) => stdout += text);
    child.stderr.setEncoding("utf8").on("data", (text: string) => stderr += text);
    child.on("error", reject);
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      resolve({ code, signal, stdout: stdout.trim(), stderr });
    });
  });
}
