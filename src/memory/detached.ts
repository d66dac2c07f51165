/**
 * Memory that was taken away.
 *
 * @module
 */

/** Whether a buffer was detached: transferred, or freed. */
export function isDetached(buffer: ArrayBufferLike): boolean {
  // A property `detached` may be the caller's own, and shared memory has none. No view can be made
  // on memory that is gone, whatever its buffer says of itself.
  try {
    new Uint8Array(buffer);
    return false;
  } catch {
    return true;
  }
}
