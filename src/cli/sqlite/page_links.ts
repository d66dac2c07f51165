/**
 * The pages that one b-tree page points to. One object is used for all pages in turn, so that
 * reading a page allocates nothing.
 */
export class PageLinks {
  /** How many of {@link PageLinks.children} count. */
  childCount = 0;
  /** The children of an interior page, left to right, the rightmost last. */
  readonly children: Uint32Array;
  /** How many of {@link PageLinks.heads} and {@link PageLinks.lengths} count. */
  overflowCount = 0;
  /** The first page of each overflow chain. */
  readonly heads: Uint32Array;
  /** The pages that each chain must have for its payload. */
  readonly lengths: Uint32Array;

  /** @param pageSize The size of a page in bytes: no page has more links than it has cells. */
  constructor(pageSize: number) {
    this.children = new Uint32Array(pageSize / 2);
    this.heads = new Uint32Array(pageSize / 2);
    this.lengths = new Uint32Array(pageSize / 2);
  }

  /** Forgets all links. */
  clear(): void {
    this.childCount = 0;
    this.overflowCount = 0;
  }

  /** Adds a child page. */
  addChild(page: number): void {
    this.children[this.childCount++] = page;
  }

  /** Adds an overflow chain: its first page and the pages that it must have. */
  addOverflow(head: number, length: number): void {
    this.heads[this.overflowCount] = head;
    this.lengths[this.overflowCount++] = length;
  }
}
