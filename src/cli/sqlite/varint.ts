/**
 * The length in bytes of the varint at `offset`, 1 to 9.
 *
 * @param bytes The bytes to read from; what lies beyond them counts as zero.
 * @param offset Where the varint begins, in bytes.
 * @returns The length in bytes.
 */
export function varintLength(bytes: Uint8Array, offset: number): number {
  let length = 1;
  while (length < 9 && bytes[offset + length - 1]! >= 0x80) length++;
  return length;
}

/**
 * The value of the varint at `offset`, read as unsigned. Above 2^53 it is not exact; no length in
 * a sound database comes near that.
 *
 * @param bytes The bytes to read from; what lies beyond them counts as zero.
 * @param offset Where the varint begins, in bytes.
 * @returns The value.
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
