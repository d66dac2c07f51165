// @ts-check
/**
 * Every check of the project, and the whole test suite in Bun, Deno and Node, over both kernels.
 *
 *     node scripts/test.mjs                              everything
 *     node scripts/test.mjs --only bun,node              the tests, in some of the runtimes
 *     node scripts/test.mjs tests/abi_layout_test.ts     some of the tests, in all of them
 *     KAIO_KERNEL=portable node scripts/test.mjs         everything, over this kernel alone
 *
 * The runtimes are `bun`, `deno`, `node` and `noffi`: Node without FFI, where the portable kernel is
 * chosen without being asked for.
 *
 * @module
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { install } from "./install.mjs";
import { readJunit } from "./junit.mjs";
import { config, jsrAnswers, root, run, runtimes } from "./run.mjs";
import { testFlags } from "./test_flags.mjs";

/** How often it is said what is still running, where a log without a line looks like a hang. */
const NEWS_SECONDS = 60;

/** What these tests show has nothing to do with the kernel that the others run on. */
const ALIKE = /^tests\/(abi|census_parts|cli_progress|package|portable)_/;

const { values: { only }, positionals: filters } = parseArgs({
  options: { only: { type: "string" } },
  allowPositionals: true,
});
const temporary = mkdtempSync(join(tmpdir(), "kaio-test-"));
process.on("exit", () => rmSync(temporary, { recursive: true, force: true }));
const total = { passed: 0, failed: 0, skipped: 0 };
/** What was skipped, with the runtimes that skipped it and the reason if one of them said it.
 * @type {Map<string, { where: string[], reason: string }>} */
const skips = new Map();

/**
 * Runs a program that is one check, and prints a line on it.
 *
 * @param {string} name
 * @param {string} command
 * @param {string[]} args
 * @param {(output: string) => boolean} [accept] a further condition on the output
 * @returns {Promise<string>} the output, if it passed
 */
async function check(name, command, args, accept = () => true) {
  const { ok, output, seconds } = await timed(name, command, args);
  const passed = ok && accept(output);
  total[passed ? "passed" : "failed"]++;
  report(passed, seconds, name, output);
  return passed ? output : "";
}

/** @typedef {{ name: string, program: string, flags: "bun" | "deno" | "node", env?: Record<string, string> }} Runner */

/** Also of the processes that the tests start. Nothing else says which kernel it is to be.
 * @type {Runner} */
const NODE_WITHOUT_FFI = {
  name: "node without FFI",
  program: runtimes.node,
  flags: "node",
  env: { NODE_OPTIONS: "--no-experimental-ffi --disable-warning=KAIO_PORTABLE", KAIO_KERNEL: "" },
};

/**
 * Runs the tests in one runtime over one kernel, and prints a line on them.
 *
 * @param {Runner} runner
 * @param {string} kernel
 * @param {string[]} files
 */
async function test({ name, program, flags, env }, kernel, files) {
  const where = `${name}, ${kernel}`;
  const junit = join(temporary, `${name}-${kernel}.xml`);
  const { ok, output, seconds } = await timed(where, program, [
    ...testFlags(junit)[flags],
    ...files.map((file) => `./${file}`),
  ], { KAIO_KERNEL: kernel, ...env });
  const cases = existsSync(junit) ? readJunit(readFileSync(junit, "utf8")) : [];
  const skipped = cases.filter((test) => test.skipped);
  let failed = cases.filter((test) => test.failed).length;
  const passed = cases.length - failed - skipped.length;
  // A runtime that crashed, or found nothing to run, has failed, whatever it reported.
  if (failed === 0 && (!ok || passed === 0)) failed = 1;

  total.passed += passed;
  total.failed += failed;
  total.skipped += skipped.length;
  for (const { name, reason } of skipped) skip(name, where, reason);
  const counts = `${passed} passed, ${failed} failed, ${skipped.length} skipped`;
  report(failed === 0, seconds, `${where}: ${counts}`, withoutPassed(output));
}

/**
 * What tells of failures, short enough to be read where only the first lines of a log are kept.
 *
 * @param {string} output
 */
