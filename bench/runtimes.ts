/**
 * The three runtimes, as programs.
 *
 * @module
 */
import process from "node:process";
import { fileURLToPath } from "node:url";

/** The runtimes, in the order of the tables. */
export const RUNTIMES = ["bun", "deno", "node"] as const;

/** Which runtime. */
export type RuntimeName = typeof RUNTIMES[number];

/** The runtime that runs this. */
export function currentRuntime(): RuntimeName {
  if (process.versions["bun"] !== undefined) return "bun";
  return process.versions["deno"] === undefined ? "node" : "deno";
}

/** Its version. */
export function currentVersion(): string {
  return process.versions[currentRuntime()]!;
}

const FLAGS: Readonly<Record<RuntimeName, readonly string[]>> = {
  bun: ["run"],
  deno: ["run", "-A", "--quiet"],
  node: ["--disable-warning=ExperimentalWarning"],
};

/**
 * The command that runs a script.
 *
 * @param runtime In which runtime: the present program, or else the one that npm installed here
 * @param script The script's path
 * @returns The program and its first arguments
 */
export function commandOf(runtime: RuntimeName, script: string): [string, ...string[]] {
  const program = runtime === currentRuntime()
    ? process.execPath
    : fileURLToPath(new URL(`../node_modules/.bin/${runtime}`, import.meta.url));
  return [program, ...FLAGS[runtime], script];
}
