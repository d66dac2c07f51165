// @ts-check
/**
 * Installs the development dependencies, the three runtimes among them, on a machine that has only
 * Node 20 and npm. Does nothing where they are there already.
 *
 *     node scripts/install.mjs
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { root, run, runtimes, userPath } from "./run.mjs";

/**
 * Makes sure that what `package-lock.json` asks for is installed, and that Bun, Deno and Node run.
 *
 * @returns {Promise<void>}
 * @throws {Error} if a runtime does not run even so; the message holds what npm printed.
 */
export async function install() {
  let said = "";
  if (!isInstalled()) {
    // Not `npm ci`: that deletes node_modules first, under the feet of whoever is using it.
    said += await npm("install", "--no-save", "--no-audit", "--no-fund");
  }
  let broken = await brokenRuntimes();
  if (broken.length > 0) {
    // The runtimes come as a small package whose install script puts the program in place. npm 12
    // blocks such scripts, and so does the option ignore-scripts of earlier ones.
    const scripts = ["--ignore-scripts=false", "--dangerously-allow-all-scripts"];
    said += await npm("rebuild", ...broken, ...scripts);
    broken = await brokenRuntimes();
  }
  if (broken.length > 0) throw new Error(`Cannot run ${broken.join(", ")} of npm:\n${said}`);
}

/** Compares versions, not times of files: a checkout or a copy changes those. */
function isInstalled() {
  try {
    const wanted = lockedPackages("package-lock.json");
    const installed = lockedPackages("node_modules/.package-lock.json");
    return Object.entries(wanted).every(([path, { optional, version }]) =>
      path === "" || optional || installed[path]?.version === version
    );
  } catch {
    return false;
  }
}

/**
 * @param {string} file
 * @returns {Record<string, { version?: string, optional?: boolean }>}
 */
function lockedPackages(file) {
  return JSON.parse(readFileSync(join(root, file), "utf8")).packages;
}

/** @returns {Promise<string[]>} the names of those that do not run */
async function brokenRuntimes() {
  const results = Object.entries(runtimes).map(async ([name, program]) =>
    (await run(program, ["--version"])).ok ? [] : [name]
  );
  return (await Promise.all(results)).flat();
}

/**
 * @param {string[]} args
 * @returns {Promise<string>} what npm printed
 */
async function npm(...args) {
  console.log(`npm ${args[0]} …`);
  // Not the PATH that begins with node_modules/.bin under `npm test`: npm would run on the very Node
  // that it is about to replace. And none of the options of an npm that installs this folder
  // somewhere else.
  const own = ["--no-global", "--include=dev", "--no-dry-run"];
  return (await run("npm", [...args, ...own], { env: { PATH: userPath } })).output;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await install();
