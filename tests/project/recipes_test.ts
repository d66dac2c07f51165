/**
 * The guide on readers has the code of `examples/readers/`, which the tests run with real files.
 */
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { root } from "../support/examples.ts";

/** A program without comments and empty lines; what is exported there is not on the page. */
function codeOf(source: string): string {
  return source.replace(/^ *(\/\*\*[^]*?\*\/|\/\/.*)\n/gm, "").replace(/^export /gm, "")
    .replace(/\n{2,}/g, "\n");
}

const page = codeOf(await readFile(join(root, "docs/guide/readers.md"), "utf8"));
const recipes = join(root, "examples/readers");

/** The page has a link to what is too long for it. */
const TOO_LONG = ["wa_sqlite.ts"];

for (const name of await readdir(recipes)) {
  if (TOO_LONG.includes(name)) continue;
  test(`docs/guide/readers.md has the recipe of ${name}`, async () => {
    const code = codeOf(await readFile(join(recipes, name), "utf8"));
    const afterImports = code.slice(code.lastIndexOf('.ts";\n') + '.ts";\n'.length);
    assert.match(afterImports, /^(async )?(class|function|type) /);
    assert.ok(page.includes(afterImports), afterImports);
  });
}
