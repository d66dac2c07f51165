/**
 * What differs from one runtime's FFI to the next.
 *
 * @module
 */

/** A function of libc: every argument a machine word, the result its low 32 bits, signed. */
export type LibcCall = (...words: number[]) => number;

/** The event loop's watch on a file descriptor, made by {@link Runtime.watch}. */
export interface Watch {
  /** Calls `wake` once when the descriptor is readable; keeps the process alive until then. */
  arm(): void;
  /** Lets the process end again, perhaps a little later; a `wake` under way may still come. */
  disarm(): void;
  /** Ends the watch: the descriptor is not looked at any more. */
  close(): void;
}

/** What differs from one runtime to the next. */
export interface Runtime {
  /** Binds `symbol` of libc with `words` arguments; see {@link bindAddress} for `"u64"`. */
  bind(symbol: string, words: number, returns?: "i32" | "u64"): LibcCall;
  /**
   * Binds `symbol` of libc to be called by another thread, where the runtime can: the result's low
   * 32 bits; errno stays with that thread. A call keeps the process alive.
   */
  bindOnThread?(symbol: string, words: number): (...words: number[]) => Promise<number>;
  /**
   * Has `symbol` of libc called once by another thread, however long that takes: its result, or
   * `-errno`. Keeps the process alive until then.
   */
  callOnThread(symbol: string, words: number[]): Promise<number>;
  /**
   * Whether the asynchronous calls of `node:fs` copy memory of WebAssembly on the thread that asks,
   * as Bun does because such memory may grow.
   */
  readonly fsCopies?: true;
  /** Whether {@link Runtime.watch} wakes the loop as soon as a thread that sleeps in the kernel. */
  readonly wakesPromptly?: true;
  /** A view on memory, without a copy and without an owner. */
  view(address: number, byteLength: number): ArrayBuffer;
  /** Where the bytes of a buffer lie now. */
  addressOf(buffer: ArrayBuffer): number;
  /** Watches a non-blocking descriptor from the event loop: the watch, or `-errno`. */
  watch(fd: number, wake: () => void): Watch | number;
}

/** Binds `symbol` of libc with `words` arguments; the result as an unsigned address. */
export function bindAddress(bind: Runtime["bind"], symbol: string, words: number): LibcCall {
  const call = bind(symbol, words, "u64");
  // Some runtimes return 64 bits as a BigInt.
  return (...args) => Number(call(...args));
}

/** Names of libc, glibc first, then musl. A bare `libc.so` can be a linker script with glibc. */
const LIBC_NAMES: readonly string[] = [
  "libc.so.6",
  "libc.musl-x86_64.so.1",
  "libc.musl-aarch64.so.1",
  "libc.musl-riscv64.so.1",
  "libc.so",
];

/** The name under which libc was opened, once it was. */
export let libcName: string | undefined;

/**
 * Opens libc under the first name that works.
 *
 * @param open Opens one library by name, or throws
 * @returns What `open` returned
 * @throws What `open` threw for the first name, where none works
 */
export function openLibc<T>(open: (name: string) => T): T {
  let first: unknown;
  for (const name of libcName === undefined ? LIBC_NAMES : [libcName]) {
    try {
      const libc = open(name);
      libcName = name;
      return libc;
    } catch (error) {
      // A refused permission is refused under every name, and is what the user has to know.
      first ??= error;
    }
  }
  throw first;
}
