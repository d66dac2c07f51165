/**
 * What a page of a SQLite database can be, with its name for people. The first is what a page is
 * until something is found to point to it; `damaged` is what something points to as a b-tree page
 * although it cannot be read as one.
 */
export const PAGE_KINDS = {
  unreferenced: "unreferenced",
  tableLeaf: "table leaf",
  tableInterior: "table interior",
  indexLeaf: "index leaf",
  indexInterior: "index interior",
  overflow: "overflow",
  freelistTrunk: "freelist trunk",
  freelistLeaf: "freelist leaf",
  pointerMap: "pointer map",
  lockByte: "lock byte",
  damaged: "damaged",
} as const;

/** A key of {@link PAGE_KINDS}. The b-trees of WITHOUT ROWID tables are indexes. */
export type PageKind = keyof typeof PAGE_KINDS;

const KINDS = Object.keys(PAGE_KINDS) as PageKind[];

/** How many problems are kept in words. */
const KEPT_PROBLEMS = 100;

/** What each page of a file has been found to be. A page is found once: the first claim holds. */
export class PageMap {
  /** The pages of the file. */
  readonly pageCount: number;
  /** How many problems have been found. */
  problemCount = 0;
  /** The first hundred problems, in words. */
  readonly problems: string[] = [];
  /** The index in `KINDS` of the kind of each page; page 1 is at 1. */
  #kinds: Uint8Array;

  /** @param pageCount The pages of the file. */
  constructor(pageCount: number) {
    this.pageCount = pageCount;
    this.#kinds = new Uint8Array(pageCount + 1);
  }

  /** Notes something that is wrong with the database. */
  addProblem(text: string): void {
    if (this.problemCount++ < KEPT_PROBLEMS) this.problems.push(text);
  }

  /**
   * Claims a page. Because no page can be claimed twice, a walk that claims each page before it
   * follows its pointers ends, whatever the pointers say.
   *
   * @param page The page number, counted from 1.
   * @param kind What it is.
   * @param role What it is to the page that points to it, for a problem in words: "child".
   * @param from The page that points to it.
   * @returns Whether the page exists and was unclaimed; if not, a problem is noted.
   */
  claim(page: number, kind: PageKind, role: string, from: number): boolean {
    if (page < 1 || page > this.pageCount) {
      this.addProblem(`Page ${from}: ${role} ${page} is not in the file`);
    } else if (this.isClaimed(page)) {
      const label = PAGE_KINDS[this.kindOf(page)];
      this.addProblem(`Page ${from}: ${role} ${page} is already in use: ${label}`);
    } else {
      this.#kinds[page] = KINDS.indexOf(kind);
      return true;
    }
    return false;
  }

  /** Whether something is known to point to a page of the file. */
  isClaimed(page: number): boolean {
    return this.#kinds[page] !== 0;
  }

  /** What a page has been found to be. */
  kindOf(page: number): PageKind {
    return KINDS[this.#kinds[page]!]!;
  }

  /** The pages of each kind. */
  counts(): Record<PageKind, number> {
    const counts = Object.fromEntries(KINDS.map((kind) => [kind, 0])) as Record<PageKind, number>;
    for (let page = 1; page <= this.pageCount; page++) counts[this.kindOf(page)]++;
    return counts;
  }
}
