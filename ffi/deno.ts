/**
 * The FFI of Deno: `Deno.dlopen`.
 *
 * @module
 */
import { Epoll } from "./epoll.ts";
import { inWorker } from "./on_thread.ts";
import { isPermitted } from "./permission.ts";
import { type LibcCall, openLibc, type Runtime } from "./runtime.ts";

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

/** For {@link inWorker}. */
const OPEN = `
  const open = (symbol, parameters, result) =>
    Deno.dlopen(name, { call: { name: symbol, parameters, result } }).symbols.call;
  const place = open("__errno_location", [], "pointer");
  const call = open(symbol, words.map(() => "i64"), "i32");
  return {
    errnoPlace: () => place(),
    call: (words) => call(...words),
    errno: (place) => new Deno.UnsafePointerView(place).getInt32(0),
  };`;

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
  let epoll: Epoll | undefined;
  const watch: Runtime["watch"] = (fd, wake) => {
    if (epoll !== undefined) return epoll.watch(fd, wake);
    const opened = Epoll.open({ bind, bindOnThread, view });
    if (typeof opened === "number") return opened;
    epoll = opened;
    return epoll.watch(fd, wake);
  };
  return {
    bind,
    bindOnThread,
    callOnThread: inWorker(OPEN),
    view,
    addressOf: (buffer) =>
      Number(Deno.UnsafePointer.value(Deno.UnsafePointer.of(new Uint8Array(buffer)))),
    watch,
  };
}
