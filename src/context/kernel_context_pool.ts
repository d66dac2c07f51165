/**
 * Kernel contexts that are idle, for the next `AioContext`.
 *
 * io_destroy takes tens of milliseconds in the kernel even when nothing is in flight, and holds
 * the thread meanwhile. So a context that is closed goes back to this pool: a program keeps as
 * many as it once had open at the same time, and they end with the process, or with the worker.
 *
 * @module
 */
import { EAGAIN, EMFILE, ENFILE, ENOMEM } from "../abi/errno.ts";
import { AioError } from "../errors/aio_error.ts";
import type { Kernel } from "../kernel.ts";
import { KernelContext } from "./kernel_context.ts";

/** What is lacking where there are too many contexts. */
const SHORT: readonly number[] = [EAGAIN, EMFILE, ENFILE, ENOMEM];

const pools = new WeakMap<Kernel, KernelContext[]>();

function poolOf(kernel: Kernel): KernelContext[] {
  let pool = pools.get(kernel);
  if (pool === undefined) pools.set(kernel, pool = []);
  return pool;
}

/**
 * Takes a kernel context with exactly `entries` from the pool, or makes one.
 *
 * @throws {AioError} What io_setup answered
 */
export function takeKernelContext(kernel: Kernel, entries: number): KernelContext {
  const pool = poolOf(kernel);
  const index = pool.findIndex((context) => context.entries === entries);
  if (index >= 0) return pool.splice(index, 1)[0]!;
  try {
    return new KernelContext(kernel, entries);
  } catch (error) {
    // Idle contexts of other sizes may have used up the account, descriptors or memory.
    if (!(error instanceof AioError) || !SHORT.includes(-error.errno) || pool.length === 0) {
      throw error;
    }
    for (const idle of pool.splice(0)) idle.destroy();
    return new KernelContext(kernel, entries);
  }
}

/** Gives a kernel context back. Nothing may be in flight on it, and its ring must be empty. */
export function giveKernelContext(context: KernelContext): void {
  poolOf(context.kernel).push(context);
}
