import { PAGE_KIND_LABELS, PAGE_KINDS, type PageKind } from "./page_kind.ts";
import type { Problems } from "./problems.ts";

/** What each page of a file has been found to be. A page is found once: the first claim holds. */
export class PageMap {
  /** The pages of the file. */
  readonly pageCount: number;
  /** The index in {@link PAGE_KINDS} of the kind of each page; page 1 is at 1. */
  readonly kinds: Uint8Array;
  #problems: Problems;

  /**
   * @param pageCount The pages of the file.
   * @param problems Takes what is wrong with claims.
   */
  constructor(pageCount: number, problems: Problems) {
    this.pageCount = pageCount;
    this.kinds = new Uint8Array(pageCount + 1);
    this.#problems = problems;
  }

  /**
   * Claims a page. Because no page can be claimed twice, a walk that claims before it goes on
   * ends, whatever the pointers say.
   *
   * @param page The page number, counted from 1.
   * @param kind What it is.
   * @param role What it is to the page that points to it, for a problem in words: "child".
   * @param from The page that points to it.
   * @returns Whether the page exists and was free; if not, that is noted as a problem.
   */
  claim(page: number, kind: PageKind, role: string, from: number): boolean {
    if (page < 1 || page > this.pageCount) {
      this.#problems.add(`Page ${from}: ${role} ${page} is not in the file`);
      return false;
    }
    if (this.kinds[page] !== 0) {
      const label = PAGE_KIND_LABELS[this.kindOf(page)];
      this.#problems.add(`Page ${from}: ${role} ${page} is already in use: ${label}`);
      return false;
    }
    this.kinds[page] = PAGE_KINDS.indexOf(kind);
    return true;
  }

  /** What a page has been found to be. */
  kindOf(page: number): PageKind {
    return PAGE_KINDS[this.kinds[page]!]!;
  }

  /** The pages of each kind. */
  counts(): Record<PageKind, number> {
    const totals = new Array<number>(PAGE_KINDS.length).fill(0);
    for (let page = 1; page <= this.pageCount; page++) totals[this.kinds[page]!]!++;
    return Object.fromEntries(PAGE_KINDS.map((kind, index) => [kind, totals[index]!])) as Record<
      PageKind,
      number
    >;
  }
}
