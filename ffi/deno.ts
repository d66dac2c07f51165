/**
 * The FFI of Deno: `Deno.dlopen`.
 *
 * @module
 */
import { isPermitted } from "./permission.ts";
import { bindAddress, type LibcCall, openLibc, type Runtime, type Watch } from "./runtime.ts";

/** Opaque to us. */
type Pointer = { readonly pointer: unique symbol };

type BindOnThread = NonNullable<Runtime["bindOnThread"]>;

interface DenoGlobal {
  dlopen(
    name: string,
    symbols: {
      call: { name: string; parameters: readonly string[]; result: string; nonblocking: boolean };
    },
  ): { symbols: { call(...words: number[]): unknown } };
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
  const open = (symbol: string, words: number, result: string, nonblocking: boolean) => {
    const parameters = Array(words).fill("i64");
    const call = { name: symbol, parameters, result, nonblocking };
    return openLibc((name) => Deno.dlopen(name, { call })).symbols.call;
  };
  const bind: Runtime["bind"] = (symbol, words, returns = "i32") =>
    open(symbol, words, returns, false) as LibcCall;
  const bindOnThread: BindOnThread = (symbol, words) =>
    open(symbol, words, "i32", true) as ReturnType<BindOnThread>;
  const view: Runtime["view"] = (address, byteLength) =>
    Deno.UnsafePointerView.getArrayBuffer(Deno.UnsafePointer.create(BigInt(address)), byteLength);
  let polling: Polling | undefined;
  return {
    bind,
    bindOnThread,
    async callOnThread(symbol, words) {
      const result = await bindOnThread(symbol, words.length)(...words);
      if (result !== -1) return result;
      // The errno stayed with the other thread. A call that failed at once fails again here.
      const again = bind(symbol, words.length)(...words);
      if (again !== -1) return again;
      return -new Int32Array(view(bindAddress(bind, "__errno_location", 0)(), 4))[0]!;
    },
    view,
    addressOf: (buffer) =>
      Number(Deno.UnsafePointer.value(Deno.UnsafePointer.of(new Uint8Array(buffer)))),
    watch: (fd, wake) => watchByPoll(polling ??= bindPolling(bind, bindOnThread), view, fd, wake),
  };
}

type Polling = ReturnType<typeof bindPolling>;

function bindPolling(bind: Runtime["bind"], bindOnThread: BindOnThread) {
  return {
    poll: bindOnThread("poll", 3),
    write: bind("eventfd_write", 2),
    malloc: bindAddress(bind, "malloc", 1),
    free: bind("free", 1),
  };
}

const POLLIN = 1;
const POLLFD_SIZE = 8;

/** A thread of the runtime sleeps in poll(2); the call's promise keeps the process alive. */
function watchByPoll(polling: Polling, view: Runtime["view"], fd: number, wake: () => void): Watch {
  /** One `struct pollfd`, outside the garbage collector: the thread reads it. */
  const pollfd = polling.malloc(POLLFD_SIZE);
  new Int32Array(view(pollfd, POLLFD_SIZE)).set([fd, POLLIN]);
  let armed = false;
  let sleeping = false;
  let whenClosed: (() => void) | undefined;

  function awake(): void {
    sleeping = false;
    if (whenClosed) return release();
    if (!armed) return;
    armed = false;
    wake();
  }

  function disarm(): void {
    if (!armed) return;
    armed = false;
    // The thread returns only if it gets what it waits for.
    polling.write(fd, 1);
  }

  function release(): void {
    polling.free(pollfd);
    whenClosed?.();
  }

  return {
    /** Not while a thread sleeps that `disarm` has signalled: it would miss that. */
    get idle() {
      return !sleeping;
    },
    arm() {
      armed = true;
      if (sleeping) return;
      sleeping = true;
      polling.poll(pollfd, 1, -1).then(awake);
    },
    disarm,
    close(closed) {
      whenClosed = closed;
      disarm();
      if (!sleeping) release();
    },
  };
}
