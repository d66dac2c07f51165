// @ts-check
/**
 * Translates modules to what Node 20 knows: no types, no `using`.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { pathToFileURL } from "node:url";
import { root, run, runtimes } from "../run.mjs";

/**
 * @returns {Promise<{ program: string, version: number } | undefined>} the node of the PATH, if it
 *   is from 20 to 25: without FFI
 */
export async function olderNode() {
  const folder = (process.env.PATH ?? "").split(delimiter).find((folder) =>
    !folder.endsWith(join("node_modules", ".bin")) && existsSync(join(folder, "node"))
  );
  if (folder === undefined) return undefined;
  const program = join(folder, "node");
  const { ok, output } = await run(program, ["--version"], { seconds: 30 });
  const version = ok ? Number(/^v(\d+)/.exec(output)?.[1] ?? 0) : 0;
  return version >= 20 && version < 26 ? { program, version } : undefined;
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
