import { uint32 } from "./big_endian.ts";

/** What a trunk page of the freelist says. */
export interface FreelistTrunk {
  /** The next trunk page, or 0 at the end of the list. */
  readonly next: number;
  /** The free pages that this trunk lists. */
  readonly leaves: readonly number[];
}

/**
 * Reads a trunk page of the freelist.
 *
 * @param bytes The page.
 * @param usableSize The bytes of the page that SQLite uses.
 * @returns What the trunk says, or `undefined` if it claims more leaves than a page can list.
 */
export function parseTrunk(bytes: Uint8Array, usableSize: number): FreelistTrunk | undefined {
  const count = uint32(bytes, 4);
  if (8 + count * 4 > usableSize) return undefined;
  const leaves: number[] = [];
  for (let index = 0; index < count; index++) leaves.push(uint32(bytes, 8 + index * 4));
  return { next: uint32(bytes, 0), leaves };
}
