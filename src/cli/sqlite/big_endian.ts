/**
 * The 2-byte big-endian number at `offset`; SQLite writes all its numbers big-endian.
 *
 * @param bytes The bytes to read from; must hold 2 bytes at `offset`.
 * @param offset Where the number begins, in bytes.
 * @returns The number.
 */
export function uint16(bytes: Uint8Array, offset: number): number {
  return (bytes[offset]! << 8) | bytes[offset + 1]!;
}

/**
 * The 4-byte big-endian number at `offset`, unsigned.
 *
 * @param bytes The bytes to read from; must hold 4 bytes at `offset`.
 * @param offset Where the number begins, in bytes.
 * @returns The number.
 */
export function uint32(bytes: Uint8Array, offset: number): number {
  return ((bytes[offset]! << 24) | (bytes[offset + 1]! << 16) | (bytes[offset + 2]! << 8) |
    bytes[offset + 3]!) >>> 0;
}
