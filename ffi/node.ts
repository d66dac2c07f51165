/**
 * The FFI of Node 26: `node:ffi`.
 *
 * @module
 */
import process from "node:process";
import timers from "node:timers";
import { ffiLackOfNode } from "./advice.ts";
import { inWorker } from "./on_thread.ts";
import { bindAddress, type LibcCall, openLibc, type Runtime, type Watch } from "./runtime.ts";

/** As when kaio was loaded: test runners replace them. */
const { setImmediate } = timers;

type WordsCall = (...words: bigint[]) => number | bigint;

interface Signature {
  arguments: readonly string[];
  return: string;
}

interface DynamicLibrary {
  getFunction(symbol: string, signature: Signature): WordsCall;
  getSymbol(symbol: string): bigint;
}

interface NodeFfi {
  DynamicLibrary: new (name: string | null) => DynamicLibrary;
  toArrayBuffer(address: bigint, byteLength: number, copy: boolean): ArrayBuffer;
  getRawPointer(buffer: ArrayBuffer): bigint;
  getUint32(address: bigint, byteOffset: number): number;
  setUint32(address: bigint, byteOffset: number, value: number): void;
  getCurrentEventLoop(): bigint;
}

/** For {@link inWorker}. */
const OPEN = `
  // The program was warned already, when it loaded node:ffi itself.
  process.emitWarning = () => {};
  const { DynamicLibrary, getInt32 } = process.getBuiltinModule("node:ffi");
  const library = new DynamicLibrary(name);
  const place = library.getFunction("__errno_location", { arguments: [], return: "u64" });
  const call = library.getFunction(symbol, { arguments: words.map(() => "i64"), return: "i32" });
  return {
    errnoPlace: () => place(),
    call: (words) => call(...words.map(BigInt)),
    errno: (place) => getInt32(place, 0),
  };`;

const LACKS = {
  old: (version: string) => `it comes with Node 26.9, and this is Node ${version}`,
  flag: (version: string) => `Node ${version} has it only with --experimental-ffi`,
  off: (version: string) =>
    `Node ${version} runs with --no-experimental-ffi, or was built without FFI`,
};

/** Binds to `node:ffi`; under `--permission` it needs `--allow-ffi`. */
export function node(): Runtime {
  const ffi = process.getBuiltinModule?.("node:ffi") as unknown as NodeFfi | undefined;
  // The first releases that have node:ffi lack the event loop, which a watch needs.
  if (ffi?.getCurrentEventLoop === undefined) {
    throw new Error(`Cannot use FFI: ${LACKS[ffiLackOfNode()](process.versions.node)}`);
  }
  // A library holds one signature for each symbol, so every binding opens a library of its own.
  const bind: Runtime["bind"] = (symbol, words, returns = "i32") =>
    takingNumbers(
      openLibc((name) => new ffi.DynamicLibrary(name))
        .getFunction(symbol, { arguments: Array(words).fill("i64"), return: returns }),
      words,
    );
  let uv: Uv | undefined;
  return {
    bind,
    callOnThread: inWorker(OPEN),
    view: (address, byteLength) => ffi.toArrayBuffer(BigInt(address), byteLength, false),
    addressOf: (buffer) => Number(ffi.getRawPointer(buffer)),
    wakesPromptly: true,
    watch: (fd, wake) => watchByUv(uv ??= bindUv(ffi, bindAddress(bind, "malloc", 1)), fd, wake),
  };
}

/**
 * node:ffi takes words as BigInt only. Most words of our calls repeat from one call to the next
 * (the context, the arrays), so each place keeps its last BigInt instead of making a new one.
 */
