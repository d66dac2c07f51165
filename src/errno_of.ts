/**
 * The kernel's number of an error of `node:fs`.
 *
 * @module
 */
import { constants } from "node:os";
import process from "node:process";
import * as numbers from "./abi/errno.ts";

/** Numbers of Linux by name. */
export const errnos: Readonly<Record<string, number>> = { ...numbers };

/**
 * By name where the system is not Linux: every system has numbers of its own.
 *
 * @returns `-errno` of Linux; -EIO for what has no name there
 */
export function errnoOf(error: unknown): number {
  const { code, errno, message } = error as { code?: unknown; errno?: unknown; message?: unknown };
  // The runtimes have no name for some, such as EDQUOT
  if (process.platform === "linux" && typeof errno === "number" && errno !== 0) {
    return -Math.abs(errno);
  }
  const name = typeof code === "string" ? code : nameIn(String(message));
  // What the runtime refuses before it asks the system: a position or length beyond its types
  if (name.startsWith("ERR_")) return -numbers.EINVAL;
  return -(errnos[name] ?? numbers.EIO);
}

/** Some runtimes have a code for few errors only, and the system's number in the text of all. */
function nameIn(message: string): string {
  const number = Number(/\(os error (\d+)\)/.exec(message)?.[1]);
  const known = Object.entries(constants.errno).find(([, value]) => value === number);
  return known?.[0] ?? "EIO";
}
