import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { testNames } from "../support/test_names.ts";

const root = new URL("../../", import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), "utf8");

/** The items of the lists: a promise, and below it what shows it. */
const promises = read("docs/promises.md").split(/\n(?=- |\n)/)
  .filter((item) => item.startsWith("- "))
  .map((item) => item.replaceAll(/\s+/g, " "));

/** A test file, and the names of tests in it. */
const TESTS = /(tests\/[\w/]+\.ts): ((?:"[^"]+"(?:, )?)+)/g;

/** All tests that a promise names, with their files. */
function testsOf(promise: string): [file: string, name: string][] {
  return [...promise.matchAll(TESTS)].flatMap(([, file, names]) =>
    [...names!.matchAll(/"([^"]+)"/g)].map(([, name]): [string, string] => [file!, name!])
  );
}

test("every promise names tests that are there", () => {
  assert.ok(promises.length > 50, `${promises.length} promises`);
  const { scripts } = JSON.parse(read("package.json"));
  for (const promise of promises) {
    const tests = testsOf(promise);
    const commands = [...promise.matchAll(/ - `npm run ([\w:]+)`/g)];
    assert.ok(tests.length + commands.length > 0, `nothing shows it: ${promise}`);
    for (const [file, name] of tests) {
      assert.ok(existsSync(new URL(file, root)), `no such file: ${file}`);
      assert.ok(testNames(read(file)).has(name), `${file} has no test "${name}"`);
    }
    for (const [, name] of commands) assert.ok(name! in scripts, `no such script: ${name}`);
  }
});

test("what is quoted below a promise is the name of a test", () => {
  for (const promise of promises) {
    const quoted = promise.match(/"[^"]+"/g)?.length ?? 0;
    assert.equal(quoted, testsOf(promise).length, `a test without its file: ${promise}`);
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
