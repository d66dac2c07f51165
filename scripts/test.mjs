// @ts-check
/**
 * Every check of the project, and the whole test suite in Bun, Deno and Node, over both kernels.
 *
 *     node scripts/test.mjs                              everything
 *     node scripts/test.mjs --only bun,node              the tests, in some of the runtimes
 *     node scripts/test.mjs tests/abi/layout_test.ts     some of the tests, in all of them
 *     KAIO_KERNEL=portable node scripts/test.mjs         everything, over this kernel alone
 *
 * Everything is not every test in every runtime, but what differs in each: see `ALIKE`, `ONCE` and
 * tests/support/variants.ts. With any of these arguments all of it runs.
 *
 * The runtimes are `bun`, `deno`, `node` and `noffi`: Node without FFI, where the portable kernel is
 * chosen without being asked for.
 *
 * @module
 */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { install } from "./install.mjs";
import { compilers, config, flags, jsrAnswers, root, run, runtimes } from "./run.mjs";
import { runTests } from "./run_tests.mjs";

/** @import { RuntimeName } from "./run.mjs" */
/** @typedef {{ name: string, runtime: RuntimeName, env?: Record<string, string> }} Runner */

/** How often a running step is reported, because a log without a new line looks like a hang. */
const NEWS_SECONDS = 60;

/** What these tests show has nothing to do with the kernel that the others run on. */
const ALIKE =
  /^tests\/(abi|bench|examples|portable|readers)\/|^tests\/(cli\/(bench|census|progress)|file\/(differential|handle_types)|project\/(package|release))_/;

/** What these tests show has nothing to do with the runtime either: one of them runs them. */
const ONCE =
  /^tests\/(bench\/|cli\/census_|portable\/(faults_(calls|crash|property|reads|time|writes)|fuzz)_|project\/release_)/;

/** These collect garbage again and again, in a process of their own, where there is little of it: in
 * one that has run a thousand tests and loaded every reader it takes three times as long. */
const GARBAGE = /^tests\/(context\/(forgotten|notified)|memory\/(arena|file_garbage|garbage))_/;

/** These are type-checked apart: Bun's types change the global ones, and dnt comes from JSR. */
const APART = ["scripts/bun_types.ts", "scripts/build_by_dnt.ts"];

/** The types are checked against those of the runtimes with each compiler that users have. */
const TYPES = "tests/file/handle_types_test.ts";

/** The options that dnt compiles with: its own, and those of scripts/build_by_dnt.ts. */
const DNT = "--strict --noUncheckedIndexedAccess --noEmit --allowImportingTsExtensions " +
  "--module esnext --moduleResolution bundler --target es2022 --lib esnext,dom --types node";

/** The options go to the processes that the tests start, too. Nothing else names the kernel.
 * @type {Runner} */
const NODE_WITHOUT_FFI = {
  name: "node without FFI",
  runtime: "node",
  env: { NODE_OPTIONS: "--no-experimental-ffi --disable-warning=KAIO_PORTABLE", KAIO_KERNEL: "" },
};

const { values: { only }, positionals: filters } = parseArgs({
  options: { only: { type: "string" } },
  allowPositionals: true,
});
const everything = only === undefined && filters.length === 0;
const total = { passed: 0, failed: 0, skipped: 0 };
/** What failed, a line each: repeated at the end, where whoever reads a long log begins.
 * @type {string[]} */
const failed = [];
/** What was skipped, with the runtimes that skipped it and the reason if one of them said it.
 * @type {Map<string, { where: string[], reason: string }>} */
const skips = new Map();

/**
 * @param {string} name
 * @param {string} where
 * @param {string} reason
 */
function skip(name, where, reason) {
  const entry = skips.get(name);
  const places = new Set(entry?.where).add(where);
  skips.set(name, { where: [...places], reason: entry?.reason || reason });
  total.skipped++;
}

/**
 * Begins a step, and says every minute that it is still running.
 *
 * @param {string} name
 */
