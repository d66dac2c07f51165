/**
 * What works here.
 *
 * @module
 */
import { loadLinux } from "./linux/load.ts";
import type { Limits } from "./kernel.ts";

/** What {@link probe} found. */
export interface Probe {
  /** The kernel that `open` and `AioContext` use: that of the machine, or none. */
  kernel: "linux" | undefined;
  /** Why there is none, in one sentence. */
  reason: string | undefined;
  /** How much of the machine's account of requests is used, where that can be read. */
  limits: Limits | undefined;
}

/**
 * Finds out whether the system calls of Linux AIO work here, and if not, what is missing.
 *
 * @example
 * ```ts
 * import { probe } from "kaio";
 *
 * const { kernel, reason } = probe();
 * console.log(kernel ?? reason);
 * ```
 *
 * @returns What was found; it never throws
 */
export function probe(): Probe {
  const kernel = loadLinux();
  return kernel instanceof Error
    ? { kernel: undefined, reason: kernel.message, limits: undefined }
    : { kernel: "linux", reason: undefined, limits: kernel.limits?.() };
}
