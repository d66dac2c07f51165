/**
 * The FFI of Deno: `Deno.dlopen`.
 *
 * @module
 */
import { isPermitted } from "./permission.ts";
import { type LibcCall, openLibc, type Runtime, type Watch } from "./runtime.ts";

/** Opaque to us. */
type Pointer = { readonly pointer: unique symbol };

interface Definition {
  name: string;
  parameters: readonly string[];
  result: string;
  nonblocking?: boolean;
}

interface DenoGlobal {
  dlopen(
    name: string,
    symbols: Record<string, Definition>,
  ): { symbols: Record<string, (...words: number[]) => unknown> };
  UnsafePointer: {
    create(address: bigint): Pointer;
    of(view: Uint8Array): Pointer;
    value(pointer: Pointer): number | bigint;
  };
  UnsafePointerView: { getArrayBuffer(pointer: Pointer, byteLength: number): ArrayBuffer };
}

/** Binds to `Deno.dlopen`; needs `--allow-ffi` without a list of paths. */
export function deno(): Runtime {
  // Asked first, as Deno would ask the person again for each name of libc.
  if (!isPermitted({ name: "ffi" })) {
    throw new Error("Cannot use FFI: Deno needs --allow-ffi, without a list of paths");
  }
  const { Deno } = globalThis as unknown as { Deno: DenoGlobal };
  const bind = (symbol: string, words: number, result: string, nonblocking = false) => {
    const definition: Definition = {
      name: symbol,
      parameters: Array(words).fill("i64"),
      result,
      nonblocking,
    };
    return openLibc((name) => Deno.dlopen(name, { call: definition })).symbols["call"]!;
  };
  const view = (address: number, byteLength: number): ArrayBuffer =>
    Deno.UnsafePointerView.getArrayBuffer(
      Deno.UnsafePointer.create(BigInt(address)),
      byteLength,
    );
  const bindAddress = (symbol: string, words: number): LibcCall => {
    const call = bind(symbol, words, "u64");
    return (...args) => Number(call(...args));
  };
  let polling: Polling | undefined;
  return {
    bind: (symbol, words) => bind(symbol, words, "i32") as LibcCall,
    bindAddress,
    bindOnThread: (symbol, words) =>
      bind(symbol, words, "i32", true) as (...words: number[]) => Promise<number>,
    async callOnThread(symbol, words) {
      const result = await (bind(symbol, words.length, "i32", true)(...words) as Promise<number>);
      if (result !== -1) return result;
      // The errno stayed with the other thread. A call that failed at once fails again here.
      const again = bind(symbol, words.length, "i32")(...words) as number;
      return again === -1
        ? -new Int32Array(view(bindAddress("__errno_location", 0)(), 4))[0]!
        : again;
    },
    view,
    addressOf: (buffer) =>
      Number(Deno.UnsafePointer.value(Deno.UnsafePointer.of(new Uint8Array(buffer)))),
    watch(fd, wake) {
      polling ??= {
        poll: bind("poll", 3, "i32", true) as (...words: number[]) => Promise<number>,
        write: bind("eventfd_write", 2, "i32") as LibcCall,
        malloc: bindAddress("malloc", 1),
        free: bind("free", 1, "void"),
        view,
      };
      return new DenoWatch(fd, wake, polling);
    },
  };
}

interface Polling {
  poll(...words: number[]): Promise<number>;
  write: LibcCall;
  malloc: LibcCall;
  free(...words: number[]): unknown;
  view(address: number, byteLength: number): ArrayBuffer;
}

const POLLIN = 1;
const POLLFD_SIZE = 8;

/** A thread of the runtime sleeps in poll(2); the call's promise keeps the process alive. */
class DenoWatch implements Watch {
  readonly #fd: number;
  readonly #wake: () => void;
  readonly #polling: Polling;
  /** One `struct pollfd`, outside the garbage collector: the thread reads it. */
  readonly #pollfd: number;
  #armed = false;
  #sleeping = false;
  #closed: (() => void) | undefined;

  constructor(fd: number, wake: () => void, polling: Polling) {
    this.#fd = fd;
    this.#wake = wake;
    this.#polling = polling;
    this.#pollfd = polling.malloc(POLLFD_SIZE);
    const words = new Int32Array(polling.view(this.#pollfd, POLLFD_SIZE));
    words[0] = fd;
    words[1] = POLLIN;
  }

  /** Not while a thread sleeps that {@link DenoWatch.disarm} has signalled: it would miss that. */
  get idle(): boolean {
    return !this.#sleeping;
  }

  arm(): void {
    this.#armed = true;
    if (this.#sleeping) return;
    this.#sleeping = true;
    this.#polling.poll(this.#pollfd, 1, -1).then(() => this.#awake());
  }

  #awake(): void {
    this.#sleeping = false;
    if (this.#closed) return this.#release();
    if (!this.#armed) return;
    this.#armed = false;
    this.#wake();
  }

  disarm(): void {
    if (!this.#armed) return;
    this.#armed = false;
    // The thread returns only if it gets what it waits for.
    this.#polling.write(this.#fd, 1);
  }

  close(closed: () => void): void {
    this.#closed = closed;
    this.disarm();
    if (!this.#sleeping) this.#release();
  }

  #release(): void {
    this.#polling.free(this.#pollfd);
    this.#closed?.();
  }
}
