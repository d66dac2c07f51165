/**
 * Memory that an operation works on in place of the program's.
 *
 * @module
 */
import { EFAULT, EFBIG } from "../abi/errno.ts";
import { PAGE_SIZE } from "../abi/page.ts";
import { BufferPool, type PooledBuffer } from "../memory/buffer_pool.ts";
import type { FileOperation } from "../threads/file_operation.ts";
import { AddressSpace } from "./address_space.ts";

/** All disks share it. The addresses of its memory are those of no process. */
const pool = new BufferPool(new AddressSpace());

/**
 * The result of an operation that needs no disk.
 *
 * @returns Bytes or `-errno`; `undefined` for an operation that has to be done
 */
export function trivialResult({ kind, length, position }: FileOperation): number | undefined {
  if (kind !== "read" && kind !== "write") return undefined;
  if (length === 0) return 0;
  // Beyond this numbers are not exact, and no file is as long.
  if (position === null || position <= Number.MAX_SAFE_INTEGER - length) return undefined;
  return kind === "read" ? 0 : -EFBIG;
}

/** A piece of memory with the alignment of the program's, which matters to O_DIRECT. */
export class Aligned {
  readonly #pooled: PooledBuffer;
  /** As many bytes as the operation has. */
  readonly bytes: Uint8Array<ArrayBuffer>;

  constructor({ address, length }: FileOperation) {
    const skip = address % PAGE_SIZE;
    this.#pooled = pool.take(skip + length);
    this.bytes = this.#pooled.bytes.subarray(skip, skip + length);
  }

  /** Copies what a read left here to the program; the number of bytes, or -EFAULT. */
  scatter(operation: FileOperation, count: number): number {
    return operation.scatter(this.bytes.subarray(0, count)) ? count : -EFAULT;
  }

  /** Gives the piece back. */
  free(): void {
    pool.give(this.#pooled);
  }
}
