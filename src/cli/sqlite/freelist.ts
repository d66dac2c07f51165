import type { DatabaseHeader } from "./header.ts";
import { uint32 } from "./numbers.ts";
import type { PageMap } from "./page_map.ts";
import type { ReadPage } from "./schema.ts";

/**
 * Walks the freelist and claims its pages, with one read for each trunk (about a thousand free pages
 * with pages of 4096 bytes).
 *
 * @param header The header of the database.
 * @param map Takes the free pages and what is wrong with the list.
 * @param readPage Reads the trunks.
 */
export async function claimFreelist(
  header: DatabaseHeader,
  map: PageMap,
  readPage: ReadPage,
): Promise<void> {
  let count = 0;
  let from = 1;
  for (let page = header.firstTrunk; page !== 0;) {
    if (!map.claim(page, "freelistTrunk", "freelist trunk", from)) break;
    count++;
    const trunk = parseTrunk(await readPage(page), header.usableSize);
    if (trunk === undefined) {
      map.addProblem(`Page ${page}: freelist trunk lists more pages than it can hold`);
      break;
    }
    for (const leaf of trunk.leaves) {
      if (map.claim(leaf, "freelistLeaf", "free page", page)) count++;
    }
    from = page;
    page = trunk.next;
  }
  if (count !== header.freelistCount) {
    map.addProblem(`The header says ${header.freelistCount} free pages, the freelist has ${count}`);
  }
}

/**
 * Reads a trunk page of the freelist.
 *
 * @returns The next trunk page, 0 at the end of the list, and the free pages that this trunk lists;
 * `undefined` if it claims more than a page can list.
 */
export function parseTrunk(
  bytes: Uint8Array,
  usableSize: number,
): { next: number; leaves: number[] } | undefined {
  if (bytes.length < usableSize) return undefined;
  const length = uint32(bytes, 4);
  if (8 + length * 4 > usableSize) return undefined;
  return {
    next: uint32(bytes, 0),
    leaves: Array.from({ length }, (_, index) => uint32(bytes, 8 + index * 4)),
  };
}
