// @ts-check
/**
 * Runs test files in one runtime and reads the report. JUnit is the one format that `bun test`,
 * `deno test` and `node --test` all write.
 *
 * @module
 */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { root, run, runtimes } from "./run.mjs";

/** @typedef {{ name: string, failed: boolean, skipped: boolean, reason: string }} TestCase */

/** A single test that takes longer hangs: the runtime names it and fails. */
const HANG_MILLISECONDS = 240_000;

/** The lines on tests that did not fail: without them, failures are among the first of a log. */
const PASSED = /^\s*(✔|﹣|\(pass\)|\(skip\)|.* \.\.\. (ok|ignored) \()/;

/**
 * What lets the same tests take a third less time on a virtual machine, where the first touch of a
 * page and a thread that wakes up are dear: memory that is free stays mapped, or comes in huge
 * pages, and V8 collects on the thread that runs the tests.
 */
const MEMORY = { MIMALLOC_PURGE_DELAY: "-1", GLIBC_TUNABLES: "glibc.malloc.hugetlb=1" };

/** Reports, and what Node compiled: most of its processes do little else than to compile kaio. */
const folder = mkdtempSync(join(tmpdir(), "kaio-junit-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
let reports = 0;
/**
 * What tests make: Deno calls nothing that was given to `after` if a test was skipped. Some tests run
 * programs as another user, who has to get in.
 */
const temporary = join(folder, "tmp");
mkdirSync(temporary);
chmodSync(folder, 0o711);
chmodSync(temporary, 0o1777);

/**
 * Runs test files one after another in one process, whose contexts and memory some of them count.
 * Each runtime prints a line for every test as it ends, so that no line for minutes
 * means a hang.
 *
 * @param {keyof typeof runtimes} runtime
 * @param {string[]} files
 * @param {import("./run.mjs").RunOptions} options
 * @returns {Promise<{ output: string, failures: TestCase[], skipped: TestCase[], passed: number, counts: string }>}
 *   A runtime that crashed, or found nothing to run, has a failed test, whatever it reported.
 */
export async function runTests(runtime, files, options) {
  const report = join(folder, `${reports++}.xml`);
  const flags = {
    bun: [
      "test",
      `--timeout=${HANG_MILLISECONDS}`,
      "--reporter=junit",
      `--reporter-outfile=${report}`,
    ],
    deno: [
      "test",
      "-A",
      "--no-check",
      "--v8-flags=--expose-gc,--single-threaded-gc",
      `--junit-path=${report}`,
    ],
    node: [
      "--expose-gc",
      "--single-threaded-gc",
      "--disable-warning=ExperimentalWarning",
      "--test",
      "--test-isolation=none",
      `--test-timeout=${HANG_MILLISECONDS}`,
      "--test-reporter=spec",
      "--test-reporter-destination=stdout",
      "--test-reporter=junit",
      `--test-reporter-destination=${report}`,
    ],
  };
  const paths = runtime === "deno" ? [together(files)] : files.map((file) => `./${file}`);
  const env = {
    ...MEMORY,
    ...options.env,
    NODE_COMPILE_CACHE: join(folder, "compiled"),
    TMPDIR: temporary,
  };
  const { ok, output } = await run(runtimes[runtime], [...flags[runtime], ...paths], {
    ...options,
    env,
  });
  const cases = existsSync(report) ? readJunit(readFileSync(report, "utf8")) : [];
  const skipped = cases.filter((test) => test.skipped);
  const failures = cases.filter((test) => test.failed);
  const passed = cases.length - failures.length - skipped.length;
  if (failures.length === 0 && (!ok || cases.length === 0)) {
    const reason = output.trimEnd().split("\n").at(-1) ?? "";
    failures.push({ name: "the process itself", failed: true, skipped: false, reason });
  }
  const counts = `${passed} passed, ${failures.length} failed, ${skipped.length} skipped`;
  const rest = output.split("\n").filter((line) => !PASSED.test(line)).join("\n");
  return { output: rest, failures, skipped, passed, counts };
}

/**
 * Deno makes a worker for each file of tests, and fills 80 MB for each worker.
 *
 * @param {string[]} files
 * @returns {string} A module that has the tests of all the files, in their order. One more comes
 *   last: Deno ignores a file that throws if there are tests of others.
 */
function together(files) {
  const path = join(folder, `${reports}_test.mjs`);
  const urls = files.map((file) => pathToFileURL(join(root, file)).href);
  writeFileSync(
    path,
    `import { test } from "node:test";
const errors = [];
for (const url of ${JSON.stringify(urls)}) await import(url).catch((error) => errors.push(error));
test("all files of tests are loaded", () => {
  if (errors.length > 0) throw errors[0];
});
`,
  );
  return path;
}

/**
 * @param {string} xml
 * @returns {TestCase[]} One entry for each test, none for suites. Deno reports a test that skips
 *   itself as passed; the others report it as skipped.
 */
function readJunit(xml) {
  const elements = xml.matchAll(
    /<testcase\b((?:"[^"]*"|[^">])*?)(?:\/>|>(.*?)<\/testcase>)/gs,
  );
  const cases = Array.from(elements, ([, attributes = "", body = ""]) => ({
    name: attribute(attributes, "name"),
    failed: /<(failure|error)\b/.test(body),
    skipped: /<skipped\b/.test(body),
    reason: attribute(/<(?:skipped|failure|error)\b([^>]*)/.exec(body)?.[1] ?? "", "message")
      .replace(/^true$/, "").replace(/(?:\s|&#1[03];)+/g, " ").trim().slice(0, 300),
  }));
  return cases.filter((entry) => {
    // Deno also reports the suite that a test is in, under the part of its name before " > ".
    const inside = cases.filter(({ name }) => name.startsWith(`${entry.name} > `));
    return inside.length === 0 || entry.failed && !inside.some(({ failed }) => failed);
  });
}

/**
 * @param {string} attributes
 * @param {string} name
 */
function attribute(attributes, name) {
  const text = new RegExp(`\\b${name}="([^"]*)"`).exec(attributes)?.[1] ?? "";
  return text.replace(/&(lt|gt|quot|apos|amp|#39);/g, (_, entity) => ENTITIES[entity] ?? "");
}

/** @type {Record<string, string>} */
const ENTITIES = { lt: "<", gt: ">", quot: '"', apos: "'", "#39": "'", amp: "&" };
