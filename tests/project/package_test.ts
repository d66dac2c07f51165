import assert from "node:assert/strict";
import { open, readFile } from "node:fs/promises";
import { test } from "node:test";
import { AioFile } from "../../mod.ts";
import { VERSION } from "../../src/version.ts";

async function read(path: string): Promise<string> {
  return await readFile(new URL(`../../${path}`, import.meta.url), "utf8");
}

const deno = JSON.parse(await read("deno.json"));
const npm = JSON.parse(await read("package.json"));
const lock = JSON.parse(await read("package-lock.json"));

test("deno.json and package.json describe the same package", () => {
  for (const key of ["version", "license"]) assert.equal(npm[key], deno[key], key);
  const { "./cli": cli, ...modules } = deno.exports;
  const built = (path: string, ending: string) =>
    path.replace("./", "./npm/esm/").replace(/\.ts$/, ending);
  const exports = Object.entries<string>(modules).map(([name, path]) => [
    name,
    { types: built(path, ".d.ts"), default: built(path, ".js") },
  ]);
  assert.deepEqual(npm.exports, Object.fromEntries(exports));
  assert.deepEqual(npm.bin, { kaio: built(cli, ".js") });
  assert.equal(VERSION, deno.version);
  assert.deepEqual([lock.version, lock.packages[""].version], [VERSION, VERSION]);
});

test("every entry point is a file that is published, and says what it is", async () => {
  for (const path of Object.values<string>(deno.exports)) {
    const included = deno.publish.include.some((prefix: string) =>
      path.slice(2).startsWith(prefix)
    );
    assert.ok(included, `${path} is not in publish.include`);
    assert.match(
      await read(path),
      /^(#!.*\n)?\/\*\*[^]*?@module/,
      `${path} has no @module comment`,
    );
  }
});

test("what README.md links to is published with it", async () => {
  const included: string[] = deno.publish.include;
  const patterns = included.map((path) =>
    new RegExp(
      `^${path.replaceAll(".", "\\.").replace("*", "[^/]*")}${path.endsWith("/") ? "" : "$"}`,
    )
  );
  const links = (await read("README.md")).matchAll(/\]\(([^)#:]+)[^)]*\)/g);
  const paths = Array.from(links, ([, path]) => path!).filter((path) => !path.startsWith("http"));
  assert.ok(paths.length > 0);
  const missing = paths.filter((path) => !patterns.some((pattern) => pattern.test(path)));
  assert.deepEqual(missing, []);
});

test("README.md names every member of FileHandle that an AioFile replaces", async () => {
  const paragraph = /^`open` resolves with an `AioFile`[^]*?`await using`/m.exec(
    await read("README.md"),
  );
  const named = paragraph![0].match(/(?<=`)\w+(?=`)/g)!;
  await using handle = await open(new URL(import.meta.url));
  const replaced = Object.getOwnPropertyNames(AioFile.prototype).filter((name) => name in handle);
  const strangers = ["open", "AioFile", "FileHandle", "constructor"];
  const members = (names: readonly string[]): string[] =>
    names.filter((name) => !strangers.includes(name)).sort();
  assert.deepEqual(members(named), members(replaced));
});
