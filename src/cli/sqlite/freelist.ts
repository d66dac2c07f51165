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
    const trunk = await readPage(page);
    const leaves = trunk.length < header.usableSize ? Infinity : uint32(trunk, 4);
    if (8 + leaves * 4 > header.usableSize) {
      map.addProblem(`Page ${page}: freelist trunk lists more pages than it can hold`);
      break;
    }
    for (let index = 0; index < leaves; index++) {
      const leaf = uint32(trunk, 8 + index * 4);
      if (map.claim(leaf, "freelistLeaf", "free page", page)) count++;
    }
    from = page;
    page = uint32(trunk, 0);
  }
  if (count !== header.freelistCount) {
    map.addProblem(`The header says ${header.freelistCount} free pages, the freelist has ${count}`);
  }
}
