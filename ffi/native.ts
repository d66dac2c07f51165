/**
 * What kaio is given by the FFI, whatever the runtime. This folder is the only one that names a
 * runtime or a symbol of libc.
 *
 * Nothing is loaded when these modules are imported: {@link loadNative} does it at the first use.
 *
 * @module
 */
import process from "node:process";
import { bun } from "./bun.ts";
import { deno } from "./deno.ts";
import { type Eventfd, makeEventfd } from "./eventfd.ts";
import { node } from "./node.ts";
import { bindAddress, type LibcCall, type Runtime } from "./runtime.ts";

/** What `src/linux` is given: system calls, memory and wake-ups. */
export interface Native {
  /** Binds the system call `number` with `words` arguments: its result, or `-errno`. */
  syscall(number: number, words: number): LibcCall;
  /** Maps zeroed, page-aligned private memory: its address, or `-errno`. See mmap(2). */
  map(byteLength: number): number;
  /** Unmaps it. See munmap(2). */
  unmap(address: number, byteLength: number): void;
  /** A view on memory, without a copy and without an owner. */
  view(address: number, byteLength: number): ArrayBuffer;
  /** Where the bytes of a buffer lie now. */
  addressOf(buffer: ArrayBuffer): number;
  /**
   * A write by another thread, at the descriptor's own position for -1: the number of bytes, or -1; `undefined` where the asynchronous
   * writes of `node:fs` are that already. See pwritev(2).
   */
  readonly pwritev:
    | ((fd: number, iov: number, iovcnt: number, position: number) => Promise<number>)
    | undefined;
  /** Moves the position of a descriptor: where it is then, or `-errno`. See lseek(2). */
  lseek(fd: number, offset: number, whence: number): number;
  /** See {@link Runtime.fsCopies}. */
  readonly fsCopies: boolean;
  /** Reserves space by another thread: 0 or `-errno`. See fallocate(2). */
  fallocate(fd: number, mode: number, position: number, byteLength: number): Promise<number>;
  /** A new eventfd, bound to the event loop, or `-errno`. */
  eventfd(wake: () => void): Eventfd | number;
}

const PROT_READ_WRITE = 3;
const MAP_PRIVATE_ANONYMOUS = 0x22;

let native: Native | undefined;

/**
 * Loads the FFI of this runtime and libc; later calls return the same.
 *
 * @throws {Error} Where the runtime has no usable FFI, in one sentence that says what is missing;
 * the runtime's own permission error is passed on as it is
 */
export function loadNative(): Native {
  return native ??= compose(load());
}

function load(): Runtime {
  if (process.platform !== "linux") {
    throw new Error(
      `Cannot make the system calls of Linux AIO: this platform is ${process.platform}`,
    );
  }
  // Bun and Deno set process.versions.node too, so Node comes last.
  if (process.versions["bun"] !== undefined) return bun();
  if (process.versions["deno"] !== undefined) return deno();
  return node();
}

function compose(runtime: Runtime): Native {
  const location = bindAddress(runtime.bind, "__errno_location", 0)();
  // Each thread has one errno, always at the same place. It is read right after the call.
  const errno = new Int32Array(runtime.view(location, 4));
  const mmap = bindAddress(runtime.bind, "mmap", 6);
  const munmap = runtime.bind("munmap", 2);
  let lseek: LibcCall | undefined;
  // -1, which is also MAP_FAILED, is the highest address there is.
  const orErrno = (address: number) => address > Number.MAX_SAFE_INTEGER ? -errno[0]! : address;
  return {
    syscall: (number, words) => bindSyscall(runtime, errno, number, words),
    map: (byteLength) =>
      orErrno(mmap(0, byteLength, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0)),
    unmap: (address, byteLength) => void munmap(address, byteLength),
    view: (address, byteLength) => runtime.view(address, byteLength),
    addressOf: (buffer) => runtime.addressOf(buffer),
    pwritev: bindWrites(runtime),
    lseek(fd, offset, whence) {
      lseek ??= bindAddress(runtime.bind, "lseek", 3);
      return orErrno(lseek(fd, offset, whence));
    },
    fsCopies: runtime.fsCopies ?? false,
    fallocate: (...words) => runtime.callOnThread("fallocate", words),
    eventfd: (wake) => makeEventfd(runtime, errno, wake),
  };
}

/** Deno's node:fs writes on the thread that asks, even with a callback. */
function bindWrites(runtime: Runtime): Native["pwritev"] {
  const pwritev = runtime.bindOnThread?.("pwritev", 4);
  const writev = runtime.bindOnThread?.("writev", 3);
  if (pwritev === undefined || writev === undefined) return undefined;
  return (fd, iov, iovcnt, position) =>
    position < 0 ? writev(fd, iov, iovcnt) : pwritev(fd, iov, iovcnt, position);
}

/**
 * The calls that are made for every few requests have closures of their own: a rest parameter would
 * make an array for each call.
 */
function bindSyscall(
  runtime: Runtime,
  errno: Int32Array,
  number: number,
  words: number,
): LibcCall {
  const call = runtime.bind("syscall", words + 1);
  switch (words) {
    case 3:
      return (a, b, c) => {
        const result = call(number, a!, b!, c!);
        return result === -1 ? -errno[0]! : result;
      };
    case 5:
      return (a, b, c, d, e) => {
        const result = call(number, a!, b!, c!, d!, e!);
        return result === -1 ? -errno[0]! : result;
      };
    case 6:
      return (a, b, c, d, e, f) => {
        const result = call(number, a!, b!, c!, d!, e!, f!);
        return result === -1 ? -errno[0]! : result;
      };
    default:
      return (...args) => {
        const result = call(number, ...args);
        return result === -1 ? -errno[0]! : result;
      };
  }
}
