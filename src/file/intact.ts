/**
 * Memory of the user's that must stay while an operation is under way.
 *
 * @module
 */
import { byteLengthOf } from "../memory/intrinsics.ts";

/**
 * Throws if memory was lost since an operation on it began: its bytes are no longer the ones that
 * were meant, and nothing would look like the end of the file.
 *
 * @param bytes The memory
 * @param length How long it is at least to be
 * @param action For the message: "read into" or "write from"
 */
export function checkIntact(bytes: Uint8Array, length: number, action: string): void {
  if (byteLengthOf(bytes) >= length) return;
  throw new TypeError(
    `Cannot ${action} buffer: it was detached or resized while the operation was under way`,
  );
}
