/**
 * An eventfd bound to the event loop.
 *
 * @module
 */
import { bindAddress, type Runtime, type Watch } from "./runtime.ts";

const EFD_CLOEXEC_NONBLOCK = 0o2000000 | 0o4000;

type Calls = ReturnType<typeof bindCalls>;

let calls: Calls | undefined;

/** The few calls of libc that every eventfd of this thread shares. */
function bindCalls({ bind }: Runtime) {
  return {
    eventfd: bind("eventfd", 2),
    read: bind("read", 3),
    close: bind("close", 1),
    /** Eight bytes for `read`, outside the garbage collector. */
    scratch: bindAddress(bind, "malloc", 1)(8),
  };
}

/** See eventfd(2). Counts up for each completion; `wake` is called from the event loop. */
export class Eventfd {
  /** The descriptor, for `aio_resfd`. */
  readonly fd: number;
  /** See {@link Runtime.wakesPromptly}. */
  readonly prompt: boolean;
  readonly #calls: Calls;
  readonly #watch: Watch;
  #closed = false;

  /**
   * @param runtime Where to make it
   * @param wake Called once for each {@link Eventfd.arm} that was followed by a completion
   * @throws {Error} Where the process has no descriptor left
   */
  constructor(runtime: Runtime, wake: () => void) {
    this.#calls = calls ??= bindCalls(runtime);
    this.prompt = runtime.wakesPromptly ?? false;
    this.fd = this.#calls.eventfd(0, EFD_CLOEXEC_NONBLOCK);
    if (this.fd < 0) throw new Error("Cannot make an eventfd: no file descriptor is left");
    try {
      this.#watch = runtime.watch(this.fd, wake);
    } catch (error) {
      this.#calls.close(this.fd);
      throw error;
    }
  }

  /** Asks for one call of `wake`; the process stays alive until it comes. */
  arm(): void {
    this.#watch.arm();
  }

  /** Takes {@link Eventfd.arm} back. */
  disarm(): void {
    this.#watch.disarm();
  }

  /** Reads the counter down to zero, so that the next {@link Eventfd.arm} waits for new events. */
  drain(): void {
    if (this.#watch.idle) this.#calls.read(this.fd, this.#calls.scratch, 8);
  }

  /** Ends the watch and closes the descriptor. */
  close(): void {
    // By a second call the number may belong to another file.
    if (this.#closed) return;
    this.#closed = true;
    this.#watch.close(() => this.#calls.close(this.fd));
  }
}
