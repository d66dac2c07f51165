import type { Census } from "./census.ts";
import { parseTrunk } from "./freelist.ts";
import type { PageReader } from "./page_reader.ts";

/**
 * Walks the freelist and claims its pages, one read for each trunk (about a thousand free pages
 * with pages of 4096 bytes).
 *
 * @param census Takes the free pages and what is wrong with the list.
 * @param readPage Reads the trunks.
 */
export async function claimFreelist(census: Census, readPage: PageReader): Promise<void> {
  const { header, map, problems } = census;
  let count = 0;
  let from = 1;
  for (let page = header.firstTrunk; page !== 0;) {
    if (!map.claim(page, "freelistTrunk", "freelist trunk", from)) break;
    count++;
    const bytes = await readPage(page);
    const trunk = bytes.length < header.usableSize
      ? undefined
      : parseTrunk(bytes, header.usableSize);
    if (trunk === undefined) {
      problems.add(`Page ${page}: freelist trunk lists more pages than it can hold`);
      break;
    }
    for (const leaf of trunk.leaves) {
      if (map.claim(leaf, "freelistLeaf", "free page", page)) count++;
    }
    from = page;
    page = trunk.next;
  }
  if (count !== header.freelistCount) {
    problems.add(`The header says ${header.freelistCount} free pages, the freelist has ${count}`);
  }
}
