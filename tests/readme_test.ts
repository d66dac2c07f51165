/**
 * Runs every example of the documentation as a program of its own, in the runtime of the tests: the
 * code blocks of README.md, CHANGELOG.md and docs/, and those of the doc comments.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import process from "node:process";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { loadLinux } from "../src/linux/load.ts";
import { withoutSqlite } from "./support/sqlite.ts";
import { HANG_MILLISECONDS } from "./support/within.ts";

const onLinux = { skip: loadLinux() instanceof Error ? "no Linux AIO here" : false };
const root = fileURLToPath(new URL("..", import.meta.url));
const config: { exports: Record<string, string>; compilerOptions: object } = JSON.parse(
  await readFile(join(root, "deno.json"), "utf8"),
);

interface Example {
  /** Where it stands, for the name of the test. */
  place: string;
  language: string;
  code: string;
}

/** The text between fences that say ts or js, with the last heading (or file and line) above. */
function* codeBlocks(path: string, text: string): Generator<Example> {
  let heading = path;
  let language = "";
  let block: string[] | undefined;
  for (const [index, line] of text.split("\n").entries()) {
    if (block !== undefined && /^\s*```\s*$/.test(line)) {
      const place = `${heading} (line ${index - block.length})`;
      yield { place, language, code: block.join("\n") };
      block = undefined;
    } else if (block !== undefined) {
      block.push(line);
    } else if (/^\s*```(ts|js)\s*$/.test(line)) {
      language = line.trim().slice(3);
      block = [];
    } else if (/^#+ /.test(line)) {
      heading = `${path}: ${line.replace(/^#+ /, "")}`;
    }
  }
}

/** Leaves of a source file what its doc comments say, on the same lines. */
function docComments(source: string): string {
  let inside = false;
  return source.split("\n").map((line) => {
    inside ||= /^\s*\/\*\*/.test(line);
    const text = inside ? line.replace(/^\s*\* ?/, "") : "";
    if (line.includes("*/")) inside = false;
    return text.startsWith("#") ? "" : text;
  }).join("\n");
}

async function list(folder: string, extension: string): Promise<string[]> {
  const names = await readdir(join(root, folder), { recursive: true }).catch(() => []);
  return names.filter((name) => name.endsWith(extension)).map((name) => `${folder}/${name}`).sort();
}

async function examplesIn(paths: string[], read: (text: string) => string): Promise<Example[]> {
  const examples = [];
  for (const path of paths) {
    const text = await readFile(join(root, path), "utf8").catch(() => "");
    examples.push(...codeBlocks(path, read(text)));
  }
  return examples;
}

/** A folder where `kaio` and `@kaio/kaio` are this repository, for each of the three runtimes. */
async function prepare(folder: string): Promise<void> {
  const imports = Object.entries(config.exports).flatMap(([name, path]) =>
    ["kaio", "@kaio/kaio"].map((scope) => [scope + name.slice(1), `file://${join(root, path)}`])
  );
  await mkdir(join(folder, "node_modules/@kaio"), { recursive: true });
  await symlink(root, join(folder, "node_modules/kaio"));
  await symlink(root, join(folder, "node_modules/@kaio/kaio"));
  await writeFile(join(folder, "package.json"), '{ "type": "module" }\n');
  await writeFile(
    join(folder, "deno.json"),
    JSON.stringify({
      imports: Object.fromEntries(imports),
      compilerOptions: config.compilerOptions,
      nodeModulesDir: "none",
    }),
  );
  await mkdir(join(folder, "fixtures"));
  await writeFile(
    join(folder, "fixtures/data.bin"),
    Uint8Array.from({ length: 1 << 20 }, (_, index) => index % 251),
  );
  makeDatabase(join(folder, "fixtures/app.db"));
}

interface Database {
  exec(sql: string): void;
  close(): void;
}

function makeDatabase(path: string): void {
  const { DatabaseSync, Database } = (process.getBuiltinModule("node:sqlite") ??
    process.getBuiltinModule("bun:sqlite")) as unknown as Record<
      "DatabaseSync" | "Database",
      (new (path: string) => Database) | undefined
    >;
  const Constructor = DatabaseSync ?? Database;
  assert.ok(Constructor, "This runtime has no SQLite");
  const database = new Constructor(path);
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

const folder = await mkdtemp(join(tmpdir(), "kaio-examples-"));
const documents = ["README.md", "CHANGELOG.md", ...await list("docs", ".md")];
const sources = ["mod.ts", ...await list("src", ".ts"), ...await list("ffi", ".ts")];
const examples = [
  ...await examplesIn(documents, (text) => text),
  ...await examplesIn(sources, docComments),
];

const files = examples.map(({ language }, index) => `example${index}/example.${language}`);

describe("examples", withoutSqlite, () => {
  before(async () => {
    await prepare(folder);
    for (const [index, file] of files.entries()) {
      await cp(join(folder, "fixtures"), join(folder, dirname(file)), { recursive: true });
      await writeFile(join(folder, file), examples[index]!.code);
    }
  });
  after(() => rm(folder, { recursive: true, force: true }));

  test("README.md has examples", () => {
    const some = examples.some(({ place }) => place.startsWith("README.md"));
    assert.ok(some, "README.md has no code blocks");
  });

  if (process.versions["deno"]) {
    test("all of them have the right types", async () => {
      const failure = await failureOf(["check", "--quiet", ...files], folder);
      assert.ok(failure === "", failure);
    });
  }

  for (const [index, file] of files.entries()) {
    const { place, code } = examples[index]!;
    const needsLinux = /\blinux\b.*from "kaio\/syscalls"/.test(code);
    test(place, needsLinux ? onLinux : {}, async () => {
      const cwd = join(folder, dirname(file));
      const failure = await failureOf([...flags(), basename(file)], cwd);
      assert.ok(failure === "", failure);
    });
  }
});