function begin(name) {
  const start = performance.now();
  /** @param {string} state @param {string} line */
  const print = (state, line) => {
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    console.log(`${state.padEnd(6)} ${seconds.padStart(6)} s  ${line}`);
  };
  let last = "";
  const news = setInterval(() => print("still", `${name}: ${last}`), NEWS_SECONDS * 1000);
  return {
    /** @param {string} text what the step prints */
    heard: (text) => {
      last = text.trim().split("\n").at(-1) || last;
    },
    /** @param {boolean} ok @param {string} line @param {string} output shown only if it is not ok */
    end: (ok, line, output) => {
      clearInterval(news);
      print(ok ? "ok" : "FAILED", line);
      if (!ok) console.log(output.trimEnd());
    },
  };
}

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
  const { heard, end } = begin(name);
  const { ok, output } = await run(command, args, { heard });
  const passed = ok && accept(output);
  total[passed ? "passed" : "failed"]++;
  if (!passed) failed.push(name);
  end(passed, name, output);
  return passed ? output : "";
}

/**
 * Runs the tests in one runtime over one kernel, and prints a line on them.
 *
 * @param {Runner} runner
 * @param {string} kernel
 * @param {string[]} files
 */
async function test({ name, runtime, env }, kernel, files) {
  const where = `${name}, ${kernel}`;
  const { heard, end } = begin(where);
  const options = { heard, env: { KAIO_KERNEL: kernel, ...env } };
  const { output, passed, failures, skipped, counts } = await runTests(runtime, files, options);
  total.passed += passed;
  total.failed += failures.length;
  for (const { name, reason } of failures) failed.push(`${where}: ${name} (${reason})`);
  for (const { name, reason } of skipped) skip(name, where, reason);
  end(failures.length === 0, `${where}: ${counts}`, output);
}

/**
 * @param {string} folder
 * @returns {string[]} the files below it that are type-checked together
 */
function sources(folder) {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .map((name) => `${folder}/${name}`)
    .filter((name) => /\.(ts|mjs)$/.test(name) && !APART.includes(name));
}

async function staticChecks() {
  const deno = (
    /** @type {string} */ words,
    /** @type {string[]} */ more = [],
    /** @type {((output: string) => boolean) | undefined} */ accept = undefined,
  ) => check(`deno ${words}`, runtimes.deno, [...words.split(" "), ...more], accept);
  await deno("fmt --check");
  await deno("lint");
  const folders = ["src", "ffi", "tests", "bench", "scripts", "examples"];
  await deno("check", ["mod.ts", "cli.ts", ...folders.flatMap(sources)]);
  const jsr = await jsrAnswers();
  for (const file of APART) {
    if (jsr || !file.includes("dnt")) await deno(`check ${file}`);
    else skip(`deno check ${file}`, "deno", "JSR cannot be reached");
  }
  await checkInProject();
  const tsc = "--strict --exactOptionalPropertyTypes --noEmit --allowImportingTsExtensions " +
    "--module nodenext --target esnext --types node --skipLibCheck";
  for (const compiler of compilers) {
    const args = [`node_modules/${compiler}/bin/tsc`, ...tsc.split(" "), TYPES];
    await check(`${compiler} ${TYPES}`, runtimes.node, args);
    const entries = Object.values(config.exports);
    const asDnt = [`node_modules/${compiler}/bin/tsc`, ...DNT.split(" "), ...entries];
    await check(`${compiler} with the options of dnt`, runtimes.node, asDnt);
  }
  await deno("doc --lint", Object.values(config.exports));
  const noWarning = (/** @type {string} */ output) => !/^\s*warning/im.test(output);
  await deno("publish --dry-run", ["--allow-dirty"], noWarning);
  const script = [...flags.node, "scripts/check_package.ts"];
  process.stdout.write(await check("package check", runtimes.node, script));
}

