// @ts-check
/**
 * The records that are written and looked for again: each tells where it belongs.
 *
 * @module
 */

/**
 * @param {number} slot
 * @param {number} size in bytes
 * @param {number} seed
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function record(slot, size, seed) {
  const bytes = new Uint8Array(size);
  let word = Math.imul(slot + 1, 2654435761) ^ seed;
  for (let at = 0; at < size; at++) {
    // xorshift: never zero twice in a row, as a hole would be
    word ^= word << 13;
    word ^= word >>> 17;
    word ^= word << 5;
    bytes[at] = word & 0xff;
  }
  return bytes;
}
