/**
 * The kernel's number of an error of `node:fs`.
 *
 * @module
 */
import { constants } from "node:os";
import { EACCES, EAGAIN, EINVAL, EIO } from "../abi/errno.ts";
import { errnos } from "./errno_names.ts";

/**
 * The `-errno` of Linux for an error of `node:fs`: by name, as every system has numbers of its own.
 *
 * @returns `undefined` for an error that did not come from the system: a permission that the runtime
 * refused, an argument that it rejected
 */
export function errnoOf(error: unknown): number | undefined {
  const { code, errno, message } = error as { code?: unknown; errno?: unknown; message?: unknown };
  const name = typeof code === "string" ? code : nameIn(String(message));
  const number = name === undefined ? undefined : errnos[name];
  if (number !== undefined) return -number;
  // The runtimes have no name for some errors, such as EDQUOT.
  return typeof errno === "number" && errno !== 0 ? -Math.abs(errno) : undefined;
}

/** As {@link errnoOf}, but for a transfer, which has to have a result whatever went wrong. */
export function resultOf(error: unknown): number {
  const { code } = error as { code?: unknown };
  if (code === "ERR_ACCESS_DENIED") return -EACCES;
  if (isBusy(error)) return -EAGAIN;
  // The runtime rejects positions and lengths beyond its types before it asks the system.
  const rejected = typeof code === "string" && code.startsWith("ERR_");
  return errnoOf(error) ?? (rejected ? -EINVAL : -EIO);
}

/**
 * Whether a runtime did not make a call because it has lent the file to another thread: its threads
 * have each a descriptor of their own, as long as there are any.
 */
export function isBusy(error: unknown): boolean {
  const { code, name } = error as { code?: unknown; name?: unknown };
  return name === "Busy" && code === undefined && errnoOf(error) === undefined;
}

/** Some runtimes have a code for few errors only, and the system's number in the text of all. */
function nameIn(message: string): string | undefined {
  const number = Number(/\(os error (\d+)\)/.exec(message)?.[1]);
  return Object.entries(constants.errno).find(([, value]) => value === number)?.[0];
}
