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
export type { OperationKind } from "./disk.ts";
export type { Faults } from "./simulation/faults.ts";
export { formatLog, type Happening, type LogEntry } from "./simulation/log.ts";
export type { Address, Allocation, DirectAlignment, Kernel, Limits, Wakeup } from "../kernel.ts";
