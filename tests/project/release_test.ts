import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { releasedVersions } from "../../scripts/release/changelog.ts";
import { compareVersions, VERSION_FILES } from "../../scripts/release/version.ts";
import { VERSION } from "../../src/version.ts";
import { CLI, runProgram } from "../support/run_cli.ts";
import { TempFolder } from "../support/temp.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const changelog = readFileSync(join(root, "CHANGELOG.md"), "utf8");
const noGit = spawnSync("git", ["--version"]).status !== 0 && "git is not installed";

/** So that no settings of the user's or of a hook reach the clone, and none of this Node its npm. */
const env = ["GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE", "NODE_OPTIONS"].flatMap((name) => [
  "-u",
  name,
]).concat(
  ["GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null"],
  ["AUTHOR", "COMMITTER"].flatMap((who) => [`GIT_${who}_NAME=test`, `GIT_${who}_EMAIL=test@test`]),
);

/** A repository with what a release reads and changes, of version 1.2.3. */
class Clone {
  readonly #folder = new TempFolder();

  static async make(): Promise<Clone> {
    const clone = new Clone();
    after(() => clone.#folder[Symbol.dispose]());
    const files = ["scripts/release.ts", "scripts/release", "scripts/run.mjs", ...VERSION_FILES];
    for (const name of files) {
      mkdirSync(dirname(clone.path(name)), { recursive: true });
      cpSync(join(root, name), clone.path(name), { recursive: true });
    }
    for (const name of VERSION_FILES) {
      clone.write(name, clone.read(name).replaceAll(`"${VERSION}"`, '"1.2.3"'));
    }
    const scripts = { good: "echo checked", bad: "echo wrong && exit 1" };
    const manifest = { ...JSON.parse(clone.read("package.json")), scripts };
    clone.write("package.json", JSON.stringify(manifest, null, 2));
    clone.write("README.md", "# Published\n");
    clone.write("CHANGELOG.md", "# Changelog\n\n## Unreleased\n\n### Added\n\n- A thing.\n");
    await clone.git("init", "--quiet", "--initial-branch", "main");
    await clone.commit();
    return clone;
  }

  path(name: string): string {
    return this.#folder.join(name);
  }

  read(name: string): string {
    return readFileSync(this.path(name), "utf8");
  }

  write(name: string, text: string): void {
    writeFileSync(this.path(name), text);
  }

  async git(...args: string[]): Promise<string> {
    const command = ["env", ...env, "git", "-C", this.#folder.path, ...args];
    const { code, stdout, stderr } = await runProgram(command);
    assert.equal(code, 0, stderr);
    return stdout;
  }

  async commit(): Promise<void> {
    await this.git("add", "--all");
    await this.git("commit", "--quiet", "--message", "Change something");
  }

  release(version: string, checks = "") {
    const start = [...CLI.slice(0, -1), this.path("scripts/release.ts")];
    return runProgram(["env", ...env, ...start, version, "--checks", checks]);
  }

  /** That nothing was changed, and why. */
  async refuses(version: string, reason: RegExp, checks?: string): Promise<void> {
    const state = ["status", "--porcelain=2", "--branch"];
    const before = await this.git(...state);
    const { code, stderr } = await this.release(version, checks);
    assert.match(stderr, reason);
    assert.equal(code, 1);
    assert.equal(await this.git(...state), before);
  }
}

test("CHANGELOG.md begins with what is unreleased, and then has the version", () => {
  const headings = changelog.match(/^## .*/gm) ?? [];
  assert.equal(headings[0], "## Unreleased");
  const released = releasedVersions(changelog);
  assert.equal(headings.length, released.length + 1, headings.join("\n"));
  assert.deepEqual(released, released.toSorted((a, b) => compareVersions(b, a)));
  if (released.length > 0) assert.equal(released[0], VERSION);
});

test("a release changes every place of the version, and the changelog", {
  skip: noGit,
}, async () => {
  const clone = await Clone.make();
  const first = await clone.release("1.2.3", "good");
  assert.deepEqual([first.code, first.stderr], [0, ""]);
  assert.match(first.stdout, /^checked$/m);
  assert.match(
    first.stdout,
    /git push origin main v1\.2\.3\n {2}npm publish .*\n {2}deno publish\n$/,
  );

  clone.write(
    "CHANGELOG.md",
    clone.read("CHANGELOG.md").replace("Unreleased\n", "Unreleased\n\n### Fixed\n\n- Another.\n"),
  );
  await clone.commit();
  const second = await clone.release("1.10.0");
  assert.deepEqual([second.code, second.stderr], [0, ""]);

  assert.equal(await clone.git("status", "--porcelain"), "");
  assert.equal(await clone.git("tag"), "v1.10.0\nv1.2.3\n");
  assert.equal(
    await clone.git("log", "-1", "--format=%s %D"),
    "Release 1.10.0 HEAD -> main, tag: v1.10.0\n",
  );
  for (const name of ["deno.json", "package.json", "package-lock.json"]) {
    const stated = JSON.parse(clone.read(name));
    assert.equal(stated.version, "1.10.0", name);
    if (stated.packages) assert.equal(stated.packages[""].version, "1.10.0", name);
  }
  assert.match(clone.read("src/version.ts"), /"1\.10\.0"/);
  const changed = await clone.git("show", "--numstat", "--format=");
  assert.deepEqual(changed.match(/(?<=^)\d+\t\d+\t.*$/gm), [
    "2\t0\tCHANGELOG.md",
    "1\t1\tdeno.json",
    "2\t2\tpackage-lock.json",
    "1\t1\tpackage.json",
    "1\t1\tsrc/version.ts",
  ]);
  const day = String.raw`\d{4}-\d\d-\d\d`;
  assert.match(
    clone.read("CHANGELOG.md"),
    new RegExp(
      `^# Changelog\n\n## Unreleased\n\n## 1\\.10\\.0 - ${day}\n\n### Fixed\n\n- Another\\.\n\n` +
        `## 1\\.2\\.3 - ${day}\n\n### Added\n\n- A thing\\.\n$`,
    ),
  );
});

test("what is not ready is not released, and stays as it was", { skip: noGit }, async () => {
  const clone = await Clone.make();
  await clone.refuses("1.2.2", /not be lower than 1\.2\.3/);
  await clone.refuses("v1.3.0", /Not a version of the form 1\.2\.3: v1\.3\.0/);
  await clone.refuses("1.3.0", /^wrong$/m, "good,bad");

  clone.write("new.txt", "");
  await clone.refuses("1.3.0", /not committed:\n.*new\.txt/);
  await clone.commit();

  await clone.git("tag", "v1.3.0");
  await clone.refuses("1.3.0", /v1\.3\.0 is a tag/);

  clone.write("README.md", "Version 1.2.3 is not published yet.\n");
  await clone.commit();
  await clone.refuses("1.4.0", /README\.md says that kaio is not published yet/);
  clone.write("README.md", "# Published\n");

  clone.write(
    "CHANGELOG.md",
    "# Changelog\n\n## Unreleased\n\n### Added\n\n## 1.2.3 - 2026-01-31\n",
  );
  await clone.commit();
  await clone.refuses("1.2.3", /be higher than 1\.2\.3/);
  await clone.refuses("1.4.0", /nothing under "Unreleased"/);
});

test("versions are compared by their numbers", () => {
  assert.ok(compareVersions("0.9.0", "0.10.0") < 0);
  assert.ok(compareVersions("1.0.0", "0.99.99") > 0);
  assert.equal(compareVersions("1.2.3", "1.2.3"), 0);
  for (const wrong of ["1.2", "1.2.3-rc.1", "01.2.3", ""]) {
    assert.throws(() => compareVersions(wrong, "1.2.3"), TypeError, wrong);
  }
});
