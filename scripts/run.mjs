// @ts-check
/**
 * Runs child processes for the other scripts: nothing to read from, the output kept, and an end for
 * what hangs. Plain JavaScript for Node 20, because it runs before anything is installed.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
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

/**
 * The PATH without what npm adds to it for its scripts: there `node` is the user's, and not the one
 * that npm installed.
 */
export const userPath = (process.env.PATH ?? "").split(delimiter)
  .filter((folder) => !folder.endsWith(join("node_modules", ".bin"))).join(delimiter);

/** How each runs a TypeScript file with all permissions and a callable garbage collector. */
export const flags = {
  bun: ["run"],
  deno: ["run", "-A", "--quiet", "--v8-flags=--expose-gc"],
  node: ["--expose-gc", "--disable-warning=ExperimentalWarning"],
};

/** The compilers that users have, by the names that package.json gives them. */
export const compilers = ["typescript-5", "typescript-6", "typescript"];

/** @typedef {keyof typeof runtimes} RuntimeName */

/** A program that prints nothing for so long hangs; on a slow machine another comes nowhere near. */
const SILENCE_SECONDS = 300;

// A child has a process group of its own, so that what it started ends with it. The price is that
// Ctrl-C does not reach it either: it has to be passed on.
/** @type {Set<number>} */
const groups = new Set();
const killAll = () => groups.forEach(kill);
process.on("exit", killAll);
/** The signals that end a script in good order. */
export const signals = /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"]);
for (const signal of signals) process.on(signal, () => process.exit(130));

/** @param {number} group */
function kill(group) {
  try {
    process.kill(-group, "SIGKILL");
  } catch { /* It has ended. */ }
}

/**
 * @typedef {object} RunOptions
 * @property {string} [cwd] the folder of the repository by default
 * @property {Record<string, string | undefined>} [env] added to the environment
 * @property {(text: string) => void} [heard] gets what the program prints, as it comes
 * @property {(child: import("node:child_process").ChildProcess) => void} [started]
 * @property {number} [silence] seconds without a word after which it is killed
 */

/**
 * Runs a program to its end. If it prints nothing for too long it is killed, with all that it
 * started.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {RunOptions} [options]
 * @returns {Promise<{ ok: boolean, output: string }>} `output` is stdout and stderr, as they came,
 *   with a last line that says how it ended if it did not end well. Never rejects.
 */
export function run(command, args, options = {}) {
  const { cwd = root, env, heard, started, silence = SILENCE_SECONDS } = options;
  const { FORCE_COLOR: _, ...inherited } = process.env;
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...inherited, NO_COLOR: "1", ...env },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    started?.(child);
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
      end(`Killed: it printed nothing for ${silence} s`);
    }, silence * 1000);
    child.on("error", (error) => end(`Cannot run ${command}: ${error.message}`));
    child.on("close", (code, signal) => {
      end(code === 0 ? undefined : signal ? `Ended by ${signal}` : `Exit code ${code}`);
    });
  });
}

/**
 * Runs a program that has to succeed.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {RunOptions} [options]
 * @returns {Promise<string>} what it printed
 * @throws {Error} if it fails; the message holds what it printed
 */
export async function must(command, args, options) {
  const { ok, output } = await run(command, args, options);
  if (!ok) throw new Error(`${command} ${args.join(" ")}\n${output}`);
  return output;
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
