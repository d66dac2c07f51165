/**
 * Memory of the user's that must stay while an operation is under way.
 *
 * @module
 */

/**
 * Throws if memory was lost since an operation on it began: what is there is no longer what was
 * meant, and nothing would look like the end of the file.
 *
 * @param bytes The memory
 * @param length How long it was
 * @param action For the message: "read into" or "write from"
 */
export function checkIntact(bytes: Uint8Array, length: number, action: string): void {
  if (bytes.byteLength >= length) return;
  throw new TypeError(
    `Cannot ${action} buffer: it was detached or resized while the operation was under way`,
  );
}
