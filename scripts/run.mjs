// @ts-check
/**
 * Runs child processes for the other scripts: nothing to read from, the output kept, and an end for
 * what hangs. Plain JavaScript for Node 20, because it runs before anything is installed.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder of the repository. */
export const root = fileURLToPath(new URL("..", import.meta.url));

/** `deno.json`: the one list of the entry points. */
export const config = JSON.parse(readFileSync(join(root, "deno.json"), "utf8"));

/** The three runtimes, as the programs that npm installed: never those of the PATH. */
export const runtimes = {
  bun: join(root, "node_modules/.bin/bun"),
  deno: join(root, "node_modules/.bin/deno"),
  node: join(root, "node_modules/.bin/node"),
};

/** A program that prints nothing for so long hangs; on a slow machine another comes nowhere near. */
const SILENCE_SECONDS = 300;

// A child has a process group of its own, so that what it started ends with it. The price is that
// Ctrl-C does not reach it either: it has to be passed on.
/** @type {Set<number>} */
const groups = new Set();
const killAll = () => groups.forEach(kill);
process.on("exit", killAll);
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => process.exit(130));

/** @param {number} group */
function kill(group) {
  try {
    process.kill(-group, "SIGKILL");
  } catch { /* It has ended. */ }
}

/**
 * Runs a program to its end.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd?: string, env?: Record<string, string | undefined>, heard?: (text: string) => void }} [options]
 *   `heard` gets what it prints, as it comes. After {@link SILENCE_SECONDS} without a word it is
 *   killed, with all that it started.
 * @returns {Promise<{ ok: boolean, output: string }>} `output` is stdout and stderr, as they came,
 *   with a last line that says how it ended if it did not end well. Never rejects.
 */
export function run(command, args, { cwd = root, env, heard } = {}) {
  const { FORCE_COLOR: _, ...inherited } = process.env;
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...inherited, NO_COLOR: "1", ...env },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    const group = child.pid;
    if (group !== undefined) groups.add(group);
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => {
        timer.refresh();
        output += text;
        heard?.(text);
      });
    }
    /** @param {string} [failure] */
    const end = (failure) => {
      clearTimeout(timer);
      if (group !== undefined) groups.delete(group);
      if (failure !== undefined) output = `${output.trimEnd()}\n${failure}\n`.trimStart();
      resolve({ ok: failure === undefined, output });
    };
    // Does not wait for the end of what was killed: a process inside the kernel's disk I/O can be
    // slow to die, or never die.
    const timer = setTimeout(() => {
      if (group !== undefined) kill(group);
      end(`Killed: it printed nothing for ${SILENCE_SECONDS} s`);
    }, SILENCE_SECONDS * 1000);
    child.on("error", (error) => end(`Cannot run ${command}: ${error.message}`));
    child.on("close", (code, signal) => {
      end(code === 0 ? undefined : signal ? `Ended by ${signal}` : `Exit code ${code}`);
    });
  });
}

/**
 * @returns {Promise<boolean>} whether jsr.io answers: `deno check` of the dnt build needs it.
 */
export async function jsrAnswers() {
  try {
    const url = new URL("@deno/dnt/meta.json", process.env.JSR_URL ?? "https://jsr.io/");
    return (await fetch(url, { signal: AbortSignal.timeout(5000) })).ok;
  } catch {
    return false;
  }
}
