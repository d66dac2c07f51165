/**
 * The retry machine: requests whose run got nowhere, and that were kicked since. See aio_run_iocb,
 * kick_iocb and aio_kick_handler of Linux 3.4.
 *
 * A request has one run at a time. A kick while it runs is remembered, and the next run follows
 * the one under way; a kick while it is on the list changes nothing.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import { EINTR } from "../abi/errno.ts";
import { EIOCBQUEUED, EIOCBRETRY, type Kiocb } from "./kiocb.ts";

/** ERESTARTSYS, ERESTARTNOINTR, ERESTARTNOHAND, ERESTART_RESTARTBLOCK: for nobody outside. */
const RESTARTS: ReadonlySet<number> = new Set([-512, -513, -514, -516]);

/** The run list of a process, and the work queue that takes it over. */
export class RunList {
  readonly #complete: (request: Kiocb, res: number) => void;
  #list: Kiocb[] = [];
  #scheduled = false;

  /** @param complete Told of requests that have their result */
  constructor(complete: (request: Kiocb, res: number) => void) {
    this.#complete = complete;
  }

  /** Runs a request once. */
  run(request: Kiocb): void {
    request.kicked = false;
    request.running = true;
    const res = request.cancelled ? -EINTR : request.retry(request);
    request.running = false;
    if (res === -EIOCBQUEUED) return;
    if (res === -EIOCBRETRY) {
      if (request.kicked) this.#add(request);
      return;
    }
    // There is no system call that could be started again: other requests are under way already
    this.#complete(request, RESTARTS.has(res) ? -EINTR : res);
  }

  /** Has a request run again; by the next who waits, or by the work queue. */
  readonly kick = (request: Kiocb): void => {
    if (request.kicked) return;
    request.kicked = true;
    if (!request.running) this.#add(request);
  };

  #add(request: Kiocb): void {
    if (request.listed) return;
    request.listed = true;
    this.#list.push(request);
    this.#schedule();
  }

  /** Takes a request off that needs no further run. */
  remove(request: Kiocb): void {
    if (!request.listed) return;
    request.listed = false;
    this.#list.splice(this.#list.indexOf(request), 1);
  }

  /**
   * Runs all that were on the list.
   *
   * @returns Whether there were any
   */
  drain(): boolean {
    const list = this.#list;
    if (list.length === 0) return false;
    this.#list = [];
    for (const request of list) {
      request.listed = false;
      this.run(request);
    }
    return true;
  }

  /** The work queue: goes on until the list stays empty. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.drain();
      if (this.#list.length > 0) this.#schedule();
    });
  }
}
