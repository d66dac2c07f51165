import type { Census } from "./census.ts";

/**
 * Gives the census the pages of a block. What is no whole page, at the end of the file, is left
 * out.
 *
 * @param census Takes the pages.
 * @param position Where the block begins in the file, in bytes: a multiple of the page size.
 * @param bytes The block; not kept.
 */
export function addBlock(census: Census, position: number, bytes: Uint8Array): void {
  const { pageSize } = census.header;
  let page = position / pageSize + 1;
  if (bytes.length === pageSize) return census.add(page, bytes);
  for (let start = 0; start + pageSize <= bytes.length; start += pageSize) {
    census.add(page++, bytes.subarray(start, start + pageSize));
  }
}
