/**
 * The inside of a context: its kernel context, and the ways down and up. What waits is in
 * {@link EventLoop}.
 *
 * @module
 */
import { EAGAIN } from "../abi/errno.ts";
import { AioError } from "../errors/aio_error.ts";
import type { FileHost } from "../file_host.ts";
import type { Kernel } from "../kernel.ts";
import { type BufferPool, bufferPoolOf } from "../memory/buffer_pool.ts";
import { now } from "../timers.ts";
import { RETRY_MILLISECONDS } from "../tuning.ts";
import type { KernelContext } from "./kernel_context.ts";
import { takeKernelContext } from "./kernel_context_pool.ts";
import { ReadyQueue } from "./ready_queue.ts";
import { type Reap, Reaper } from "./reaper.ts";
import { Submission } from "./submission.ts";

/** Microseconds. */
const LONGEST_SLEEP = 3600e6;
/** How often in a row it may take nothing: a second, in all. */
const MOST_REFUSALS = 1000;

const REFUSED =
  "the kernel has no memory for it; or a runtime that has no descriptor left uses the " +
  "file on another thread, which returns it through the event loop that this wait blocks; use " +
  "`for await`";

/** What belongs to one context; knows nothing of promises or of the event loop. */
export class Core {
  /** The kernel underneath. */
  readonly kernel: Kernel;
  /** What open files ask of the machine. */
  readonly files: FileHost;
  /** Memory that requests on this kernel can reach. */
  readonly pool: BufferPool;
  /** The context of the kernel, with its memory. */
  readonly context: KernelContext;
  /** The way down. */
  readonly submission: Submission;
  /** The way up. */
  readonly reaper: Reaper;
  /** Completions that no loop has taken yet. */
  readonly ready: ReadyQueue;
  /** Operations of files that are under way, each of one request or more. */
  operations = 0;
  /** Called when one of them is over. */
  operationOver: (() => void) | undefined = undefined;

  /** Takes a kernel context. Throws what io_setup answers. */
  constructor(kernel: Kernel, files: FileHost, entries: number, reap: Reap) {
    this.kernel = kernel;
    this.files = files;
    this.pool = bufferPoolOf(kernel);
    this.context = takeKernelContext(kernel, entries);
    this.submission = new Submission(this.context);
    this.ready = new ReadyQueue(this);
    this.reaper = new Reaper(this.context, this.submission, this.ready, reap);
  }

  /** Whether closing has begun: nothing more is queued. */
  get closing(): boolean {
    return this.submission.closing;
  }

  /** Whether nothing is under way. */
  get idle(): boolean {
    const { inFlight, queued } = this.submission;
    return inFlight === 0 && queued === 0 && this.operations === 0;
  }

  /**
   * Blocks the thread until `minimum` completions are ready or no more can come.
   *
   * @param milliseconds For how long at most
   * @throws {AioError} EAGAIN if the kernel takes nothing of what is queued, and has nothing that
   * could complete; what io_getevents answers
   */
  wait(minimum: number, milliseconds: number): void {
    const { submission, reaper, ready } = this;
    const end = this.#now() + milliseconds;
    let refusals = 0;
    while (true) {
      submission.submit();
      let found = 0;
      for (let count; (count = reaper.reap()) > 0;) found += count;
      const missing = minimum - ready.length;
      if (missing <= 0 || ready.expected === 0) return this.#ask();
      // Slots came free, and what waited for them is not sent yet.
      if (found > 0 && submission.queued > 0) continue;
      const left = end - this.#now();
      if (left <= 0) return this.#ask();
      // If some wait for a slot, or files have requests in flight, the first event is what matters.
      const { queued, inFlight } = submission;
      const least = queued > 0 || inFlight > ready.expected ? 1 : missing;
      if (inFlight === 0) {
        // No completion will say when it takes more. It may be this thread that would have to go on.
        if (refusals++ === MOST_REFUSALS) {
          throw new AioError(-EAGAIN, "io_submit", { hint: REFUSED });
        }
        reaper.pause(Math.min(left, RETRY_MILLISECONDS) * 1000);
        continue;
      }
      refusals = 0;
      // A signal ends the sleep early, so it may be cut as well.
      const longest = this.kernel.longestSleep ?? (left === Infinity ? Infinity : LONGEST_SLEEP);
      reaper.sleep(Math.min(left * 1000, longest), least);
    }
  }

  /**
   * Asks the kernel before a wait ends with nothing. One that works on this thread does so only when
   * it is asked, and a loop that never waits would find nothing for ever.
   */
  #ask(): void {
    if (this.ready.length === 0 && this.submission.inFlight > 0) this.reaper.sleep(0, 0);
  }

  #now(): number {
    return this.kernel.now?.() ?? now();
  }
}
