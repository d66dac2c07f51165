import { IOVEC_BASE, IOVEC_LEN, IOVEC_SIZE } from "../../src/abi/iovec.ts";
import { real } from "./real_kernel.ts";

/** The memory that iovecs describe. */
export function memoryOf(iov: number, iovcnt: number): Uint8Array[] {
  const view = new DataView(real.view(iov, iovcnt * IOVEC_SIZE));
  return Array.from({ length: iovcnt }, (_, index) => {
    const base = Number(view.getBigUint64(index * IOVEC_SIZE + IOVEC_BASE, true));
    const length = Number(view.getBigUint64(index * IOVEC_SIZE + IOVEC_LEN, true));
    return new Uint8Array(real.view(base, length));
  });
}

/** How many bytes iovecs describe. */
export function bytesOf(iov: number, iovcnt: number): number {
  return memoryOf(iov, iovcnt).reduce((sum, { length }) => sum + length, 0);
}
