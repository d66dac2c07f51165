/**
 * Pieces of page-aligned memory for requests whose own buffer cannot be used where it lies.
 *
 * @module
 */
import type { Address, Kernel } from "../kernel.ts";
import { allocate, isAllocated } from "./allocate.ts";

/** A piece of memory, taken from a {@link BufferPool} and given back to it. */
export interface PooledBuffer {
  /** Page-aligned. */
  readonly address: Address;
  /** All of it; at least as long as was asked for. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Where it goes when it is given back. */
  readonly free: PooledBuffer[];
}

const SMALLEST_SHIFT = 12;
const SMALLEST = 1 << SMALLEST_SHIFT;
const ARENA_SIZE = 1 << 20;
/** Free pieces of one size beyond this many bytes are left to the garbage collector. */
const KEPT_SIZE = 1 << 25;

/**
 * Free lists of pieces in sizes of powers of two from 4 KiB up; those below 1 MiB are cut from
 * arenas of 1 MiB. After warm-up nothing is allocated, neither memory nor objects.
 *
 * The memory is that of `allocate`: views of it are handed to users, who must not be able to
 * detach it.
 */
export class BufferPool {
  readonly #kernel: Pick<Kernel, "allocate" | "addressOf">;
  readonly #free: PooledBuffer[][] = [];
  /** Addresses of memory from `allocate`. */
  readonly #addresses = new WeakMap<ArrayBufferLike, Address>();

  /** @param kernel Whose addresses the pieces have */
  constructor(kernel: Pick<Kernel, "allocate" | "addressOf">) {
    this.#kernel = kernel;
  }

  /**
   * Takes a piece of at least `byteLength` bytes; what it holds is left from its last use.
   *
   * @throws {RangeError} If memory is used up
   */
  take(byteLength: number): PooledBuffer {
    // Most reads are of one page.
    const order = byteLength <= SMALLEST ? 0 : orderOf(byteLength);
    const free = this.#free[order] ??= [];
    return free.pop() ?? this.#cut(order, free);
  }

  /** Gives a piece back, once the kernel is done with it. */
  give(buffer: PooledBuffer): void {
    const { bytes: { length }, free } = buffer;
    if (length < ARENA_SIZE || free.length * length < KEPT_SIZE) free.push(buffer);
  }

  #cut(order: number, free: PooledBuffer[]): PooledBuffer {
    const size = 2 ** (order + SMALLEST_SHIFT);
    const { address, buffer } = this.#map(Math.max(size, ARENA_SIZE));
    const last = Math.max(size, ARENA_SIZE) - size;
    for (let start = 0; start < last; start += size) {
      free.push({ address: address + start, bytes: new Uint8Array(buffer, start, size), free });
    }
    return { address: address + last, bytes: new Uint8Array(buffer, last, size), free };
  }

  /** Where memory from `allocate` lies; 0 for all other memory, and where the kernel cannot tell. */
  addressOf(buffer: ArrayBufferLike): Address {
    if (!isAllocated(buffer)) return 0;
    let address = this.#addresses.get(buffer);
    if (address === undefined) {
      address = this.#kernel.addressOf?.(buffer) ?? 0;
      this.#addresses.set(buffer, address);
    }
    return address;
  }

  #map(byteLength: number): { address: Address; buffer: ArrayBuffer } {
    // A kernel that cannot tell an address has memory of its own, which it can
    if (this.#kernel.addressOf === undefined) return this.#kernel.allocate(byteLength);
    const { buffer } = allocate(byteLength);
    return { address: this.#kernel.addressOf(buffer), buffer };
  }
}

/** 0 for up to 4 KiB, 1 for up to 8 KiB, … */
function orderOf(byteLength: number): number {
  // clz32 is an instruction and log2 is not; only sizes from 4 GiB up have more than 32 bits
  const bits = byteLength <= 0x80000000
    ? 32 - Math.clz32(Math.max(1, byteLength) - 1)
    : Math.ceil(Math.log2(byteLength));
  return Math.max(0, bits - SMALLEST_SHIFT);
}

const bufferPools = new WeakMap<Kernel, BufferPool>();

/** The buffer pool that all contexts on this kernel share. */
export function bufferPoolOf(kernel: Kernel): BufferPool {
  let bufferPool = bufferPools.get(kernel);
  if (bufferPool === undefined) bufferPools.set(kernel, bufferPool = new BufferPool(kernel));
  return bufferPool;
}