/**
 * Type-checks the entry points as a project does that has nothing but these: with the types of Node
 * that Deno comes with, which are older than those in the folder of the repository.
 */
async function checkInProject() {
  const folder = mkdtempSync(join(tmpdir(), "kaio-project-"));
  const settings = join(folder, "deno.json");
  const program = join(folder, "all.ts");
  const entries = Object.values(config.exports).map((path) => pathToFileURL(join(root, path)).href);
  writeFileSync(settings, "{}");
  writeFileSync(program, entries.map((entry) => `import ${JSON.stringify(entry)};\n`).join(""));
  await check("deno check in a project", runtimes.deno, ["check", "--config", settings, program]);
  rmSync(folder, { recursive: true });
}

/**
 * @param {string[]} files
 * @returns {(() => Promise<void>)[]} The tests of each runtime.
 */
function suites(files) {
  const isWanted = (/** @type {string} */ name) => !only || only.split(",").includes(name);
  /** @type {Runner[]} */
  const runners = /** @type {const} */ (["deno", "bun", "node"]).filter(isWanted)
    .map((name) => ({ name, runtime: name }));
  const asked = process.env.KAIO_KERNEL || undefined;
  if (asked !== undefined && asked !== "linux" && asked !== "portable") {
    throw new Error(`KAIO_KERNEL must be linux or portable: current value is ${asked}`);
  }
  // The portable kernel asks little of the runtime, so all of them would only repeat the results
  // of one.
  const brief = everything && asked === undefined;
  const overPortable = [...isWanted("noffi") ? [NODE_WITHOUT_FFI] : [], ...brief ? [] : runners];
  const without = (/** @type {RegExp} */ pattern) =>
    brief ? files.filter((name) => !pattern.test(name)) : files;
  const few = (/** @type {Runner} */ runner) =>
    brief ? { ...runner, env: { ...runner.env, KAIO_VARIANTS: "few" } } : runner;
  return [
    ...asked === "portable" ? [] : runners.map((runner) => () =>
      // Bun starts programs twice as fast as the others.
      runner.name === "bun"
        ? test(runner, "linux", files)
        : test(few(runner), "linux", without(ONCE))
    ),
    ...asked === "linux"
      ? []
      : overPortable.map((runner) => () => test(few(runner), "portable", without(ALIKE))),
  ];
}

/**
 * Runs steps side by side, the long ones first. A suite waits for a quarter of its time, for disks,
 * timers and processes, so two steps more than there are processors keep them busy. A suite runs its
 * own files one after another, and counts what is its own.
 *
 * @param {(() => Promise<void>)[]} steps
 */
async function runAll(steps) {
  const worker = async () => {
    for (let step; (step = steps.shift()) !== undefined;) await step();
  };
  await Promise.all(Array.from({ length: availableParallelism() + 2 }, worker));
}

try {
  await install();
  const files = sources("tests").filter((name) =>
    name.endsWith("_test.ts") &&
    (filters.length === 0 || filters.some((filter) => name.includes(filter)))
  );
  // Without a name the runtimes would look for tests themselves, each in its own way.
  if (files.length === 0) throw new Error(`No test file matches: ${filters.join(" ")}`);
  const parts = [
    files.filter((name) => !GARBAGE.test(name)),
    files.filter((name) => GARBAGE.test(name)),
  ];
  const steps = parts.filter((part) => part.length > 0).flatMap(suites);
  await runAll([...everything ? [staticChecks] : [], ...steps]);
} catch (error) {
  total.failed++;
  const message = error instanceof Error ? error.message : String(error);
  failed.push(message.split("\n")[0] ?? "");
  console.log(message);
}
for (const [name, { where, reason }] of skips) {
  console.log(`skipped in ${where.join(", ")}: ${name}${reason && ` (${reason})`}`);
}
for (const line of failed) console.log(`failed: ${line}`);
const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : "";
console.log(`${total.passed} passed, ${total.failed} failed${skipped}`);
process.exit(total.failed > 0 ? 1 : 0);
