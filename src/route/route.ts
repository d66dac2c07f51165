/**
 * How the bytes of an open file move, so that the thread of JavaScript never blocks.
 *
 * io_submit is asynchronous where a device moves the bytes. What goes through the page cache it
 * does itself: it copies what is there and waits for what is not. So it is told not to wait
 * (RWF_NOWAIT), and what would have had to is done by the threads of `node:fs`: of reads that are
 * not cached only some (`cache_misses.ts`), and writes that follow one another together
 * (`coalesced_writes.ts`).
 *
 * | the file | reads | writes |
 * | --- | --- | --- |
 * | page cache | `ringNoWait` | `threads`: few file systems know RWF_NOWAIT there, and O_SYNC waits even so |
 * | O_DIRECT | `ring`; `ringNoWait` where the page cache may hold the last bytes | `ringNoWait`: a write that extends the file or fills a hole waits |
 * | in memory (tmpfs) | `ringCopies` | `ringCopies`: knows no RWF_NOWAIT, and has nothing to wait for |
 * | in memory, O_DIRECT | `ring`: as its user asked | `ring` |
 * | any of these but O_DIRECT, at the descriptor's own position | `cached`: io_submit has no such transfers, preadv2(2) has | `threads` |
 * | page cache or in memory, a large `readAt` while another operation of the file is under way | `threads`: straight into new memory | |
 * | page cache, in memory that has no address for the kernel | `cached`: by io_submit a large read would be copied twice | `threads` |
 * | streams | `ring`: polled before | `ring` |
 * | a kernel whose io_submit never blocks | `ring` | `ring` |
 *
 * Where RWF_NOWAIT ends reads before the file does, as in Linux 5.9 and 5.10, the threads make those
 * of the page cache. Where it is not supported, `ringNoWait` and `cached` become `threads` at the first request. Syncs and
 * polls are always `ring`: the kernel has a queue of its own for them (`aio_fsync`, fs/aio.c).
 *
 * @module
 */
import type { Core } from "../context/core.ts";
import type { EventLoop } from "../context/event_loop.ts";
import type { DirectAlignment } from "../file_host.ts";

/**
 * - `ring`: io_submit hands the transfer over and returns
 * - `ringCopies`: io_submit copies, so it takes as long as that
 * - `ringNoWait`: io_submit does it if it need not wait, else the threads of `node:fs` have to
 * - `cached`: a system call of its own does it if it need not wait, if the turn has time left for the
 *   copy, and if the threads have no read of the file; else the threads have to
 * - `threads`: the threads of `node:fs`
 */
export type Route = "ring" | "ringCopies" | "ringNoWait" | "cached" | "threads";

/** An open file as its router sees it. */
export interface RoutedFile {
  readonly fd: number;
  readonly core: Core;
  readonly loop: EventLoop;
  /** Whether it was opened with `direct`, and so with O_DIRECT. */
  readonly direct: boolean;
  /** Whether its descriptor has O_DIRECT, by `direct` or by the caller's flags. */
  readonly wantsAlignedMemory: boolean;
  readonly alignment: DirectAlignment;
  /** Whether writes go to the end, whatever their position. */
  readonly append: boolean;
  /** Whether it is no device, pipe or socket. */
  readonly isRegular: boolean;
  /** Whether the page cache has its bytes: those of regular files and block devices. */
  readonly hasCache: boolean;
  /** Whether it has neither positions nor an end. */
  readonly isStream: boolean;
}

/** How the reads and the writes of a file are done. */
export interface Routes {
  readonly reads: Route;
  readonly writes: Route;
}

// Shared by all files, as is whatever each operation looks at: a program that reads many files in
// turns finds little of them in the caches of the processor.
const UNBLOCKED: Routes = { reads: "ring", writes: "ring" };
const DIRECT: Routes = { reads: "ring", writes: "ringNoWait" };
const COPIED: Routes = { reads: "ringCopies", writes: "ringCopies" };
const CACHED: Routes = { reads: "ringNoWait", writes: "threads" };
const UNCACHED: Routes = { reads: "threads", writes: "threads" };

/** The routes that a file begins with. */
export function routesOf({ fd, core, direct, isStream }: RoutedFile): Routes {
  const blocking = isStream ? "nothing" : core.files.blocksFor(fd);
  if (blocking === "nothing") return UNBLOCKED;
  const inMemory = blocking === "copy";
  if (direct) return inMemory ? UNBLOCKED : DIRECT;
  if (inMemory) return COPIED;
  return core.files.endsEarly ? UNCACHED : CACHED;
}
