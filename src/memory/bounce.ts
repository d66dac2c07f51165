/**
 * Copies between the user's memory and bounce buffers, and the iovecs over both.
 *
 * @module
 */
import { IOVEC_SIZE, writeIovec } from "../abi/iovec.ts";
import type { BufferPool, PooledBuffer } from "./buffer_pool.ts";
import { bufferOf, byteLengthOf, byteOffsetOf, copyBytes, partOf } from "./intrinsics.ts";

/** A page behind the iovec, so that the bounce buffer is aligned for O_DIRECT. */
const BOUNCE_OFFSET = 4096;

/** Iovecs over memory that the kernel may use where it lies. */
export function vectorOf(pool: BufferPool, buffers: readonly Uint8Array[]): PooledBuffer {
  const pooled = pool.take(buffers.length * IOVEC_SIZE);
  const view = dataViewOf(pooled);
  buffers.forEach((buffer, index) => {
    const address = pool.addressOf(bufferOf(buffer)) + byteOffsetOf(buffer);
    writeIovec(view, index * IOVEC_SIZE, address, byteLengthOf(buffer));
  });
  return pooled;
}

/** One iovec over `length` bytes of bounce buffer, both in one pooled buffer. */
export function vectorOfBounce(pool: BufferPool, length: number): PooledBuffer {
  const pooled = pool.take(BOUNCE_OFFSET + length);
  writeIovec(dataViewOf(pooled), 0, pooled.address + BOUNCE_OFFSET, length);
  return pooled;
}

function dataViewOf({ bytes }: PooledBuffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Bytes of all buffers together. */
export function lengthOfAll(buffers: readonly Uint8Array[]): number {
  let total = 0;
  for (let index = 0; index < buffers.length; index++) total += byteLengthOf(buffers[index]!);
  return total;
}

/** Copies what a write writes to its bounce buffer. */
export function copyToBounce({ bytes }: PooledBuffer, buffer: Uint8Array, length: number): void {
  // It may be detached by now, on which a copy would throw.
  if (length === 0) return;
  // A view on a resizable buffer may have grown while its request waited.
  bytes.set(byteLengthOf(buffer) === length ? buffer : partOf(buffer, 0, length));
}

/** Copies what a writev writes to its bounce buffer. */
export function gather(buffers: readonly Uint8Array[], { bytes }: PooledBuffer): void {
  let at = BOUNCE_OFFSET;
  for (const buffer of buffers) {
    const size = byteLengthOf(buffer);
    // As in `copyToBounce`.
    if (size > 0) bytes.set(buffer, at);
    at += size;
  }
}

/**
 * Copies what a read left in its bounce buffer to the user.
 *
 * @returns Whether the user's memory was still there
 */
export function copyFromBounce(
  { bytes }: PooledBuffer,
  buffer: Uint8Array,
  count: number,
): boolean {
  if (byteLengthOf(buffer) < count) return false;
  copyBytes(buffer, bytes.length === count ? bytes : bytes.subarray(0, count));
  return true;
}

/**
 * Copies what a readv left in its bounce buffer to the user.
 *
 * @param length Bytes of all buffers together, when they were given
 * @returns Whether the user's memory was still there
 */
export function scatter(
  { bytes }: PooledBuffer,
  buffers: readonly Uint8Array[],
  length: number,
  count: number,
): boolean {
  // A buffer that is gone, or has grown, would move the bytes of those behind it.
  if (lengthOfAll(buffers) !== length) return false;
  let at = BOUNCE_OFFSET;
  const end = BOUNCE_OFFSET + count;
  for (const buffer of buffers) {
    const size = byteLengthOf(buffer);
    // As in `copyToBounce`.
    if (size === 0) continue;
    const next = Math.min(end, at + size);
    copyBytes(buffer, bytes.subarray(at, next));
    at = next;
  }
  return at === end;
}