function takingNumbers(call: WordsCall, words: number): LibcCall {
  const n = new Float64Array(words);
  const w: bigint[] = Array(words).fill(0n);
  const set = (place: number, value: number): void => {
    // First, as it throws for what is no integer, and that must not be found here the next time.
    w[place] = BigInt(value);
    n[place] = value;
  };
  switch (words) {
    case 3:
      return (a, b, c) => {
        if (n[0] !== a) set(0, a!);
        if (n[1] !== b) set(1, b!);
        if (n[2] !== c) set(2, c!);
        return call(w[0]!, w[1]!, w[2]!) as number;
      };
    case 4:
      return (a, b, c, d) => {
        if (n[0] !== a) set(0, a!);
        if (n[1] !== b) set(1, b!);
        if (n[2] !== c) set(2, c!);
        if (n[3] !== d) set(3, d!);
        return call(w[0]!, w[1]!, w[2]!, w[3]!) as number;
      };
    case 7:
      return (a, b, c, d, e, f, g) => {
        if (n[0] !== a) set(0, a!);
        if (n[1] !== b) set(1, b!);
        if (n[2] !== c) set(2, c!);
        if (n[3] !== d) set(3, d!);
        if (n[4] !== e) set(4, e!);
        if (n[5] !== f) set(5, f!);
        if (n[6] !== g) set(6, g!);
        return call(w[0]!, w[1]!, w[2]!, w[3]!, w[4]!, w[5]!, w[6]!) as number;
      };
    default:
      // Calls with fewer or more words are not made for every few requests.
      return (...values) => {
        values.forEach((value, place) => n[place] === value || set(place, value));
        return call(...w) as number;
      };
  }
}

const UV_POLL = 8n;
const UV_READABLE = 1n;

// `flags` of a `uv_handle_t`; see include/uv.h and src/uv-common.h of libuv.
const UV_HANDLE_FLAGS = 88n;
const UV_HANDLE_REF = 0x8;
const UV_HANDLE_INTERNAL = 0x10;

type Uv = ReturnType<typeof bindUv>;

/** The few functions of libuv that every watch of this thread shares; the process has them. */
function bindUv(ffi: NodeFfi, malloc: LibcCall) {
  const library = new ffi.DynamicLibrary(null);
  const bind = (symbol: string, words: number): WordsCall =>
    library.getFunction(symbol, { arguments: Array(words).fill("i64"), return: "i32" });
  const size = Number(bind("uv_handle_size", 1)(UV_POLL));
  return {
    ffi,
    loop: ffi.getCurrentEventLoop(),
    /** Memory for a `uv_poll_t`, never given back: libuv uses it after `uv_close`, too. */
    allocate: () => BigInt(malloc(size)),
    pollInit: bind("uv_poll_init", 3),
    pollStart: bind("uv_poll_start", 3),
    pollStop: bind("uv_poll_stop", 1),
    /** Where `uv_poll_stop` is. */
    pollStopPlace: library.getSymbol("uv_poll_stop"),
    isActive: bind("uv_is_active", 1),
    close: bind("uv_close", 2),
  };
}

/**
 * Marks a handle as one of libuv's own. When a worker is terminated no code of ours runs to close
 * it, and Node ends the process over a loop that has handles other than those.
 */
function disown({ ffi }: Uv, handle: bigint): void {
  const flags = ffi.getUint32(handle + UV_HANDLE_FLAGS, 0);
  if (flags !== UV_HANDLE_REF) {
    throw new Error("Cannot watch file descriptors: this libuv lays its handles out differently");
  }
  ffi.setUint32(handle + UV_HANDLE_FLAGS, 0, flags | UV_HANDLE_INTERNAL);
}

/**
 * A `uv_poll_t` on the descriptor, active only while armed.
 *
 * libuv must not call JavaScript: in a worker that is being terminated such a call fails, and Node
 * ends the process over a foreign callback that fails. So the callback is `uv_poll_stop`, which
 * takes the handle as its first argument as every callback of libuv does. That the handle was
 * stopped is seen by an immediate, which comes right after the loop has polled, and which alone
 * does not keep the loop from waiting.
 */
function watchByUv(uv: Uv, fd: number, wake: () => void): Watch | number {
  const handle = uv.allocate();
  const code = Number(uv.pollInit(uv.loop, handle, BigInt(fd)));
  if (code !== 0) return code;
  disown(uv, handle);
  let armed = false;
  let looking = false;

  function lookAfterPoll(): void {
    if (looking) return;
    looking = true;
    setImmediate(look).unref();
  }

  function look(): void {
    looking = false;
    if (!armed) return;
    // The loop turned for something else.
    if (uv.isActive(handle) !== 0) return lookAfterPoll();
    armed = false;
    wake();
  }

  function disarm(): void {
    if (!armed) return;
    armed = false;
    uv.pollStop(handle);
  }

  return {
    arm() {
      if (armed) return;
      armed = true;
      uv.pollStart(handle, UV_READABLE, uv.pollStopPlace);
      lookAfterPoll();
    },
    disarm,
    close() {
      disarm();
      uv.close(handle, 0n);
    },
  };
}
