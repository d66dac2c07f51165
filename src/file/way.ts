/**
 * How the bytes of an open file move, so that none of it holds the thread.
 *
 * io_submit is asynchronous where a device moves the bytes. What goes through the page cache it
 * does itself: it copies what is there and waits for what is not. So it is told not to wait
 * (RWF_NOWAIT), and what would have had to is done by the threads of `node:fs`: of reads that are
 * not cached only some (`misses.ts`), and writes that follow one another together
 * (`write_runs.ts`).
 *
 * | | reads | writes |
 * | --- | --- | --- |
 * | page cache | `prompt` | `threads`: few file systems know RWF_NOWAIT there, and O_SYNC waits even so |
 * | O_DIRECT | `kernel`; `prompt` where the page cache may hold the last bytes | `prompt`: one that lengthens the file or fills a hole waits |
 * | in memory (tmpfs) | `copied` | `copied`: knows no RWF_NOWAIT, and has nothing to wait for |
 * | in memory, O_DIRECT | `kernel`: as its user asked | `kernel` |
 * | streams | `kernel`: polled before | `kernel` |
 * | a kernel that runs in this thread | `kernel` | `kernel` |
 *
 * Where RWF_NOWAIT is not supported, `prompt` becomes `threads` at the first request. Syncs always
 * go to the kernel, which has a queue of its own for them (`aio_fsync`, fs/aio.c).
 *
 * @module
 */
import type { Kernel } from "../kernel.ts";

/**
 * - `kernel`: io_submit hands it over and returns
 * - `copied`: io_submit copies, so it takes as long as that
 * - `prompt`: io_submit does it if it need not wait, else the threads of `node:fs` have to
 * - `threads`: the threads of `node:fs`
 */
export type Way = "kernel" | "copied" | "prompt" | "threads";

/** What decides. */
export interface Terrain {
  readonly fd: number;
  readonly direct: boolean;
  readonly isStream: boolean;
}

/** The ways of a file that was just opened. */
export function waysOf(
  kernel: Kernel,
  { fd, direct, isStream }: Terrain,
): { reads: Way; writes: Way } {
  if (isStream || kernel.inThread) return { reads: "kernel", writes: "kernel" };
  const inMemory = kernel.inMemory?.(fd) ?? false;
  if (direct) return { reads: "kernel", writes: inMemory ? "kernel" : "prompt" };
  if (inMemory) return { reads: "copied", writes: "copied" };
  return { reads: "prompt", writes: "threads" };
}
