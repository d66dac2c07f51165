/**
 * Memory that an operation works on in place of the program's.
 *
 * @module
 */
import { EFAULT, EFBIG } from "../abi/errno.ts";
import type { BufferPool, PooledBuffer } from "../memory/buffer_pool.ts";
import { PAGE_SIZE } from "./address_space.ts";
import type { Operation } from "./disk.ts";

/** Numbers are exact up to here, and no file is as long. */
const LAST_POSITION = Number.MAX_SAFE_INTEGER;

/**
 * The result of an operation that needs no disk.
 *
 * @returns Bytes or `-errno`; `undefined` for all that has to be done
 */
export function trivialResult(operation: Operation): number | undefined {
  const { kind, length, position } = operation;
  if (kind === "fsync" || kind === "fdatasync") return undefined;
  if (length === 0) return 0;
  if (position === null || position <= LAST_POSITION - length) return undefined;
  return kind === "read" ? 0 : -EFBIG;
}

/** A piece of a slab with the alignment that the program's memory has: O_DIRECT looks at it. */
export class Aligned {
  readonly #slab: BufferPool;
  readonly #piece: PooledBuffer;
  /** As many bytes as the operation has. */
  readonly bytes: Uint8Array<ArrayBuffer>;

  constructor(slab: BufferPool, { address, length }: Operation) {
    const skip = address % PAGE_SIZE;
    this.#slab = slab;
    this.#piece = slab.take(skip + length);
    this.bytes = this.#piece.bytes.subarray(skip, skip + length);
  }

  /** Brings what a read left here to the program; the number of bytes, or -EFAULT. */
  scatter(operation: Operation, count: number): number {
    return operation.scatter(this.bytes.subarray(0, count)) ? count : -EFAULT;
  }

  /** Gives the piece back. */
  free(): void {
    this.#slab.give(this.#piece);
  }
}
