/**
 * Runs every example of the documentation in the runtime of the tests: the code blocks of README.md,
 * CHANGELOG.md and docs/, and those of the doc comments. What a program uses first has one.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import * as nodeModule from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { after, before, describe, test } from "node:test";
import { AioContext, AioFile } from "../../mod.ts";
import { loadLinux } from "../../src/linux/load.ts";
import { makeArrow } from "../support/arrow_file.ts";
import { bodyOf, commentsIn, findExports } from "../support/doc_comments.ts";
import { findExamples, root } from "../support/examples.ts";
import { makeParquet } from "../support/parquet_file.ts";
import { makePmtiles } from "../support/pmtiles_file.ts";
import { openSqlite, withoutSqlite } from "../support/sqlite.ts";
import { tarArchive } from "../support/tar_archive.ts";
import { makeTiff } from "../support/tiled_tiff.ts";
import { HANG_MILLISECONDS } from "../support/within.ts";
import { zipArchive } from "../support/zip_archive.ts";

const npm: { devDependencies: object } = JSON.parse(
  await readFile(join(root, "package.json"), "utf8"),
);
const config: { exports: Record<string, string>; compilerOptions: object } = JSON.parse(
  await readFile(join(root, "deno.json"), "utf8"),
);

/**
 * A folder where `kaio` and `@kaio/kaio` are this repository, for each of the three runtimes, with
 * the libraries whose readers the guides feed.
 */
async function prepare(folder: string): Promise<void> {
  const imports = Object.entries(config.exports).flatMap(([name, path]) =>
    ["kaio", "@kaio/kaio"].map((scope) => [scope + name.slice(1), `file://${join(root, path)}`])
  );
  for (const name of ["kaio", "@kaio/kaio"]) {
    // The package of this name is made of the sources: links, because Node strips no types from
    // files that lie in node_modules.
    const modules = join(folder, "node_modules", name);
    await mkdir(modules, { recursive: true });
    for (const part of ["mod.ts", "src", "ffi"]) {
      await symlink(join(root, part), join(modules, part));
    }
    const { exports } = config;
    await writeFile(join(modules, "package.json"), JSON.stringify({ type: "module", exports }));
  }
  for (const name of Object.keys(npm.devDependencies)) {
    const path = join("node_modules", name);
    await mkdir(join(folder, dirname(path)), { recursive: true });
    await symlink(join(root, path), join(folder, path));
  }
  await writeFile(join(folder, "package.json"), '{ "type": "module" }\n');
  await writeFile(
    join(folder, "deno.json"),
    JSON.stringify({
      imports: Object.fromEntries(imports),
      compilerOptions: config.compilerOptions,
      nodeModulesDir: "manual",
    }),
  );
  // Deno goes by the deno.json beside the program that it is given.
  await cp(join(root, "tests/support/run_examples.ts"), join(folder, "run_examples.ts"));
  await mkdir(join(folder, "fixtures"));
  await writeFile(
    join(folder, "fixtures/data.bin"),
    Uint8Array.from({ length: 1 << 20 }, (_, index) => index % 251),
  );
  makeDatabase(join(folder, "fixtures/app.db"));
  const table = { rows: 100, rowGroupSize: 40, numbers: 2 };
  makeParquet(join(folder, "fixtures/sales.parquet"), table);
  makePmtiles(join(folder, "fixtures/map.pmtiles"), 2, 100);
  makeTiff(join(folder, "fixtures/image.tiff"), { tiles: 4, pixels: 16 });
  makeArrow(join(folder, "fixtures/table.arrow"), 3, 10);
  await writeFile(join(folder, "fixtures/photos.zip"), await zipArchive());
  await writeFile(join(folder, "fixtures/backup.tar"), await tarArchive());
  await writeFile(join(folder, "fixtures/people.csv"), "name,age\nAda,36\nGrace,85\n");
}

function makeDatabase(path: string): void {
  const database = openSqlite(path);
  database.exec(`
    CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL, about TEXT);
    CREATE INDEX users_by_name ON users (name);
    WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 2000)
      INSERT INTO users SELECT n, 'user ' || n, hex(zeroblob(n % 300)) FROM numbers;
    INSERT INTO users VALUES (9999, 'longer than a page', hex(zeroblob(20000)));
  `);
  database.close();
}

