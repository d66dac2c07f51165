import { type DatabaseHeader, HEADER_LENGTH, isPointerMapPage, lockBytePage } from "./header.ts";
import { uint32 } from "./numbers.ts";
import { PageMap } from "./page_map.ts";
import { parseTreePage, TREE_KINDS, type TreeKind } from "./tree_page.ts";

/**
 * Counts the pages of a SQLite database by kind, from its pages in any order.
 *
 * What a page is cannot be seen on the page alone: free pages keep their old content, and overflow
 * pages have no mark. So {@link Census.add} keeps, of each page that could be a b-tree page, what it
 * points to, and of every page the four bytes that would be the next page of an overflow chain;
 * {@link Census.finish} then walks from the roots and finds each page that is really in use. That
 * takes 10 bytes of memory for each page and 4 for each pointer between pages, up to twice as much
 * while that grows.
 */
export class Census {
  readonly header: DatabaseHeader;
  /** What each page is and what is wrong with the database, as far as it is known. */
  readonly map: PageMap;
  /** The root pages of all tables and indexes, without the schema's own, for `finish`. */
  roots: readonly number[] = [];
  /** By page: its type, if it can be a b-tree page; else 0. */
  #types: Uint8Array;
  /** By page: the next page, if it is one of an overflow chain. */
  #next: Uint32Array;
  /** By page: where its links begin in `#links`; 0 if it has none. */
  #first: Uint32Array;
  /** For each page with links: the numbers of its children and chains, the children, the chains. */
  #links = new Uint32Array(1024);
  /** 0 means no links, so that place stays unused. */
  #used = 1;

  /** @param fileSize The size of the file in bytes. */
  constructor(header: DatabaseHeader, fileSize: number) {
    this.header = header;
    const pageCount = Math.floor(fileSize / header.pageSize);
    this.map = new PageMap(pageCount);
    this.#types = new Uint8Array(pageCount + 1);
    this.#next = new Uint32Array(pageCount + 1);
    this.#first = new Uint32Array(pageCount + 1);
    this.#checkSize(fileSize);
    this.#claimReserved();
  }

  /**
   * Notes the pages of a block. Pages that are known to be free are skipped, so claim the freelist
   * before. An incomplete page at the end of the file is left out.
   *
   * @param position Where the block begins in the file, in bytes: a multiple of the page size.
   * @param bytes The block; not kept.
   */
  addBlock(position: number, bytes: Uint8Array): void {
    const { pageSize } = this.header;
    let page = position / pageSize + 1;
    for (let start = 0; start + pageSize <= bytes.length; start += pageSize) {
      this.#add(page++, bytes.subarray(start, start + pageSize));
    }
  }

  #add(page: number, bytes: Uint8Array): void {
    if (page > this.map.pageCount || this.map.isClaimed(page)) return;
    this.#next[page] = uint32(bytes, 0);
    const start = page === 1 ? HEADER_LENGTH : 0;
    const tree = parseTreePage(bytes, start, this.header.usableSize);
    if (tree === undefined) return;
    this.#types[page] = bytes[start]!;
    const { children, chains } = tree;
    if (children.length + chains.length === 0) return;
    const first = this.#first[page] = this.#used;
    this.#used += 2 + children.length + chains.length;
    if (this.#used > this.#links.length) {
      const larger = new Uint32Array(2 * this.#used);
      larger.set(this.#links);
      this.#links = larger;
    }
    this.#links.set([children.length, chains.length], first);
    this.#links.set(children, first + 2);
    this.#links.set(chains, first + 2 + children.length);
  }

  /**
   * Walks the b-trees and overflow chains, once all pages have been added. What is then still
   * unreferenced in {@link Census.map} is unreferenced in the database.
   */
  finish(): void {
    this.#walk(1);
    for (const root of this.roots) this.#walk(root);
  }

  #checkSize(fileSize: number): void {
    const { pageSize, pageCount } = this.header;
    const rest = fileSize % pageSize;
    if (rest !== 0) {
      this.map.addProblem(`The file ends with ${rest} bytes that are not a whole page`);
    }
    if (pageCount !== 0 && pageCount !== this.map.pageCount) {
      this.map.addProblem(
        `The header says ${pageCount} pages, the file has ${this.map.pageCount}`,
      );
    }
  }

  #claimReserved(): void {
    const { header, map } = this;
    const lock = lockBytePage(header.pageSize);
    if (lock <= map.pageCount) map.claim(lock, "lockByte", "lock-byte page", 1);
    const last = header.autoVacuum ? Math.min(map.pageCount, header.pageCount || Infinity) : 0;
    for (let page = 2; page <= last; page++) {
      if (isPointerMapPage(page, header)) map.claim(page, "pointerMap", "pointer map", 1);
    }
  }

  /** Walks one b-tree; the stack holds a page and the page that points to it in turn. */
  #walk(root: number): void {
    const stack = [root, 1];
    const isTable = this.#treeKind(root)?.startsWith("table");
    for (let role = "root"; stack.length > 0; role = "child") {
      const parent = stack.pop()!;
      const page = stack.pop()!;
      if (!this.#claimTreePage(page, role, parent, isTable)) continue;
      if (this.#first[page] === 0) continue;
      const links = this.#links;
      let at = this.#first[page]! + 2;
      const middle = at + links[at - 2]!;
      const end = middle + links[at - 1]!;
      for (; at < middle; at++) stack.push(links[at]!, page);
      for (; at < end; at += 2) this.#followChain(page, links[at]!, links[at + 1]!);
    }
  }

  #treeKind(page: number): TreeKind | undefined {
    return TREE_KINDS.get(this.#types[page] ?? 0);
  }

  #claimTreePage(page: number, role: string, parent: number, isTable = false): boolean {
    const kind = this.#treeKind(page);
    if (!this.map.claim(page, kind ?? "damaged", role, parent)) return false;
    if (kind === undefined) {
      this.map.addProblem(`Page ${parent}: ${role} ${page} is not a b-tree page`);
    } else if (kind.startsWith("table") !== isTable) {
      const mixed = isTable ? "index page in a table" : "table page in an index";
      this.map.addProblem(`Page ${parent}: ${role} ${page} is of the wrong kind: ${mixed}`);
    }
    return true;
  }

  #followChain(from: number, head: number, length: number): void {
    const chain = `Page ${from}: overflow chain at ${head}`;
    let page = head;
    for (let index = 0; index < length; index++) {
      if (page === 0 && index > 0) {
        return this.map.addProblem(`${chain} ends after ${index} of ${length} pages`);
      }
      if (!this.map.claim(page, "overflow", "overflow page", from)) return;
      page = this.#next[page]!;
    }
    if (page !== 0) this.map.addProblem(`${chain} continues after ${length} pages`);
  }
}
