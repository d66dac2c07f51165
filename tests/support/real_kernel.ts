import type { Kernel } from "../../src/kernel.ts";
import { requireLinux } from "../../src/linux/load.ts";

/** The kernel of this machine, with all that is optional. */
export const linux: Required<Kernel> = requireLinux() as Required<Kernel>;
