// @ts-check
/**
 * Translates modules to what Node 20 knows: no types, no `using`.
 *
 * @module
 */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { root, run, runtimes } from "../run.mjs";

/**
 * @param {string} program a Node of 20 or newer
 * @returns {Promise<number>} its major version; 0 if it does not run
 */
export async function majorVersion(program) {
  const { ok, output } = await run(program, ["--version"], { seconds: 30 });
  return ok ? Number(/^v(\d+)/.exec(output)?.[1] ?? 0) : 0;
}

/**
 * @param {string[]} modules paths in the repository
 * @param {string} folder where the translations go
 * @returns {Promise<Record<string, string>>} the environment in which Node runs them, under the
 *   names of the originals
 * @throws {Error} if they cannot be translated
 */
export async function lower(modules, folder) {
  const { ok, output } = await run(
    runtimes.bun,
    ["build", "--no-bundle", "--target=node", "--root=.", `--outdir=${folder}`, ...modules],
  );
  if (!ok) throw new Error(`Cannot translate for an older Node:\n${output}`);
  const register = pathToFileURL(join(root, "scripts/older_node/register.mjs")).href;
  return { KAIO_LOWERED: `${pathToFileURL(folder).href}/`, NODE_OPTIONS: `--import=${register}` };
}
