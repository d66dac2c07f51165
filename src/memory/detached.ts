/**
 * Memory that was taken away.
 *
 * @module
 */

/** Whether a buffer was detached: transferred elsewhere, or freed. */
export function isDetached(buffer: ArrayBufferLike): boolean {
  const { detached } = buffer as Partial<ArrayBuffer>;
  if (detached !== undefined || buffer.byteLength > 0) return detached ?? false;
  // Node 20 says it only in this way
  try {
    new Uint8Array(buffer);
    return false;
  } catch {
    return true;
  }
}
