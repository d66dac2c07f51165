/**
 * Page-aligned memory for requests whose own buffer cannot be used where it lies.
 *
 * @module
 */
import { PAGE_SIZE } from "../abi/page.ts";
import type { Address, Kernel } from "../kernel.ts";
import { KEPT_BYTES, POOL_ARENA, POOL_PIECE } from "../tuning.ts";
import { Arenas, LARGEST_CUT, reserved } from "./allocate.ts";

/** Memory that was taken from a {@link BufferPool} and is given back to it. */
export interface PooledBuffer {
  /** Page-aligned. */
  readonly address: Address;
  /** All of it; at least as long as was asked for. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /**
   * Unmaps it, where it is memory of the kernel. Such memory must not be handed out to users, who
   * could detach it; `undefined` where they cannot, and the garbage collector unmaps it.
   */
  readonly free?: () => void;
}

/** Of the pools of all kernels: a program may make many kernels, each for a few requests. */
const arenas = new Arenas(POOL_ARENA);

/**
 * Free lists of buffers in sizes of powers of two from 4 KiB up; small ones are cut from arenas.
 * After warm-up nothing is allocated, neither memory nor objects.
 */
export class BufferPool {
  readonly #kernel: Pick<Kernel, "allocate" | "addressOf">;
  /** By the leading zeros of the number of the last page: 32 is one page, 31 two, 30 four. */
  readonly #free: PooledBuffer[][] = Array.from({ length: 33 }, () => []);
  /** Addresses of memory from `allocate`. */
  readonly #addresses = new WeakMap<ArrayBufferLike, Address>();

  /** @param kernel Whose addresses the buffers have */
  constructor(kernel: Pick<Kernel, "allocate" | "addressOf">) {
    this.#kernel = kernel;
  }

  /**
   * Takes a buffer of at least `byteLength` bytes; what it holds is left from its last use.
   *
   * @throws {AioError | RangeError} If memory is used up
   */
  take(byteLength: number): PooledBuffer {
    const zeros = Math.clz32((byteLength - 1) / PAGE_SIZE);
    return this.#free[zeros]!.pop() ?? this.#make(zeros);
  }

  /** Gives a buffer back, once the kernel is done with it. */
  give(buffer: PooledBuffer): void {
    const size = buffer.bytes.length;
    const free = this.#free[Math.clz32((size - 1) / PAGE_SIZE)]!;
    if (size <= LARGEST_CUT || free.length * size < KEPT_BYTES) free.push(buffer);
    else buffer.free?.();
  }

  /** Where memory from `allocate` lies; 0 for all other memory, and where the kernel cannot tell. */
  addressOf(buffer: ArrayBufferLike): Address {
    let address = this.#addresses.get(buffer);
    if (address !== undefined) return address;
    if (!reserved.has(buffer)) return 0;
    address = this.#kernel.addressOf?.(buffer as ArrayBuffer) ?? 0;
    this.#addresses.set(buffer, address);
    return address;
  }

  #make(zeros: number): PooledBuffer {
    const size = PAGE_SIZE * 2 ** (32 - zeros);
    // A kernel that cannot tell an address has memory of its own, which it can.
    const piece = this.#kernel.addressOf && arenas.cut(Math.max(size, POOL_PIECE));
    if (piece === undefined) {
      const { address, buffer, free } = this.#kernel.allocate(size);
      return { address, bytes: new Uint8Array(buffer), free };
    }
    const { buffer, byteOffset, length } = piece;
    const address = this.#kernel.addressOf!(buffer) + byteOffset;
    const part = (start: number): PooledBuffer => ({
      address: address + start,
      bytes: new Uint8Array(buffer, byteOffset + start, size),
    });
    for (let start = size; start < length; start += size) this.#free[zeros]!.push(part(start));
    return part(0);
  }
}

const pools = new WeakMap<Kernel, BufferPool>();

/** The pool that all contexts on this kernel share. */
export function bufferPoolOf(kernel: Kernel): BufferPool {
  let pool = pools.get(kernel);
  if (pool === undefined) pools.set(kernel, pool = new BufferPool(kernel));
  return pool;
}
