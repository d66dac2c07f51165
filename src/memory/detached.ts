/**
 * Memory that was taken away.
 *
 * @module
 */

/** Whether a buffer was detached: transferred elsewhere, or freed. Shared memory never is. */
export function isDetached(buffer: ArrayBufferLike): boolean {
  return (buffer as Partial<ArrayBuffer>).detached ?? false;
}