function withoutPassed(output) {
  const PASSED = /^\s*(✔|﹣|\(pass\)|\(skip\)|.* \.\.\. (ok|ignored) \()/;
  return output.split("\n").filter((line) => !PASSED.test(line)).join("\n");
}

/**
 * @param {string} name
 * @param {string} command
 * @param {string[]} args
 * @param {Record<string, string>} [env]
 */
async function timed(name, command, args, env = {}) {
  const start = performance.now();
  const seconds = () => (performance.now() - start) / 1000;
  let last = "";
  const news = setInterval(
    () => print("still", seconds(), `${name}: ${last}`),
    NEWS_SECONDS * 1000,
  );
  const heard = (/** @type {string} */ text) => last = text.trim().split("\n").at(-1) || last;
  const result = await run(command, args, { env, heard });
  clearInterval(news);
  return { ...result, seconds: seconds() };
}

/**
 * @param {boolean} ok
 * @param {number} seconds
 * @param {string} line
 * @param {string} output shown only if it is not ok
 */
function report(ok, seconds, line, output) {
  print(ok ? "ok" : "FAILED", seconds, line);
  if (!ok) console.log(output.trimEnd());
}

/**
 * @param {string} state
 * @param {number} seconds
 * @param {string} line
 */
function print(state, seconds, line) {
  console.log(`${state.padEnd(6)} ${seconds.toFixed(1).padStart(6)} s  ${line}`);
}

/**
 * @param {string} name
 * @param {string} where
 * @param {string} reason
 */
function skip(name, where, reason) {
  const entry = skips.get(name);
  skips.set(name, {
    where: [...new Set(entry?.where).add(where)],
    reason: entry?.reason || reason,
  });
}

async function staticChecks() {
  const { deno } = runtimes;
  /** @type {string[]} */
  const entryPoints = Object.values(config.exports);
  await check("deno fmt --check", deno, ["fmt", "--check"]);
  await check("deno lint", deno, ["lint"]);
  await check("deno check", deno, ["check", ...sources(["ts", "mjs"])]);
  // Apart from the rest, as Bun's types change the global ones
  await check("deno check scripts/bun_types.ts", deno, ["check", "scripts/bun_types.ts"]);
  if (await jsrAnswers()) {
    await check("deno check scripts/build_npm.ts", deno, ["check", "scripts/build_npm.ts"]);
  } else {
    total.skipped++;
    skip("deno check scripts/build_npm.ts", "deno", "JSR cannot be reached");
  }
  await check("deno doc --lint", deno, ["doc", "--lint", ...entryPoints]);
  await check(
    "deno publish --dry-run",
    deno,
    ["publish", "--dry-run", "--allow-dirty"],
    (output) => !/^\s*warning/im.test(output),
  );
}

/**
 * @param {string[]} extensions
 * @returns {string[]} all that is ours to type-check, but for what is checked apart
 */
function sources(extensions) {
  const folders = ["src", "ffi", "tests", "bench", "scripts"].filter((name) =>
    existsSync(join(root, name))
  );
  const files = folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
      .map((name) => `${folder}/${name}`)
  );
  return ["mod.ts", "cli.ts", ...files].filter((name) =>
    extensions.some((extension) => name.endsWith(`.${extension}`)) &&
    name !== "scripts/build_npm.ts" && name !== "scripts/bun_types.ts"
  );
}

/** @param {string[]} files */
async function suite(files) {
  const wanted = only === undefined ? undefined : only.split(",");
  const isWanted = (/** @type {string} */ name) => wanted === undefined || wanted.includes(name);
  /** @type {Runner[]} */
  const runners = /** @type {const} */ (["bun", "deno", "node"]).filter(isWanted)
    .map((name) => ({ name, program: runtimes[name], flags: name }));
  const withoutFfi = isWanted("noffi") ? NODE_WITHOUT_FFI : undefined;
  const asked = process.env.KAIO_KERNEL || undefined;
  if (asked !== undefined && asked !== "linux" && asked !== "portable") {
    throw new Error(`KAIO_KERNEL must be linux or portable: current value is ${asked}`);
  }
  // The portable kernel asks little of the runtime, so all of them would only repeat the results
  // of one.
  const brief = asked === undefined && only === undefined && filters.length === 0;
  const overPortable = [...withoutFfi ? [withoutFfi] : [], ...brief ? [] : runners];
  const linux = async () => {
    for (const runner of runners) await test(runner, "linux", files);
  };
  const suited = brief ? files.filter((name) => !ALIKE.test(name)) : files;
  const portable = async () => {
    for (let runner; (runner = overPortable.shift());) await test(runner, "portable", suited);
  };
  // Side by side: the portable kernel has no part in the contexts of the machine, which tests count
  await Promise.all([
    asked === "portable" ? portable() : linux(),
    asked !== "linux" && portable(),
  ]);
}

async function main() {
  await install();
  const everything = only === undefined && filters.length === 0;
  if (everything) await staticChecks();

  const files = sources(["ts"]).filter((name) =>
    name.endsWith("_test.ts") &&
    (filters.length === 0 || filters.some((filter) => name.includes(filter)))
  );
  // Without a name the runtimes would look for tests themselves, each in its own way.
  if (files.length === 0) throw new Error(`No test file matches: ${filters.join(" ")}`);
  if (everything) {
    const script = join(root, "scripts/check_package.mjs");
    process.stdout.write(await check("package check", process.execPath, [script]));
  }
  await suite(files);
}

try {
  await main();
} catch (error) {
  total.failed++;
  console.log(error instanceof Error ? error.message : error);
}
for (const [name, { where, reason }] of skips) {
  console.log(`skipped in ${where.join(", ")}: ${name}${reason && ` (${reason})`}`);
}
const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : "";
console.log(`${total.passed} passed, ${total.failed} failed${skipped}`);
process.exit(total.failed > 0 ? 1 : 0);
