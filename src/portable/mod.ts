/**
 * The kernel's AIO in TypeScript.
 *
 * @module
 */
export {
  type OwnFileOptions,
  type PortableEventfd,
  PortableKernel,
  type PortableKernelOptions,
  type PortablePipe,
} from "./portable_kernel.ts";
export type { CompatCalls } from "./compat.ts";
export type { KernelRelease } from "./release.ts";
export type { Address, Allocation, DirectAlignment, Kernel, Limits, Wakeup } from "../kernel.ts";
