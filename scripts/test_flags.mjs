// @ts-check
/**
 * How the runtimes are told to run test files.
 *
 * @module
 */

/**
 * One file after another, in every runtime: tests count the contexts and the memory of the machine
 * and of the process.
 *
 * @param {string} junit where the report goes
 * @returns {Record<"bun" | "deno" | "node", string[]>}
 */
export function testFlags(junit) {
  return {
    bun: ["test", "--timeout=60000", "--reporter=junit", `--reporter-outfile=${junit}`],
    deno: ["test", "-A", "--no-check", "--v8-flags=--expose-gc", `--junit-path=${junit}`],
    node: [
      "--expose-gc",
      "--disable-warning=ExperimentalWarning",
      "--test",
      "--test-concurrency=1",
      "--test-timeout=60000",
      "--test-reporter=spec",
      "--test-reporter-destination=stdout",
      "--test-reporter=junit",
      `--test-reporter-destination=${junit}`,
    ],
  };
}
