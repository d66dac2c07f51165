/**
 * Builds the npm package `kaio` into the folder npm/: JavaScript and types from the same TypeScript
 * that JSR publishes, compiled by dnt where JSR answers, and by `deno pack` elsewhere.
 *
 *     npm run build
 *     npm run build -- --by pack --to FOLDER
 *
 * Both leave the same files: no source maps, because the JavaScript keeps its comments and reads
 * like the TypeScript.
 *
 * @module
 */
import {
  chmodSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import { TempFolder } from "../tests/support/temp.ts";
import { config, jsrAnswers, must, root, runtimes } from "./run.mjs";

const { values: { by, to: npm } } = parseArgs({
  options: { by: { type: "string" }, to: { type: "string", default: join(root, "npm") } },
});
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
/** JavaScript and types; package.json of the repository names it, too. */
const ESM = "esm";
/** What README.md has links to is packaged with it, so that they work without a repository. */
const TEXTS = ["LICENSE", "README.md", "CHANGELOG.md", "docs", "examples"];

/** Compiles into `folder` by dnt. */
async function byDnt(folder: string): Promise<void> {
  await must(runtimes.deno, ["run", "-A", "scripts/build_by_dnt.ts", folder]);
  cpSync(join(folder, "esm"), join(npm, ESM), { recursive: true });
  // It says "module", as ours does.
  rmSync(join(npm, ESM, "package.json"), { force: true });
}

/** Compiles into `folder` by `deno pack`. */
async function byPack(folder: string): Promise<void> {
  const tarball = join(folder, "package.tgz");
  const args = ["pack", "--allow-dirty", "--no-source-maps", "--output", tarball];
  const output = await must(runtimes.deno, args);
  // That a module has no types of its own is no problem if no public type comes from there, and
  // whether one does is what scripts/check_package.ts finds out.
  const warnings = output.split("\n").filter((line) =>
    /warn|could not/i.test(line) && !/could not generate types/i.test(line)
  );
  if (warnings.length > 0) console.log(warnings.join("\n"));
  await must("tar", ["-xzf", tarball, "-C", folder]);
  const unpacked = join(folder, "package");
  const code = readdirSync(unpacked, { recursive: true, encoding: "utf8" })
    .filter((name) => /\.(js|d\.ts)$/.test(name));
  for (const name of code) cpSync(join(unpacked, name), join(npm, ESM, name));
}

/** The package.json of the package. */
function packageJson(): object {
  const { name, version, description, keywords, license, type, sideEffects } = manifest;
  const { engines, peerDependencies, peerDependenciesMeta } = manifest;
  const inFolder = (path: string) => path.replace("./npm/", "./");
  const exports = Object.entries<Record<string, string>>(manifest.exports).map((
    [key, conditions],
  ) => [
    key,
    Object.fromEntries(Object.entries(conditions).map(([name, path]) => [name, inFolder(path)])),
  ]);
  return {
    ...{ name, version, description, keywords, license, type, sideEffects },
    exports: Object.fromEntries(exports),
    types: inFolder(manifest.types),
    bin: { kaio: inFolder(manifest.bin.kaio) },
    files: [ESM, "CHANGELOG.md", "docs", "examples"],
    ...{ engines, peerDependencies, peerDependenciesMeta },
  };
}

/** The examples import the sources; those of the package import the package. */
function importPackage(): void {
  const folder = join(npm, "examples");
  for (const file of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    if (!file.endsWith(".ts")) continue;
    const path = join(folder, file);
    const up = relative(dirname(path), npm);
    let text = readFileSync(path, "utf8");
    for (const [name, source] of Object.entries<string>(config.exports)) {
      const imported = `from "${up}${source.slice(1)}"`;
      text = text.replaceAll(imported, `from "${manifest.name}${name.slice(1)}"`);
    }
    writeFileSync(path, text);
  }
}

const withDnt = by === undefined ? await jsrAnswers() : by === "dnt";
using temporary = new TempFolder();
rmSync(npm, { recursive: true, force: true });
mkdirSync(npm);
await (withDnt ? byDnt : byPack)(temporary.path);
chmodSync(join(npm, ESM, "cli.js"), 0o755);
writeFileSync(join(npm, "package.json"), `${JSON.stringify(packageJson(), null, 2)}\n`);
for (const name of TEXTS) cpSync(join(root, name), join(npm, name), { recursive: true });
importPackage();
console.log(`Built ${resolve(npm)} by ${withDnt ? "dnt" : "deno pack"}`);
