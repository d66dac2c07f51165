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

/**
 * Makes an eventfd.
 *
 * @param runtime Where to make it
 * @param errno Of this thread
 * @param wake Called once for each {@link Eventfd.arm} that was followed by a completion
 * @returns The eventfd, or `-errno`
 */
export function makeEventfd(
  runtime: Runtime,
  errno: Int32Array,
  wake: () => void,
): Eventfd | number {
  calls ??= bindCalls(runtime);
  const fd = calls.eventfd(0, EFD_CLOEXEC_NONBLOCK);
  if (fd < 0) return -errno[0]!;
  let made: Eventfd | undefined;
  try {
    const watch = runtime.watch(fd, wake);
    if (typeof watch === "number") return watch;
    return made = new Eventfd(calls, fd, watch, runtime.wakesPromptly);
  } finally {
    if (made === undefined) calls.close(fd);
  }
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

  /** See {@link makeEventfd}. */
  constructor(calls: Calls, fd: number, watch: Watch, prompt = false) {
    this.#calls = calls;
    this.fd = fd;
    this.#watch = watch;
    this.prompt = prompt;
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
    this.#calls.read(this.fd, this.#calls.scratch, 8);
  }

  /** Ends the watch and closes the descriptor. */
  close(): void {
    // By a second call the number may belong to another file.
    if (this.#closed) return;
    this.#closed = true;
    this.#watch.close();
    this.#calls.close(this.fd);
  }
}
