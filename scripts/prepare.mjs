// @ts-check
/**
 * npm runs this when it installs or packs this repository. Builds the package for `npm pack`, and
 * for a project that installs this folder or a git address of it. In the repository itself
 * `npm install` needs no package: the tests and the examples run on the sources.
 *
 * @module
 */
import { realpathSync } from "node:fs";
import { join } from "node:path";
import { must, root, userPath } from "./run.mjs";

const { npm_command: command, npm_config_local_prefix: project } = process.env;
const packs = command === "pack" || command === "publish";
const isOther = project !== undefined && realpathSync(project) !== realpathSync(root);
if (packs || isOther) {
  const args = [join(root, "scripts/start.mjs"), "build"];
  // To stderr: `npm pack --json` prints its result to stdout.
  console.error(await must("node", args, { env: { PATH: userPath } }));
}
