/**
 * Watches on file descriptors for a runtime whose event loop has none.
 *
 * One thread sleeps in epoll_wait(2) for all of them: each call on another thread takes a thread of
 * the runtime's pool, and a program stands still when its contexts have taken them all.
 *
 * @module
 */
import process from "node:process";
import { bindAddress, type LibcCall, type Runtime, type Watch } from "./runtime.ts";

// Kept, as test runners replace the global one.
const { queueMicrotask } = globalThis;

const EPOLL_CLOEXEC = 0o2000000;
const EFD_CLOEXEC_NONBLOCK = 0o2000000 | 0o4000;
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
const EPOLL_CTL_MOD = 3;
const EPOLLIN = 1;
const EPOLLONESHOT = 1 << 30;

/** `struct epoll_event` is packed on x86_64 alone; see include/uapi/linux/eventpoll.h. */
const DATA = process.arch === "x64" ? 4 : 8;
const EVENT_SIZE = DATA + 8;
/** How many events one epoll_wait takes; the next one takes the rest. */
const EVENTS = 256;

/** What the watches need of the runtime. */
type Binding = Required<Pick<Runtime, "bind" | "bindOnThread" | "view">>;

/** All watches of one thread of JavaScript. */
export class Epoll {
  readonly #errno: Int32Array;
  readonly #fd: number;
  /** An eventfd that ends the sleep of the thread when nothing is watched any more. */
  readonly #signal: number;
  readonly #epollCtl: LibcCall;
  readonly #epollWait: ReturnType<Binding["bindOnThread"]>;
  readonly #read: LibcCall;
  readonly #write: LibcCall;
  /** For the thread that sleeps; outside the garbage collector, and never given back. */
  readonly #events: DataView;
  readonly #eventsAddress: number;
  /** For epoll_ctl, and 8 bytes for the eventfd. */
  readonly #event: DataView;
  readonly #eventAddress: number;
  /** What to call, by descriptor. */
  readonly #armed = new Map<number, () => void>();
  #sleeping = false;
  #signalled = false;

  private constructor(binding: Binding, errno: Int32Array, fd: number, signal: number) {
    const { bind, bindOnThread, view } = binding;
    this.#errno = errno;
    this.#fd = fd;
    this.#signal = signal;
    this.#epollCtl = bind("epoll_ctl", 4);
    this.#epollWait = bindOnThread("epoll_wait", 4);
    this.#read = bind("read", 3);
    this.#write = bind("eventfd_write", 2);
    const memory = bindAddress(bind, "malloc", 1)(EVENT_SIZE * (EVENTS + 1));
    this.#eventsAddress = memory;
    this.#events = new DataView(view(memory, EVENT_SIZE * EVENTS));
    this.#eventAddress = memory + EVENT_SIZE * EVENTS;
    this.#event = new DataView(view(this.#eventAddress, EVENT_SIZE));
    this.#control(EPOLL_CTL_ADD, signal, EPOLLIN);
  }

  /**
   * Makes one, which takes two descriptors for as long as the process lives.
   *
   * @param binding The runtime
   * @returns The watches, or `-errno`
   */
  static open(binding: Binding): Epoll | number {
    const { bind, view } = binding;
    const errno = new Int32Array(view(bindAddress(bind, "__errno_location", 0)(), 4));
    const fd = bind("epoll_create1", 1)(EPOLL_CLOEXEC);
    if (fd < 0) return -errno[0]!;
    const signal = bind("eventfd", 2)(0, EFD_CLOEXEC_NONBLOCK);
    if (signal >= 0) return new Epoll(binding, errno, fd, signal);
    const code = errno[0]!;
    bind("close", 1)(fd);
    return -code;
  }

  /**
   * Watches a descriptor.
   *
   * @param fd Not watched yet
   * @param wake See {@link Watch.arm}
   * @returns The watch, or `-errno`
   */
  watch(fd: number, wake: () => void): Watch | number {
    if (this.#control(EPOLL_CTL_ADD, fd, 0) !== 0) return -this.#errno[0]!;
    return {
      arm: () => this.#arm(fd, wake),
      disarm: () => this.#disarm(fd),
      close: () => {
        this.#disarm(fd);
        this.#control(EPOLL_CTL_DEL, fd, 0);
      },
    };
  }

  #arm(fd: number, wake: () => void): void {
    if (this.#armed.has(fd)) return;
    this.#armed.set(fd, wake);
    this.#control(EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLONESHOT);
    this.#sleep();
  }

  #disarm(fd: number): void {
    // What the epoll still reports of the descriptor finds nothing to call.
    if (!this.#armed.delete(fd) || this.#armed.size > 0) return;
    if (!this.#sleeping || this.#signalled) return;
    this.#signalled = true;
    this.#write(this.#signal, 1);
  }

  #sleep(): void {
    if (this.#sleeping) return;
    this.#sleeping = true;
    this.#epollWait(this.#fd, this.#eventsAddress, EVENTS, -1).then((count) => this.#awake(count));
  }

  #awake(count: number): void {
    this.#sleeping = false;
    const wakes: (() => void)[] = [];
    // Read before the thread sleeps again, as it then writes to the same memory.
    for (let i = 0; i < count; i++) {
      const fd = this.#events.getInt32(EVENT_SIZE * i + DATA, true);
      if (fd === this.#signal) {
        this.#signalled = false;
        this.#read(fd, this.#eventAddress, 8);
        continue;
      }
      const wake = this.#armed.get(fd);
      if (wake === undefined) continue;
      this.#armed.delete(fd);
      wakes.push(wake);
    }
    if (this.#armed.size > 0) this.#sleep();
    // Each by itself, so that an error of one does not keep the others from being called.
    for (const wake of wakes) queueMicrotask(wake);
  }

  #control(operation: number, fd: number, events: number): number {
    this.#event.setUint32(0, events, true);
    this.#event.setInt32(DATA, fd, true);
    this.#event.setInt32(DATA + 4, 0, true);
    return this.#epollCtl(this.#fd, operation, fd, this.#eventAddress);
  }
}
