/**
 * Copies between the user's memory and its stand-ins, and the vectors over both.
 *
 * @module
 */
import { IOVEC_SIZE, writeIovec } from "../abi/iovec.ts";
import type { Address } from "../kernel.ts";
import type { Piece, Slab } from "../memory/slab.ts";
import type { Request } from "./request.ts";

/** A vector as the kernel reads it. */
export interface Vector {
  /** Begins with the iovecs. */
  piece: Piece;
  /** How many iovecs there are. */
  count: number;
  /** The stand-in for all of the memory, behind the iovecs, if there is one. */
  payload: Uint8Array | undefined;
}

/** A page behind the iovec, so that the stand-in is aligned for O_DIRECT. */
const PAYLOAD_OFFSET = 4096;

/** Iovecs over memory that the kernel may use where it lies. */
export function vectorInPlace(
  slab: Slab,
  buffers: readonly Uint8Array[],
  addressOf: (buffer: Uint8Array) => Address,
): Vector {
  const piece = slab.take(buffers.length * IOVEC_SIZE);
  const view = viewOf(piece);
  buffers.forEach((buffer, index) =>
    writeIovec(view, index * IOVEC_SIZE, addressOf(buffer) + buffer.byteOffset, buffer.byteLength)
  );
  return { piece, count: buffers.length, payload: undefined };
}

/** One iovec over `length` bytes of stand-in. */
export function vectorOfStandIn(slab: Slab, length: number): Vector {
  const piece = slab.take(PAYLOAD_OFFSET + length);
  writeIovec(viewOf(piece), 0, piece.address + PAYLOAD_OFFSET, length);
  return { piece, count: 1, payload: piece.bytes.subarray(PAYLOAD_OFFSET) };
}

function viewOf({ bytes }: Piece): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Whether the memory of a request that had to wait is still as long as it was. */
export function memoryRemains({ buffer, buffers, length }: Readonly<Request>): boolean {
  if (buffer !== undefined) return buffer.byteLength >= length;
  if (buffers === undefined) return true;
  return totalOf(buffers) === length;
}

function totalOf(buffers: readonly Uint8Array[]): number {
  return buffers.reduce((total, { byteLength }) => total + byteLength, 0);
}

/** Copies what a write writes to its stand-in. */
export function copyIn(piece: Uint8Array, buffer: Uint8Array, length: number): void {
  // A view on a resizable buffer may have grown while its request waited
  piece.set(buffer.byteLength === length ? buffer : buffer.subarray(0, length));
}

/** Copies what a writev writes to its stand-in. */
export function gather(buffers: readonly Uint8Array[], payload: Uint8Array): void {
  let at = 0;
  for (const buffer of buffers) {
    payload.set(buffer, at);
    at += buffer.byteLength;
  }
}

/**
 * Copies what a read brought to the user.
 *
 * @returns Whether the user's memory was still there
 */
export function copyOut(piece: Uint8Array, buffer: Uint8Array, count: number): boolean {
  if (buffer.byteLength < count) return false;
  buffer.set(piece.length === count ? piece : piece.subarray(0, count));
  return true;
}

/**
 * Copies what a readv brought to the user.
 *
 * @param length Of all buffers together, when they were given
 * @returns Whether the user's memory was still there
 */
export function scatter(
  piece: Uint8Array,
  buffers: readonly Uint8Array[],
  length: number,
  count: number,
): boolean {
  // One that is gone, or has grown, would move the bytes of those behind it
  if (totalOf(buffers) !== length) return false;
  let at = PAYLOAD_OFFSET;
  const end = PAYLOAD_OFFSET + count;
  for (const buffer of buffers) {
    // Empty, or was so and is gone: `set` would throw on a detached buffer
    if (buffer.byteLength === 0) continue;
    const next = Math.min(end, at + buffer.byteLength);
    buffer.set(piece.subarray(at, next));
    at = next;
  }
  return at === end;
}
