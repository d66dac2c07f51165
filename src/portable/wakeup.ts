/**
 * Being woken by completions, where the event loop does the work itself.
 *
 * @module
 */
import { clearInterval, setImmediate, setInterval } from "node:timers";
import type { Wakeup } from "../kernel.ts";
import type { Eventfd } from "./eventfd.ts";

/** Longer than any process runs between two of its own events. */
const KEEP_ALIVE_MILLISECONDS = 2 ** 30;

/** See {@link Wakeup}. */
export class LoopWakeup implements Wakeup {
  readonly fd: number;
  /** The work is done by this event loop, so a sleep in io_getevents would only delay it. */
  readonly prompt = true;
  readonly #eventfd: Eventfd;
  readonly #wake: () => void;
  readonly #leave: () => void;
  readonly #closed: () => void;
  #armed = false;
  #scheduled = false;
  /** A request that waits for ever holds nothing of the event loop; this does. */
  readonly #alive = setInterval(() => {}, KEEP_ALIVE_MILLISECONDS);

  constructor(eventfd: Eventfd, fd: number, wake: () => void, closed: () => void) {
    this.fd = fd;
    this.#eventfd = eventfd;
    this.#wake = wake;
    this.#closed = closed;
    this.#alive.unref();
    this.#leave = eventfd.wait(() => this.#signalled());
  }

  arm(): void {
    if (this.#armed) return;
    this.#armed = true;
    this.#alive.ref();
    if (this.#eventfd.count > 0) this.#signalled();
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
    this.#closed();
  }

  /** One call for all completions of a turn. */
  #signalled(): void {
    if (!this.#armed || this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      if (!this.#armed) return;
      this.#armed = false;
      this.#wake();
    });
  }
}
