import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";

const root = new URL("../../", import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), "utf8");

test("the list of behaviours names code and tests that are there, for all 25 of them", () => {
  const section = read("docs/portable.md").split("## The behaviours of fs/aio.c")[1]!;
  // A number begins an entry, which goes on over indented lines.
  const [, ...entries] = section.split(/^(?=\d+\. )/m).map((text) => text.replace(/\s+/g, " "));
  const numbers = entries.map((entry) => parseInt(entry));
  assert.deepEqual(numbers, Array.from({ length: 25 }, (_, index) => index + 1));
  for (const entry of entries) {
    const code = /Code: `(src\/portable\/\w+\.ts)`/.exec(entry)?.[1];
    assert.ok(code !== undefined && existsSync(new URL(code, root)), `no code: ${entry}`);
    const [, file, name] = /Test: `(tests\/[\w/]+_test\.ts)`, "([^"]+)"/.exec(entry) ?? [];
    assert.ok(file !== undefined && name !== undefined, `no test: ${entry}`);
    assert.ok(existsSync(new URL(file, root)), `no such file: ${file}`);
    assert.ok(read(file).includes(`test("${name}"`), `${file} has no test "${name}"`);
  }
});
