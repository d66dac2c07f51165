/**
 * The raw system calls of Linux AIO, the structs they work on, and every constant of their ABI.
 *
 * Nothing stands between the program and the kernel here: addresses are numbers, failures are
 * negative errno, and memory must be kept until the kernel is done with it. `AioContext` of the
 * main module does all that by itself.
 *
 * @example
 * ```ts
 * import { AioRing, linux } from "kaio/syscalls";
 *
 * if (linux === undefined) throw new Error("No Linux AIO here");
 * const id = new BigUint64Array(1);
 * if (linux.io_setup(8, id) !== 0) throw new Error("fs.aio-max-nr is used up");
 * const ring = new AioRing(linux, Number(id[0]));
 * console.log(ring.nr >= 8, ring.usable);
 * linux.io_destroy(Number(id[0]));
 * ```
 *
 * @module
 */
import type { Kernel } from "./kernel.ts";
import { loadLinux } from "./linux/load.ts";

export * from "./abi/mod.ts";
export type { Address, Allocation, Kernel, Limits, Wakeup } from "./kernel.ts";
export type { Blocking, DirectAlignment, FileHost } from "./file_host.ts";

const loaded: Kernel | Error = loadLinux();

/**
 * The kernel of this machine; `undefined` where FFI or the system calls are missing. `probe` of
 * the main module says why.
 */
export const linux: Kernel | undefined = loaded instanceof Error ? undefined : loaded;
