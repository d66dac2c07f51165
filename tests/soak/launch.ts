/**
 * Runs the long programs of the tests in each runtime and on each kernel, and prints what they print
 * as it comes.
 *
 * @module
 */
import process from "node:process";
import { flags, run, type RunOptions, type RuntimeName, runtimes } from "../../scripts/run.mjs";

/** The options that the commands have in common, for `parseArgs`. */
export const COMMON_OPTIONS = {
  seed: { type: "string" },
  runtimes: { type: "string", default: "bun,deno,node" },
  kernels: { type: "string", default: "linux,portable" },
} as const;

/** The choice of a user, and of each one of what was chosen. */
export interface Place {
  readonly runtime: RuntimeName;
  /** As KAIO_KERNEL names it. */
  readonly kernel: string;
}

/**
 * Does something in each of the chosen runtimes on each of the chosen kernels, one after the other,
 * and ends the process: with 1 if anything failed.
 *
 * @param chosen The values of {@link COMMON_OPTIONS}
 * @param work Returns whether all went well
 */
export async function onEach(
  chosen: { readonly runtimes: string; readonly kernels: string },
  work: (place: Place) => Promise<boolean>,
): Promise<never> {
  const kernels = chosen.kernels.split(",");
  const names = chosen.runtimes.split(",") as RuntimeName[];
  const unknown = names.find((name) => !(name in runtimes)) ??
    kernels.find((kernel) => kernel !== "linux" && kernel !== "portable");
  if (unknown !== undefined) throw new RangeError(`No such runtime or kernel: ${unknown}`);
  let failed = false;
  for (const kernel of kernels) {
    for (const runtime of names) failed = !await work({ runtime, kernel }) || failed;
  }
  process.exit(failed ? 1 : 0);
}

/** The seed that was given, or a random one. */
export function seedOf(text: string | undefined): number {
  const seed = text === undefined ? Math.floor(Math.random() * 2 ** 32) : Number(text);
  if (!Number.isInteger(seed)) throw new RangeError(`Not a seed: ${text}`);
  return seed;
}

/** How {@link launch} follows a program. */
export interface LaunchOptions extends Pick<RunOptions, "started"> {
  /** Gets each line that the program prints; without it they are printed. */
  readonly line?: (line: string) => void;
}

/**
 * Runs a program of this repository to its end.
 *
 * @param place Where
 * @param file The program
 * @param args Its arguments
 * @param options Gets its lines, and the process
 * @returns How it ended, if not well: "Exit code 1", "Ended by SIGKILL", "Killed: …"
 */
export async function launch(
  { runtime, kernel }: Place,
  file: string,
  args: readonly (string | number)[],
  { line = (text) => say(runtime, text), started }: LaunchOptions = {},
): Promise<string | undefined> {
  let rest = "";
  const heard = (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    lines.forEach(line);
  };
  const { ok, output } = await run(
    runtimes[runtime],
    [...flags[runtime], file, ...args.map(String)],
    { env: { KAIO_KERNEL: kernel }, heard, ...(started && { started }) },
  );
  if (rest !== "") line(rest);
  return ok ? undefined : output.trimEnd().split("\n").at(-1);
}

/** Prints a line about a runtime. */
export function say(runtime: RuntimeName, text: string): void {
  console.log(`${runtime.padEnd(4)}  ${text}`);
}