/** The options that run a script and print nothing of their own to stderr. */
function flags(): string[] {
  if (process.versions["bun"]) return ["run"];
  if (process.versions["deno"]) return ["run", "--quiet", "--no-check", "-A"];
  return ["--disable-warning=ExperimentalWarning"];
}

/** Runs this runtime, and returns what went wrong: nothing, if all is well. */
function failureOf(args: string[], cwd: string): Promise<string> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      args,
      { cwd, timeout: HANG_MILLISECONDS, killSignal: "SIGKILL" },
      (error, _stdout, stderr) => {
        const ending = error?.killed ? "Killed: it hangs" : error?.message ?? "";
        resolve(stderr || ending);
      },
    ).stdin?.end();
  });
}

/** The members of both, without those that have no name and override such a one of the runtime. */
const MEMBERS = [AioContext, AioFile].map(({ name, prototype }) => {
  const base = Object.getPrototypeOf(prototype);
  const isHidden = (key: PropertyKey) =>
    typeof key === "symbol" && key !== Symbol.asyncDispose && key in base;
  const keys = Reflect.ownKeys(prototype).filter((key) => !isHidden(key));
  const members = keys.map((key) => typeof key === "symbol" ? `[${key.description}]` : key);
  return { name, members };
});

const folder = await mkdtemp(join(tmpdir(), "kaio-examples-"));
const withoutLinux = loadLinux() instanceof Error;
const examples = (await findExamples()).map((example, index) => ({
  ...example,
  file: `example${index}/example.${example.language}`,
  skip: withoutLinux && /\blinux\b.*from "kaio\/syscalls"/.test(example.code),
}));
const programs = examples.filter(({ skip }) => !skip).map(({ file }) => file);

describe("examples", withoutSqlite, () => {
  const failures = new Map<string, string>();
  let ending = "";

  before(async () => {
    await prepare(folder);
    for (const { file, code } of examples) {
      await cp(join(folder, "fixtures"), join(folder, dirname(file)), { recursive: true });
      await writeFile(join(folder, file), code);
    }
    ending = await failureOf([...flags(), "run_examples.ts", "results.txt", ...programs], folder);
    const results = await readFile(join(folder, "results.txt"), "utf8").catch(() => "");
    for (const [index, line] of results.split("\n").slice(0, -1).entries()) {
      failures.set(programs[index]!, JSON.parse(line));
    }
  });
  after(() => rm(folder, { recursive: true, force: true }));

  for (const { place, file, skip } of examples) {
    test(place, { skip: skip && "no Linux AIO here" }, () => {
      assert.equal(failures.get(file) ?? `It did not end. ${ending}`, "");
    });
  }

  test("they print no warning, and leave nothing that keeps the process running", () => {
    assert.equal(ending, "");
  });

  if (process.versions["deno"]) {
    test("all of them have the right types", async () => {
      const files = examples.map(({ file }) => file);
      assert.equal(await failureOf(["check", "--quiet", ...files], folder), "");
    });
  }
});

test("README.md has examples", () => {
  assert.ok(examples.some(({ place }) => place.startsWith("README.md")));
});

const exported = await findExports();

test("every class and function of kaio has an example", () => {
  assert.ok(exported.some(({ name }) => name === "open"));
  const without = exported.filter(({ name, source }) => !hasExample(commentsIn(source, ""), name));
  assert.deepEqual(without.map(({ name }) => name), []);
});

for (const { name, members } of MEMBERS) {
  test(`every public member of ${name} has an example`, () => {
    const comments = commentsIn(bodyOf(exported.find((it) => it.name === name)!), "  ");
    assert.ok(members.includes("read"));
    const without = members.filter((member) =>
      !hasExample(comments, member) && !comments.get(member)?.includes("@internal")
    );
    assert.deepEqual(without, []);
  });
}

function hasExample(comments: Map<string, string>, name: string): boolean {
  return /@example[^@]*```ts\n/.test(comments.get(name) ?? "");
}

const { stripTypeScriptTypes } = nodeModule as {
  stripTypeScriptTypes?: (code: string) => string;
};

test("the blocks of README.md are JavaScript, too: Node 22 has no types", {
  skip: process.versions["bun"] !== undefined || stripTypeScriptTypes === undefined
    ? "the runtime strips no types"
    : false,
}, () => {
  const typed = examples.filter(({ place }) => place.startsWith("README.md"))
    .filter(({ code }) => stripTypeScriptTypes!(code) !== code);
  assert.deepEqual(typed.map(({ place }) => place), []);
});
