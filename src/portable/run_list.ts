/**
 * The retry machine: requests whose run got nowhere, and that were kicked since.
 *
 * A request has one run at a time. A kick while it runs is remembered, and the next run follows
 * the one under way; a kick while it is on the list changes nothing.
 *
 * @module
 */
import { EINTR } from "../abi/errno.ts";
import { Once } from "../once.ts";
import { setImmediate } from "../timers.ts";
import { EIOCBQUEUED, EIOCBRETRY } from "./file.ts";
import type { Kiocb } from "./kiocb.ts";

/** ERESTARTSYS, ERESTARTNOINTR, ERESTARTNOHAND, ERESTART_RESTARTBLOCK: for the kernel alone. */
const RESTARTS: ReadonlySet<number> = new Set([-512, -513, -514, -516]);

/** Runs what was kicked where no thread does: counterpart of `aio_wq`. */
export class WorkQueue {
  /** The lists that have something to run, or had when they were added. */
  #lists = new Set<RunList>();
  readonly #work = new Once(setImmediate, () => this.aio_kick_handler());

  /** Has the requests on a list run soon. */
  aio_queue_work(list: RunList): void {
    this.#lists.add(list);
    this.#work.ask();
  }

  /**
   * Runs each list once: from the event loop, or by a thread that waits. What these runs add is
   * queued anew.
   *
   * @returns Whether there was anything to run
   */
  aio_kick_handler(): boolean {
    if (this.#lists.size === 0) return false;
    const lists = this.#lists;
    this.#lists = new Set();
    let ran = false;
    for (const list of lists) ran = list.aio_run_iocbs() || ran;
    return ran;
  }
}

/** The run list of a context. */
export class RunList {
  readonly #complete: (request: Kiocb, res: number) => void;
  readonly #queue: WorkQueue;
  #list: Kiocb[] = [];

  /**
   * @param complete Receives the result of a request: `aio_complete`
   * @param queue Runs the list if no thread does
   */
  constructor(complete: (request: Kiocb, res: number) => void, queue: WorkQueue = new WorkQueue()) {
    this.#complete = complete;
    this.#queue = queue;
  }

  /** How many requests are to run again. */
  get length(): number {
    return this.#list.length;
  }

  /** Runs a request once. */
  aio_run_iocb(request: Kiocb): void {
    request.kicked = false;
    request.running = true;
    const res = request.cancelled ? -EINTR : request.retry(request);
    request.running = false;
    if (res === -EIOCBQUEUED) return;
    if (res === -EIOCBRETRY) {
      if (request.kicked) this.#queue_kicked_iocb(request);
      return;
    }
    // The system call cannot be started again: other requests are in flight already.
    this.#complete(request, RESTARTS.has(res) ? -EINTR : res);
  }

  /** Has a request run again: by a thread that waits, or by the work queue. */
  kick_iocb(request: Kiocb): void {
    // Counterpart of `try_queue_kicked_iocb`.
    if (request.kicked) return;
    request.kicked = true;
    if (!request.running) this.#queue_kicked_iocb(request);
  }

  /** Counterpart of `__queue_kicked_iocb`. */
  #queue_kicked_iocb(request: Kiocb): void {
    if (request.listed) return;
    request.listed = true;
    this.#list.push(request);
    this.#queue.aio_queue_work(this);
  }

  /** Takes a request that has completed off the list. */
  remove(request: Kiocb): void {
    if (!request.listed) return;
    request.listed = false;
    this.#list.splice(this.#list.indexOf(request), 1);
  }

  /**
   * Runs the requests that are on the list, but not those that these runs add. Counterpart of
   * `__aio_run_iocbs`.
   *
   * @returns Whether there were any
   */
  aio_run_iocbs(): boolean {
    const list = this.#list;
    if (list.length === 0) return false;
    this.#list = [];
    for (const request of list) {
      request.listed = false;
      this.aio_run_iocb(request);
    }
    return true;
  }

  /** Runs until the list stays empty. */
  aio_run_all_iocbs(): void {
    while (this.aio_run_iocbs()) { /* what the runs before have kicked */ }
  }
}
