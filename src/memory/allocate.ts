/**
 * Memory that requests use where it lies.
 *
 * @module
 */
import { PAGE_SIZE } from "../abi/page.ts";
import { checkInteger } from "../check.ts";
import { LARGEST_ARENA, SMALLEST_ARENA } from "../tuning.ts";

const WASM_PAGE_SIZE = 65536;
const MAXIMUM_BYTE_LENGTH = 65536 * WASM_PAGE_SIZE;

/** More bytes than these get a memory of their own: the rest of an arena would be wasted on them. */
export const LARGEST_CUT = SMALLEST_ARENA / 4;

/** What {@link reserve} made: memory that requests may use where it lies. */
export const reserved: WeakSet<ArrayBufferLike> = new WeakSet();

/** Cuts small pieces from buffers that {@link reserve} makes, and makes one for each large piece. */
export class Arenas {
  /** What the next piece is cut from. Weak, as an arena is given back once no view is left. */
  #arena: WeakRef<ArrayBuffer> | undefined;
  /** Where its unused part begins. */
  #unused = 0;
  readonly #largest: number;

  /** @param largest The size up to which each arena is twice the one before */
  constructor(largest: number) {
    this.#largest = largest;
  }

  /**
   * Cuts a piece.
   *
   * @returns Page-aligned and zeroed; `undefined` where no such memory can be had
   */
  cut(byteLength: number): Uint8Array<ArrayBuffer> | undefined {
    if (byteLength > LARGEST_CUT) {
      const buffer = reserve(byteLength);
      return buffer && new Uint8Array(buffer, 0, byteLength);
    }
    let buffer = this.#arena?.deref();
    if (buffer === undefined || this.#unused + byteLength > buffer.byteLength) {
      // A program that still has views on the last arena needs much memory, so the next is larger.
      const size = Math.min(2 * (buffer?.byteLength ?? SMALLEST_ARENA / 2), this.#largest);
      buffer = reserve(size);
      if (buffer === undefined) return undefined;
      this.#arena = new WeakRef(buffer);
      this.#unused = 0;
    }
    const start = this.#unused;
    this.#unused += Math.ceil(byteLength / PAGE_SIZE) * PAGE_SIZE;
    return new Uint8Array(buffer, start, byteLength);
  }
}

const arenas = new Arenas(LARGEST_ARENA);

/**
 * Allocates page-aligned, zeroed memory that requests on any context use in place, without a copy.
 *
 * It never moves and cannot be detached, transferred or resized, so the kernel may write to it
 * whatever the program does meanwhile. Small pieces are cut from arenas of 1 to 16 MiB: their
 * `buffer` is the whole arena, which lives as long as a view of any part of it is reachable or a
 * request uses it. Post a `slice()` to other threads, as posting a view copies its whole buffer.
 *
 * Where no more such memory is available, as under a limit on addresses (`ulimit -v`), it returns
 * ordinary memory: requests copy it, and it can be detached.
 *
 * @example
 * ```ts
 * import { allocate, AioContext, open } from "kaio";
 *
 * await using file = await open("data.bin", "r", { direct: "try" });
 * await using aio = new AioContext();
 * for (let block = 0; block < 4; block++) {
 *   aio.read(file.fd, allocate(4096), { position: block * 4096 });
 * }
 * for await (const { error, res } of aio) console.log(error ?? res);
 * ```
 *
 * @param byteLength The size in bytes, at most 4 GiB
 * @returns A view of exactly `byteLength` bytes that begins at a page boundary
 * @throws {RangeError} If `byteLength` is not an integer from 1 to 4 GiB, or memory is exhausted
 * @throws {TypeError} If it is no number
 */
export function allocate(byteLength: number): Uint8Array<ArrayBuffer> {
  checkInteger("allocate memory", "byteLength", byteLength, MAXIMUM_BYTE_LENGTH, 1);
  // No arena of ordinary memory: a program that detaches one piece would detach all the others.
  return arenas.cut(byteLength) ?? new Uint8Array(byteLength);
}

/** How many calls of {@link reserve} are still answered without an attempt. */
let skipped = 0;
/** How many calls the next failure lets pass so. */
let pause = 1;

/**
 * Makes a buffer that never moves and cannot be detached.
 *
 * @returns At least as many bytes, page-aligned and zeroed; `undefined` where they cannot be had
 */
function reserve(byteLength: number): ArrayBuffer | undefined {
  // A failed attempt costs V8 tens of milliseconds, as it collects all garbage first, and the next
  // one most often fails too. So attempts become rare until one succeeds.
  if (skipped > 0) {
    skipped--;
    return undefined;
  }
  const pages = Math.ceil(byteLength / WASM_PAGE_SIZE);
  try {
    // Memory of WebAssembly is the one kind in JavaScript that is mapped in whole pages, stays where
    // it is, refuses to be detached, and is unmapped only when nothing can reach it any more. Nobody
    // else has the Memory object, so it cannot grow, which would detach the buffer.
    const buffer = new WebAssembly.Memory({ initial: pages, maximum: pages }).buffer as ArrayBuffer;
    reserved.add(buffer);
    pause = 1;
    return buffer;
  } catch {
    skipped = pause;
    pause *= 4;
    return undefined;
  }
}
