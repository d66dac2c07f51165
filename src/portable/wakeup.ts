/**
 * Being woken by completions, where the event loop does the work itself.
 *
 * @module
 */
import type { Wakeup } from "../kernel.ts";
import { Once } from "../once.ts";
import { clearInterval, KEEP_ALIVE_MILLISECONDS, setImmediate, setInterval } from "../timers.ts";
import { Eventfd } from "./eventfd.ts";
import type { Process } from "./process.ts";

/** See {@link Wakeup}. */
export class LoopWakeup implements Wakeup {
  readonly fd: number;
  /** The work is done by this event loop, so a sleep in io_getevents would only delay it. */
  readonly prompt = true;
  readonly #process: Process;
  readonly #eventfd: Eventfd;
  readonly #leave: () => void;
  #armed = false;
  /** One call for all completions of a turn. */
  readonly #waking: Once;
  /** A request that waits for ever does not keep the process alive; this timer does. */
  readonly #alive = setInterval(() => {}, KEEP_ALIVE_MILLISECONDS);

  constructor(process: Process, wake: () => void) {
    this.#process = process;
    this.#eventfd = new Eventfd(process.machine.files, 0);
    this.fd = this.#eventfd.fd;
    process.wakeups.add(this);
    this.#alive.unref();
    this.#waking = new Once(setImmediate, () => {
      if (!this.#armed) return;
      this.#armed = false;
      wake();
    });
    this.#leave = this.#eventfd.waiters.add(() => {
      if (this.#armed) this.#waking.ask();
    });
  }

  arm(): void {
    if (this.#armed) return;
    this.#armed = true;
    this.#alive.ref();
    if (this.#eventfd.count > 0) this.#waking.ask();
  }

  disarm(): void {
    this.#armed = false;
    this.#alive.unref();
  }

  drain(): void {
    this.#eventfd.take();
  }

  close(): void {
    this.disarm();
    clearInterval(this.#alive);
    this.#leave();
    this.#eventfd[Symbol.dispose]();
    this.#process.wakeups.delete(this);
  }
}
