// @ts-check
/**
 * Runs the long programs of the tests in each runtime: what they print is passed on as it comes,
 * and one that says nothing for too long is killed.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { config, root, runtimes } from "../../scripts/run.mjs";

/** @typedef {"bun" | "deno" | "node"} RuntimeName */

/** The flags that run a TypeScript file with all permissions and a callable garbage collector.
 * @type {Record<RuntimeName, string[]>} */
export const FLAGS = {
  bun: ["run"],
  deno: ["run", "-A", "--quiet", "--no-check", "--v8-flags=--expose-gc"],
  node: ["--expose-gc", "--disable-warning=ExperimentalWarning"],
};

/** @type {Set<import("node:child_process").ChildProcess>} */
const children = new Set();
process.on("exit", () => children.forEach((child) => child.kill("SIGKILL")));

/**
 * @param {string | undefined} list as given on the command line; all if it was not
 * @returns {RuntimeName[]}
 * @throws {RangeError} if one of them is none
 */
export function chosenRuntimes(list) {
  const names = /** @type {RuntimeName[]} */ ((list ?? "bun,deno,node").split(","));
  const unknown = names.find((name) => !(name in runtimes));
  if (unknown !== undefined) throw new RangeError(`No such runtime: ${unknown}`);
  return names;
}

/**
 * @param {string | undefined} list as given on the command line; all that there are if it was not
 * @returns {string[]} the kernels, as KAIO_KERNEL names them
 * @throws {RangeError} if this version of kaio does not have one of them
 */
export function chosenKernels(list) {
  const all = "./portable" in config.exports ? ["linux", "portable"] : ["linux"];
  const names = list?.split(",") ?? all;
  const unknown = names.find((name) => !all.includes(name));
  if (unknown !== undefined) throw new RangeError(`No such kernel: ${unknown}`);
  return names;
}

/**
 * @param {string | undefined} text an integer
 * @returns {number} that, or one of its own
 */
export function seedOf(text) {
  const seed = text === undefined ? Math.floor(Math.random() * 2 ** 32) : Number(text);
  if (!Number.isInteger(seed)) throw new RangeError(`Not a seed: ${text}`);
  return seed;
}

/**
 * @typedef {object} LaunchOptions
 * @property {number} silence seconds without a line after which it counts as hung
 * @property {Record<string, string>} [env]
 * @property {(line: string) => void} [line] gets each line of its standard output; else it is
 *   printed
 * @property {(child: import("node:child_process").ChildProcess) => void} [started]
 */

/**
 * Runs a program of this repository to its end.
 *
 * @param {RuntimeName} runtime
 * @param {string} file
 * @param {string[]} args
 * @param {LaunchOptions} options
 * @returns {Promise<string | undefined>} how it ended, if not well
 */
export function launch(runtime, file, args, { silence, env = {}, line, started }) {
  const show = line ?? ((text) => console.log(`${runtime.padEnd(4)}  ${text}`));
  return new Promise((resolve) => {
    const child = spawn(runtimes[runtime], [...FLAGS[runtime], join(root, file), ...args], {
      cwd: root,
      env: { ...process.env, NO_COLOR: "1", ...env },
      stdio: ["ignore", "pipe", "inherit"],
    });
    children.add(child);
    let hung = false;
    const expire = () => {
      hung = true;
      child.kill("SIGKILL");
    };
    let timer = setTimeout(expire, silence * 1000);
    let rest = "";
    child.stdout.setEncoding("utf8").on("data", (/** @type {string} */ text) => {
      clearTimeout(timer);
      timer = setTimeout(expire, silence * 1000);
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      lines.forEach(show);
    });
    child.on("error", (error) => resolve(`cannot be run: ${error.message}`));
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      children.delete(child);
      if (rest !== "") show(rest);
      if (hung) resolve(`hung: nothing came for ${silence} s`);
      else if (signal) resolve(`crashed: ${signal}`);
      else resolve(code === 0 ? undefined : `exit code ${code}`);
    });
    started?.(child);
  });
}
