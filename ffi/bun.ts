/**
 * The FFI of Bun: `bun:ffi`.
 *
 * @module
 */
import process from "node:process";
import { inWorker } from "./on_thread.ts";
import { clearTimeout, setTimeout } from "node:timers";
import { type LibcCall, openLibc, type Runtime, type Watch } from "./runtime.ts";

/** What is used of `bun:ffi`; held against its own types in scripts/bun_types.ts. */
export interface BunFfi {
  dlopen(
    name: string,
    symbols: Record<string, { args: readonly string[]; returns: string }>,
  ): { symbols: Record<string, LibcCall> };
  toArrayBuffer(address: number, byteOffset: number, byteLength: number): ArrayBuffer;
  ptr(view: Uint8Array): number;
}

interface Reader {
  read(): Promise<unknown>;
  cancel(): Promise<void>;
}

interface BunGlobal {
  file(fd: number): { stream(): { getReader(): Reader } };
}

/** For {@link inWorker}. */
const OPEN = `
  const { dlopen, read } = require("bun:ffi");
  const { symbols } = dlopen(name, {
    __errno_location: { args: [], returns: "u64" },
    [symbol]: { args: words.map(() => "i64"), returns: "i32" },
  });
  return {
    errnoPlace: () => Number(symbols.__errno_location()),
    call: (words) => symbols[symbol](...words),
    errno: (place) => read.i32(place, 0),
  };`;

/** Binds to `bun:ffi`. */
export function bun(): Runtime {
  const ffi = process.getBuiltinModule("bun:ffi") as unknown as BunFfi | undefined;
  if (ffi === undefined) {
    throw new Error(`Cannot use FFI: this Bun has no bun:ffi: ${process.versions["bun"]}`);
  }
  // Past releases of Bun have corrupted numbers that were passed as ptr, so i64 is used.
  const bind = (symbol: string, words: number, returns: string): LibcCall =>
    openLibc((name) => ffi.dlopen(name, { [symbol]: { args: Array(words).fill("i64"), returns } }))
      .symbols[symbol]!;
  return {
    bind: (symbol, words) => bind(symbol, words, "i32"),
    bindAddress(symbol, words) {
      const call = bind(symbol, words, "u64");
      return (...args) => Number(call(...args));
    },
    callOnThread: inWorker(OPEN),
    fsCopies: true,
    view: (address, byteLength) => ffi.toArrayBuffer(address, 0, byteLength),
    // A view on the whole buffer: a small typed array would move when its buffer is asked for
    // For empty memory `ptr` would return an error instead of throwing it.
    addressOf: (buffer) => buffer.byteLength === 0 ? 0 : ffi.ptr(new Uint8Array(buffer)),
    watch: (fd, wake) => new BunWatch(fd, wake),
  };
}

/** So long a stream is kept that nobody waits for: a new one takes 256 KiB of memory. */
const KEPT_MILLISECONDS = 10;

/** The event loop epolls the descriptor for a stream of it; each chunk is one wake-up. */
class BunWatch implements Watch {
  readonly #fd: number;
  readonly #wake: () => void;
  #reader: Reader | undefined;
  #armed = false;
  #reading = false;
  /** Runs while a stream is kept that nobody waits for. */
  #keeping: ReturnType<typeof setTimeout> | undefined;
  /** Armed since that began. */
  #used = false;
  readonly idle = true;

  constructor(fd: number, wake: () => void) {
    this.#fd = fd;
    this.#wake = wake;
  }

  arm(): void {
    this.#armed = this.#used = true;
    if (this.#reading) return;
    const { Bun } = globalThis as unknown as { Bun: BunGlobal };
    const reader = this.#reader ??= Bun.file(this.#fd).stream().getReader();
    this.#reading = true;
    const readable = () => {
      if (this.#reader !== reader) return;
      this.#reading = false;
      if (!this.#armed) return;
      this.#armed = false;
      this.#wake();
    };
    reader.read().then(readable, readable);
  }

  disarm(): void {
    this.#armed = false;
    if (this.#reader === undefined || this.#keeping !== undefined) return;
    this.#used = false;
    this.#keeping = setTimeout(this.#kept, KEPT_MILLISECONDS);
  }

  readonly #kept = (): void => {
    this.#keeping = undefined;
    if (this.#armed) return;
    if (this.#used) this.disarm();
    else this.#cancel();
  };

  close(closed: () => void): void {
    this.#armed = false;
    if (this.#keeping !== undefined) clearTimeout(this.#keeping);
    this.#keeping = undefined;
    this.#cancel();
    closed();
  }

  #cancel(): void {
    // A reader keeps the process alive, read or not. Cancelling leaves the descriptor open.
    const reader = this.#reader;
    this.#reader = undefined;
    this.#reading = false;
    reader?.cancel().catch(() => {});
  }
}
