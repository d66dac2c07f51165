// @ts-check
/**
 * The hooks of register.mjs. The modules keep their names, so that paths beside them stay right.
 *
 * @module
 */
import { readFile } from "node:fs/promises";

/** @type {{ root: string, lowered: string }} */
let folders;

/** @param {{ root: string, lowered: string }} data */
export function initialize(data) {
  folders = data;
}

/**
 * @param {string} specifier
 * @param {object} context
 * @param {(specifier: string, context: object) => Promise<object>} next
 */
export async function resolve(specifier, context, next) {
  if (specifier !== "bun:wrap") return await next(specifier, context);
  return { url: new URL("./dispose.mjs", import.meta.url).href, shortCircuit: true };
}

/**
 * @param {string} url
 * @param {object} context
 * @param {(url: string, context: object) => Promise<object>} next
 */
export async function load(url, context, next) {
  const { root, lowered } = folders;
  if (!url.startsWith(root) || !url.endsWith(".ts")) return await next(url, context);
  const path = new URL(url.slice(root.length).replace(/\.ts$/, ".js"), lowered);
  return { format: "module", source: await readFile(path), shortCircuit: true };
}
