/**
 * Pieces of page-aligned memory for requests whose own buffer cannot be used where it lies.
 *
 * @module
 */
import type { Address, Allocation, Kernel } from "../kernel.ts";

/** A piece of memory, taken from a {@link Slab} and given back to it. */
export interface Piece {
  /** Page-aligned. */
  readonly address: Address;
  /** All of it; at least as long as was asked for. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

const SMALLEST_SHIFT = 12;
const LARGEST_SHIFT = 20;
const ARENA_SIZE = 1 << LARGEST_SHIFT;
const LARGEST_SIZE = 1 << LARGEST_SHIFT;

interface LargePiece extends Piece {
  readonly allocation: Allocation;
}

/**
 * Free lists of pieces in sizes of powers of two from 4 KiB to 1 MiB, cut from arenas of 1 MiB
 * that are kept for good; what is larger is mapped by itself and unmapped when given back.
 * After warm-up nothing is allocated, neither memory nor objects.
 */
export class Slab {
  readonly #kernel: Kernel;
  readonly #free: Piece[][] = [];

  /** @param kernel Whose memory it is */
  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    for (let shift = SMALLEST_SHIFT; shift <= LARGEST_SHIFT; shift++) this.#free.push([]);
  }

  /**
   * Takes a piece of at least `byteLength` bytes; what it holds is left from its last use.
   *
   * @throws {Error} ENOMEM
   */
  take(byteLength: number): Piece {
    if (byteLength > LARGEST_SIZE) {
      const allocation = this.#kernel.allocate(byteLength);
      const { address, buffer } = allocation;
      const piece: LargePiece = { address, bytes: new Uint8Array(buffer), allocation };
      return piece;
    }
    const order = orderOf(byteLength);
    const free = this.#free[order]!;
    return free.pop() ?? this.#cut(order, free);
  }

  /** Gives a piece back, once the kernel is done with it. */
  give(piece: Piece): void {
    if (piece.bytes.length > LARGEST_SIZE) (piece as LargePiece).allocation.free();
    else this.#free[orderOf(piece.bytes.length)]!.push(piece);
  }

  #cut(order: number, free: Piece[]): Piece {
    const { address, buffer } = this.#kernel.allocate(ARENA_SIZE);
    const size = 1 << (order + SMALLEST_SHIFT);
    for (let start = ARENA_SIZE - size; start >= 0; start -= size) {
      free.push({ address: address + start, bytes: new Uint8Array(buffer, start, size) });
    }
    return free.pop()!;
  }
}

/** 0 for up to 4 KiB, 1 for up to 8 KiB, … */
function orderOf(byteLength: number): number {
  return Math.max(0, 32 - Math.clz32(Math.max(1, byteLength) - 1) - SMALLEST_SHIFT);
}

const slabs = new WeakMap<Kernel, Slab>();

/** The slab that all contexts on this kernel share. */
export function slabOf(kernel: Kernel): Slab {
  let slab = slabs.get(kernel);
  if (slab === undefined) slabs.set(kernel, slab = new Slab(kernel));
  return slab;
}
