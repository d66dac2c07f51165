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
import type { Address, Kernel } from "../kernel.ts";
import { LinuxKernel } from "./linux_kernel.ts";

let machine: LinuxKernel | Error | undefined;
let loaded: Kernel | Error | undefined;

/**
 * This machine by FFI, loaded at the first use. A sandbox may refuse the calls of its AIO and still
 * permit what files ask for.
 *
 * @returns The machine, or the error that says why there is no FFI
 */
export function loadMachine(): LinuxKernel | Error {
  return machine ??= tryLoad();
}

/**
 * The kernel of this machine by system call, loaded at the first use.
 *
 * @returns The kernel, or the error that says what is missing
 */
export function loadLinux(): Kernel | Error {
  return loaded ??= checkCalls(loadMachine());
}

function tryLoad(): LinuxKernel | Error {
  try {
    const architecture = architectureOf(process.arch);
    if (architecture !== undefined) return new LinuxKernel(loadNative(), architecture);
    return new Error(
      `Cannot make the system calls of Linux AIO: their numbers are not known on ${process.arch}`,
    );
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

type Look = (kernel: Kernel, zeros: Address) => number;

/**
 * Every call that a context makes, without a context: no context has the id 0, and none has room
 * for 0 requests, so a kernel that has the call answers EINVAL. With a context each thread would
 * pay for an io_destroy, which takes tens of milliseconds.
 */
const LOOKS: Readonly<Record<string, Look>> = {
  io_setup: (kernel) => kernel.io_setup(0, new BigUint64Array(1)),
  io_submit: (kernel) => kernel.io_submit(0, 0, 0),
  io_getevents: (kernel) => kernel.io_getevents(0, 0, 0, 0, 0),
  io_cancel: (kernel, zeros) => kernel.io_cancel(0, zeros, 0),
  io_destroy: (kernel) => kernel.io_destroy(0),
};

/**
 * A seccomp filter may refuse any of the calls alone. Found out before the first request, because
 * afterwards requests are in flight that another kernel cannot take over.
 */
function checkCalls(kernel: LinuxKernel | Error): Kernel | Error {
  if (kernel instanceof Error) return kernel;
  try {
    // The kernel looks at the iocb before it looks for the context.
    const { address, free } = kernel.allocate(4096);
    try {
      for (const [syscall, look] of Object.entries(LOOKS)) {
        const errno = look(kernel, address);
        if (errno !== -EINVAL) return new AioError(errno, syscall, { hint: REFUSED });
      }
    } finally {
      free();
    }
    return kernel;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

/** What an error of these calls means that is not one of their arguments. */
const REFUSED = "the kernel was built without AIO, or a seccomp filter or sandbox refuses it";
