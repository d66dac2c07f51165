/**
 * The numbers of the file format, all big-endian.
 *
 * @module
 */

/** The unsigned number of 2 bytes at `offset`. */
export function uint16(bytes: Uint8Array, offset: number): number {
  return (bytes[offset]! << 8) | bytes[offset + 1]!;
}

/** The unsigned number of 4 bytes at `offset`. */
export function uint32(bytes: Uint8Array, offset: number): number {
  return uint16(bytes, offset) * 65536 + uint16(bytes, offset + 2);
}

/**
 * The length in bytes of the varint at `offset`, 1 to 9. What lies beyond `bytes` counts as zero, in
 * {@link varint} too.
 */
export function varintLength(bytes: Uint8Array, offset: number): number {
  let length = 1;
  while (length < 9 && bytes[offset + length - 1]! >= 0x80) length++;
  return length;
}

/**
 * The value of the varint at `offset`, read as unsigned. Above 2^53 it is not exact; no length in
 * a sound database comes near that.
 */
export function varint(bytes: Uint8Array, offset: number): number {
  let value = 0;
  for (let index = 0; index < 8; index++) {
    const byte = bytes[offset + index] ?? 0;
    if (byte < 0x80) return value * 128 + byte;
    value = value * 128 + (byte - 128);
  }
  return value * 256 + (bytes[offset + 8] ?? 0);
}
