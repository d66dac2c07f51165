/**
 * Finds out whether the system calls work here.
 *
 * @module
 */
import process from "node:process";
import { loadNative } from "../../ffi/native.ts";
import { EINVAL } from "../abi/errno.ts";
import { architectureOf } from "../abi/syscall_numbers.ts";
import { AioError } from "../errors/aio_error.ts";
import type { Kernel } from "../kernel.ts";
import { LinuxKernel } from "./linux_kernel.ts";

let loaded: Kernel | Error | undefined;

/**
 * The kernel of this machine by system call, loaded at the first use.
 *
 * @returns The kernel, or the error that says what is missing
 */
export function loadLinux(): Kernel | Error {
  return loaded ??= tryLoad();
}

function tryLoad(): Kernel | Error {
  try {
    const architecture = architectureOf(process.arch);
    if (architecture === undefined) {
      return new Error(
        `Cannot make the system calls of Linux AIO: their numbers are not known on ${process.arch}`,
      );
    }
    const kernel = new LinuxKernel(loadNative(), architecture);
    // No context has the id 0, so a kernel that has the call answers EINVAL.
    const errno = kernel.io_destroy(0);
    if (errno === -EINVAL) return kernel;
    return new AioError(errno, "io_destroy", {
      hint: "the kernel was built without AIO, or a seccomp filter or sandbox refuses it",
    });
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}
