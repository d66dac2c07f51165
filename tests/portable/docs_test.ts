import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";

const root = new URL("../../", import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), "utf8");

test("the table of behaviours names code and tests that are there, for all 25 of them", () => {
  const section = read("docs/portable.md").split("## The behaviours of fs/aio.c")[1]!;
  const rows = section.split("\n").filter((line) => /^\| \d/.test(line));
  const numbers = rows.map((row) => Number(row.split("|")[1]));
  assert.deepEqual(numbers, Array.from({ length: 25 }, (_, index) => index + 1));
  for (const row of rows) {
    const code = /(src\/portable\/\w+\.ts)/.exec(row)?.[1];
    assert.ok(code !== undefined && existsSync(new URL(code, root)), `no code: ${row}`);
    const [, file, name] = /(tests\/[\w/]+_test\.ts): "([^"]+)"/.exec(row) ?? [];
    assert.ok(file !== undefined && name !== undefined, `no test: ${row}`);
    assert.ok(existsSync(new URL(file, root)), `no such file: ${file}`);
    assert.ok(read(file).includes(`test("${name}"`), `${file} has no test "${name}"`);
  }
});
