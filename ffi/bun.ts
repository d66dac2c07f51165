/**
 * The FFI of Bun: `bun:ffi`.
 *
 * @module
 */
import process from "node:process";
import timers from "node:timers";
import { inWorker } from "./on_thread.ts";
import { type LibcCall, openLibc, type Runtime, type Watch } from "./runtime.ts";

/** As when kaio was loaded: test runners replace them. */
const { clearTimeout, setTimeout } = timers;

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
  const bind: Runtime["bind"] = (symbol, words, returns = "i32") =>
    openLibc((name) => ffi.dlopen(name, { [symbol]: { args: Array(words).fill("i64"), returns } }))
      .symbols[symbol]!;
  return {
    bind,
    callOnThread: inWorker(OPEN),
    fsCopies: true,
    view: (address, byteLength) => ffi.toArrayBuffer(address, 0, byteLength),
    // A view on the whole buffer: a small typed array would move when its buffer is asked for
    // For empty memory `ptr` would return an error instead of throwing it.
    addressOf: (buffer) => buffer.byteLength === 0 ? 0 : ffi.ptr(new Uint8Array(buffer)),
    watch: watchByStream,
  };
}

/** So long a stream is kept that nobody waits for: a new one takes 256 KiB of memory. */
const KEPT_MILLISECONDS = 10;

/** The event loop epolls the descriptor for a stream of it; each chunk is one wake-up. */
function watchByStream(fd: number, wake: () => void): Watch {
  let reader: Reader | undefined;
  let armed = false;
  let reading = false;
  /** Runs while a stream is kept that nobody waits for. */
  let keeping: ReturnType<typeof setTimeout> | undefined;
  /** Armed since that began. */
  let used = false;

  function disarm(): void {
    armed = false;
    if (reader === undefined || keeping !== undefined) return;
    used = false;
    keeping = setTimeout(kept, KEPT_MILLISECONDS);
  }

  function kept(): void {
    keeping = undefined;
    if (armed) return;
    if (used) disarm();
    else cancel();
  }

  function cancel(): void {
    // A reader keeps the process alive, read or not. Cancelling leaves the descriptor open.
    const cancelled = reader;
    reader = undefined;
    reading = false;
    cancelled?.cancel().catch(() => {});
  }

  return {
    arm() {
      const { Bun } = globalThis as unknown as { Bun: BunGlobal };
      // First, as it throws where no descriptor is left for the stream.
      const current = reader ??= Bun.file(fd).stream().getReader();
      armed = used = true;
      if (reading) return;
      reading = true;
      const readable = () => {
        if (reader !== current) return;
        reading = false;
        if (!armed) return;
        armed = false;
        wake();
      };
      current.read().then(readable, readable);
    },
    disarm,
    close() {
      armed = false;
      clearTimeout(keeping);
      keeping = undefined;
      cancel();
    },
  };
}
