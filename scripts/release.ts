/**
 * Makes a release: changes the version and the changelog, runs the checks, commits and tags. It
 * publishes nothing: the last lines that it prints are the commands that do.
 *
 *     npm run release -- 0.2.0
 *     npm run release -- 0.2.0 --checks test,test:consumers,test:faults,build
 *
 * `--checks` names the npm scripts to run in place of `test`, `test:consumers` and `build`. If one
 * fails, the files become again what they were.
 *
 * @module
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { closeUnreleased, releasedVersions } from "./release/changelog.ts";
import { compareVersions, VERSION_FILES, writeVersion } from "./release/version.ts";
import { config, must, root, userPath } from "./run.mjs";

/** The first has the fast ones in it: formatting, lint, types, documentation, `deno publish`. */
const CHECKS = ["test", "test:consumers", "build"];
const CHANGELOG = "CHANGELOG.md";

/** Where git runs a hook, these name the repository of the hook. */
const HERE = { GIT_DIR: undefined, GIT_INDEX_FILE: undefined, GIT_WORK_TREE: undefined };

const read = (name: string) => readFileSync(join(root, name), "utf8");
const git = (...args: string[]) => must("git", args, { env: HERE });

/** Throws unless the tree can become that version; changes nothing. */
async function checkTree(version: string): Promise<void> {
  const changed = await git("status", "--porcelain");
  if (changed !== "") throw new Error(`The tree has changes that are not committed:\n${changed}`);
  const current: string = config.version;
  const isReleased = releasedVersions(read(CHANGELOG)).includes(current);
  if (compareVersions(version, current) < (isReleased ? 1 : 0)) {
    const rule = isReleased ? "be higher than" : "not be lower than";
    throw new Error(`The version must ${rule} ${current}, which is the current one: ${version}`);
  }
  if (await git("tag", "--list", `v${version}`) !== "") throw new Error(`v${version} is a tag`);
  // The README is published with the package, so it has to be true of it by then.
  if (/not published yet/.test(read("README.md"))) {
    throw new Error("README.md says that kaio is not published yet: see the comment there");
  }
}

async function runChecks(names: string[]): Promise<void> {
  for (const name of names) {
    console.log(`npm run ${name} …`);
    await must("npm", ["run", name], {
      env: { PATH: userPath },
      heard: (text) => process.stdout.write(text),
    });
  }
}

async function release(version: string, checks: string[]): Promise<void> {
  await checkTree(version);
  const date = new Date().toISOString().slice(0, 10);
  const changelog = closeUnreleased(read(CHANGELOG), version, date);
  const files = [CHANGELOG, ...VERSION_FILES];
  const before = files.map((name) => [name, read(name)] as const);
  const restore = () => before.forEach(([name, text]) => writeFileSync(join(root, name), text));
  // Ctrl-C ends the process by `process.exit`, too.
  process.on("exit", restore);
  writeVersion(version);
  writeFileSync(join(root, CHANGELOG), changelog);
  await runChecks(checks);
  await git("commit", "--quiet", "--message", `Release ${version}`, "--", ...files);
  process.off("exit", restore);
  await git("tag", "--annotate", `v${version}`, "--message", `Release ${version}`);
  const branch = (await git("rev-parse", "--abbrev-ref", "HEAD")).trim();
  console.log(`Released ${version} in this clone. To publish it:`);
  console.log(`  git push origin ${branch} v${version}`);
  console.log("  npm publish ./npm --access public");
  console.log("  deno publish");
}

const { values, positionals } = parseArgs({
  options: { checks: { type: "string", default: CHECKS.join() } },
  allowPositionals: true,
});
try {
  if (positionals.length !== 1) {
    throw new Error("Usage: npm run release -- VERSION [--checks NAMES]");
  }
  await release(positionals[0]!, values.checks.split(",").filter((name) => name !== ""));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
