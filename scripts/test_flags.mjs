// @ts-check
/**
 * How the runtimes are told to run test files.
 *
 * @module
 */

/** A single test that takes so long hangs, and is named; what then prints nothing is ended. */
const HANG_MILLISECONDS = 240_000;

/**
 * One file after another, in every runtime: tests count the contexts and the memory of the machine
 * and of the process. Each runtime prints a line for every test as it ends, so that no line for
 * minutes means a hang.
 *
 * @param {string} junit where the report goes
 * @returns {Record<"bun" | "deno" | "node", string[]>}
 */
export function testFlags(junit) {
  return {
    bun: [
      "test",
      `--timeout=${HANG_MILLISECONDS}`,
      "--reporter=junit",
      `--reporter-outfile=${junit}`,
    ],
    deno: ["test", "-A", "--no-check", "--v8-flags=--expose-gc", `--junit-path=${junit}`],
    node: [
      "--expose-gc",
      "--disable-warning=ExperimentalWarning",
      "--test",
      "--test-concurrency=1",
      `--test-timeout=${HANG_MILLISECONDS}`,
      "--test-reporter=spec",
      "--test-reporter-destination=stdout",
      "--test-reporter=junit",
      `--test-reporter-destination=${junit}`,
    ],
  };
}
