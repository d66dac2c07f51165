import type { Kernel } from "../../mod.ts";
import { kernelName, real } from "../support/real_kernel.ts";

/** The kernel that KAIO_KERNEL asks for, where that is not the one of the machine. */
export const chosenKernel: Kernel | undefined = kernelName === "linux" ? undefined : real;
