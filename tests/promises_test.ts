import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { testNames } from "./support/test_names.ts";

const root = new URL("../", import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), "utf8");

/** The rows of the tables: a promise, and what shows it. */
const rows = read("docs/promises.md").split("\n")
  .filter((line) => line.startsWith("|") && !/^\| (promise|-+) +\|/.test(line));

/** A test file, and the names of tests in it. */
const TESTS = /(tests\/[\w/]+\.ts): ((?:"[^"]+"(?:, )?)+)/g;

/** All tests that a row names, with their files. */
function testsOf(row: string): [file: string, name: string][] {
  return [...row.matchAll(TESTS)].flatMap(([, file, names]) =>
    [...names!.matchAll(/"([^"]+)"/g)].map(([, name]): [string, string] => [file!, name!])
  );
}

test("every promise names tests that are there", () => {
  assert.ok(rows.length > 50, `${rows.length} promises`);
  const { scripts } = JSON.parse(read("package.json"));
  for (const row of rows) {
    const tests = testsOf(row);
    const commands = [...row.matchAll(/`npm run ([\w:]+)`/g)];
    assert.ok(tests.length + commands.length > 0, `nothing shows it: ${row}`);
    for (const [file, name] of tests) {
      assert.ok(existsSync(new URL(file, root)), `no such file: ${file}`);
      assert.ok(testNames(read(file)).has(name), `${file} has no test "${name}"`);
    }
    for (const [, name] of commands) assert.ok(name! in scripts, `no such script: ${name}`);
  }
});

test("what is quoted in the tables is the name of a test", () => {
  for (const row of rows) {
    const quoted = row.match(/"[^"]+"/g)?.length ?? 0;
    assert.equal(quoted, testsOf(row).length, `a test without its file: ${row}`);
  }
});

test("the names of tests are found, whatever registers them", () => {
  const source = `
    test("plain", () => {});
    bothWays(
      \`of \${part} and \${other(1)}\`,
      async (way) => {},
    );
    onPlaces("full", "with a kind", async () => {});
    testWithin('direct "try"', body, OPTIONS);
    assert.match("no test", /test/);
  `;
  const names = ["plain", "of … and …", "with a kind", 'direct "try"'];
  assert.deepEqual([...testNames(source)], names);
});
