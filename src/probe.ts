/**
 * What works here.
 *
 * @module
 */
import { choose, type KernelName } from "./choose_kernel.ts";
import type { Limits } from "./kernel.ts";

/** What {@link probe} found. */
export interface Probe {
  /**
   * The kernel that `open` and `AioContext` use; `undefined` where the environment asks for one
   * that cannot be had.
   */
  kernel: KernelName | undefined;
  /** Why it is not that of the machine, in one sentence. */
  reason: string | undefined;
  /** How much of the kernel's account of requests is used, where that can be read. */
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
 * if (kernel !== "linux") console.log(reason);
 * ```
 *
 * @returns What was found; it never throws
 */
export function probe(): Probe {
  try {
    const { name, kernel, reason } = choose();
    return { kernel: name, reason, limits: kernel.limits?.() };
  } catch (error) {
    return { kernel: undefined, reason: (error as Error).message, limits: undefined };
  }
}
