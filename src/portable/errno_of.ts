/**
 * The kernel's number of an error of `node:fs`.
 *
 * @module
 */
import * as numbers from "../abi/errno.ts";

const byName: ReadonlyMap<string, number> = new Map(Object.entries(numbers));

/**
 * By name, as every system has numbers of its own.
 *
 * @returns `-errno` of Linux; -EIO for what has no name there
 */
export function errnoOf(error: unknown): number {
  const { code } = error as { code?: unknown };
  if (typeof code !== "string") return -numbers.EIO;
  // What the runtime refuses before it asks the system: a position or length beyond its types
  if (code.startsWith("ERR_")) return -numbers.EINVAL;
  return -(byName.get(code) ?? numbers.EIO);
}
