/**
 * What works here.
 *
 * @module
 */
import { choose, type KernelName } from "./choose_kernel.ts";
import type { Limits } from "./kernel.ts";

/** The result of {@link probe}. */
export interface Probe {
  /**
   * The kernel that `open` and `AioContext` use; `undefined` if the environment variable
   * `KAIO_KERNEL` names one that is not available.
   */
  kernel: KernelName | undefined;
  /** Why that is not the Linux kernel, in one sentence; `undefined` if it is. */
  reason: string | undefined;
  /** How much of fs.aio-max-nr is in use, where that can be read. */
  limits: Limits | undefined;
}

/**
 * Finds out whether the system calls of Linux AIO work here, and if not, what is missing: FFI, a
 * permission of the runtime, or the calls themselves. It never throws.
 *
 * @example
 * ```ts
 * import { probe } from "kaio";
 *
 * const { kernel, reason } = probe();
 * if (kernel !== "linux") console.log(reason);
 * ```
 *
 * @returns The kernel in use, the reason, and the limits
 */
export function probe(): Probe {
  try {
    const { name, kernel, reason } = choose();
    return { kernel: name, reason, limits: kernel.limits?.() };
  } catch (error) {
    return { kernel: undefined, reason: (error as Error).message, limits: undefined };
  }
}
