import { choose, fileHostOf, type KernelName } from "../../src/choose_kernel.ts";
import type { Kernel } from "../../src/kernel.ts";

const { name, kernel } = choose();

/** Which kernel the tests run on: the one of this machine, or what `KAIO_KERNEL` says. */
export const kernelName: KernelName = name;

/** That kernel, with what both have beyond the calls. */
export const real = kernel as
  & Kernel
  & Required<Pick<Kernel, "addressOf" | "wakeup" | "limits" | "files">>;

/** Whether a file that is opened with O_DIRECT has a current position: where there is FFI. */
export const hasDirectPosition: boolean = fileHostOf(kernel).seek !== undefined;

/**
 * The options of a test that makes no sense on any other kernel than that of the machine.
 *
 * @param reason What the other does instead
 */
export function linuxOnly(reason: string): { skip: string | false } {
  return { skip: kernelName !== "linux" && `${kernelName} kernel: ${reason}` };
}
