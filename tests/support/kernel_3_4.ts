/** The kernel with retries, and requests of it that wait or complete at once. */
import assert from "node:assert/strict";
import {
  type KernelRelease,
  PortableKernel,
  type PortableKernelOptions,
  type PortablePipe,
} from "../../src/portable/mod.ts";
import { PortableContext } from "./portable_context.ts";

export const RELEASES: readonly KernelRelease[] = ["3.4", "6.18"];

/** What a {@link waiting} read receives. */
export const EIGHT: Uint8Array = new Uint8Array(8).fill(9);

/** A kernel with retries, and a context. */
export function kernel34(
  options: PortableKernelOptions = {},
): { kernel: PortableKernel; context: PortableContext } {
  const kernel = new PortableKernel({ release: "3.4", ...options });
  return { kernel, context: new PortableContext(kernel) };
}

/** Submits a read of a pipe that has nothing yet; a write to the pipe kicks it. */
export function waiting(
  context: PortableContext,
  index = 0,
  fields: { flags?: number; resfd?: number } = {},
): PortablePipe {
  const pipe = context.kernel.pipe({ blocking: true });
  const buf = context.dataAddress + 8 * index;
  context.iocb(index, { fildes: pipe.readFd, buf, nbytes: 8, ...fields });
  assert.equal(context.submit(index), 1);
  return pipe;
}

/** Prepares a request that completes at once. */
export function trivial(context: PortableContext, index: number): void {
  const { readFd } = context.kernel.pipe();
  context.iocb(index, { fildes: readFd, buf: context.dataAddress, nbytes: 1 });
}
