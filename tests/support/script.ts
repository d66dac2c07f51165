import { type ChildProcess, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import process from "node:process";
import { clearTimeout, setTimeout } from "node:timers";
import { TempFolder } from "./temp.ts";
import { HANG_MILLISECONDS } from "./within.ts";

/** What a finished script leaves behind. */
export interface ScriptResult {
  /** The exit code; `null` if it had to be killed, or crashed. */
  readonly code: number | null;
  /** What ended it, if not itself. */
  readonly signal: string | null;
  /** Standard output, without the space around it. */
  readonly stdout: string;
  /** Standard error. */
  readonly stderr: string;
}

const FLAGS = process.versions["deno"] !== undefined
  ? ["run", "-A", "--quiet", "--no-check", "--v8-flags=--expose-gc"]
  : process.versions["bun"] !== undefined
  ? ["run"]
  : ["--expose-gc", "--disable-warning=ExperimentalWarning"];

const HEAD = `
import fs from "node:fs";
import process from "node:process";
import { AioContext, allocate } from ${JSON.stringify(new URL("../../mod.ts", import.meta.url))};
import * as abi from ${JSON.stringify(new URL("../../src/abi/mod.ts", import.meta.url))};
import { choose } from ${JSON.stringify(new URL("../../src/choose_kernel.ts", import.meta.url))};
const [argument, reap] = process.argv.slice(2);
/** What can be polled: a FIFO that is written to from outside, or what is written to after a time. */
function pollable(fifo, milliseconds) {
  const { name, kernel } = choose();
  if (name === "linux") return fs.openSync(fifo, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
  const pipe = kernel.pipe();
  setTimeout(() => pipe.write(new Uint8Array(1)), milliseconds).unref();
  return pipe.readFd;
}
`;

/**
 * Runs a program in a process of its own, in the present runtime. It has `AioContext`, `allocate`,
 * `abi`, `fs`, `process`, `pollable`, and what is handed over as `argument` and `reap`.
 *
 * @param source JavaScript
 * @param argument The first argument
 * @param reap The second argument
 * @param printed Called at its first output
 * @returns What became of it; it is killed if it hangs
 */
export async function runScript(
  source: string,
  argument: string,
  reap: string = "ring",
  printed: (child: ChildProcess) => void = () => {},
): Promise<ScriptResult> {
  using folder = new TempFolder();
  const path = folder.join("script.mjs");
  writeFileSync(path, HEAD + source);
  return await new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...FLAGS, path, argument, reap], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    let stdout = "";
    let stderr = "";
    let silent = true;
    const timer = setTimeout(() => child.kill("SIGKILL"), HANG_MILLISECONDS);
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
      if (!silent) return;
      silent = false;
      printed(child);
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => stderr += text);
    child.on("error", reject);
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      resolve({ code, signal, stdout: stdout.trim(), stderr });
    });
  });
}
