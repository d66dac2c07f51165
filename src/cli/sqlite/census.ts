import { uint32 } from "./big_endian.ts";
import { type DatabaseHeader, HEADER_LENGTH } from "./header.ts";
import { LinkStore } from "./link_store.ts";
import { lockBytePage } from "./lock_byte.ts";
import { INDEX_INTERIOR, INDEX_LEAF, parsePage, TABLE_INTERIOR, TABLE_LEAF } from "./page.ts";
import type { PageKind } from "./page_kind.ts";
import { PageLinks } from "./page_links.ts";
import { PageMap } from "./page_map.ts";
import { type PayloadRule, payloadRule } from "./payload.ts";
import { isPointerMapPage } from "./pointer_map.ts";
import { Problems } from "./problems.ts";

/**
 * The census of the pages of a SQLite database by kind, from its pages in any order.
 *
 * What a page is cannot be seen on the page alone: free pages keep their old content, and overflow
 * pages have no mark. So {@link Census.add} keeps, of each page that could be one of a b-tree, what
 * it points to, and of every page the four bytes that would be the next page of an overflow chain;
 * {@link Census.finish} then walks from the roots and finds each page that is really in use. That
 * takes 9 bytes of memory a page and 4 for each pointer between pages.
 */
export class Census {
  /** The header of the database. */
  readonly header: DatabaseHeader;
  /** What is wrong with the database, as far as it is known. */
  readonly problems: Problems = new Problems();
  /** What each page is, as far as it is known. */
  readonly map: PageMap;
  #rule: PayloadRule;
  #types: Uint8Array;
  #next: Uint32Array;
  #tickets: Uint32Array;
  #links: PageLinks;
  #store: LinkStore = new LinkStore();

  /**
   * @param header The header of the database.
   * @param fileSize The size of the file in bytes.
   */
  constructor(header: DatabaseHeader, fileSize: number) {
    this.header = header;
    const pageCount = Math.floor(fileSize / header.pageSize);
    this.map = new PageMap(pageCount, this.problems);
    this.#rule = payloadRule(header.usableSize);
    this.#types = new Uint8Array(pageCount + 1);
    this.#next = new Uint32Array(pageCount + 1);
    this.#tickets = new Uint32Array(pageCount + 1);
    this.#links = new PageLinks(header.pageSize);
    this.#checkSize(fileSize);
    this.#claimReserved();
  }

  /**
   * Takes note of a page. Pages that are known to be free are passed over, so the freelist is
   * best claimed before.
   *
   * @param page The page number, counted from 1.
   * @param bytes The page; not kept.
   */
  add(page: number, bytes: Uint8Array): void {
    if (page > this.map.pageCount || this.map.kinds[page] !== 0) return;
    this.#next[page] = uint32(bytes, 0);
    const links = this.#links;
    const type = parsePage(bytes, page === 1 ? HEADER_LENGTH : 0, this.#rule, links);
    this.#types[page] = type;
    if (type !== 0 && links.childCount + links.overflowCount > 0) {
      this.#tickets[page] = this.#store.store(links);
    }
  }

  /**
   * Walks the b-trees and overflow chains, once all pages have been added. What is then still
   * unreferenced in {@link Census.map} is so in the database.
   *
   * @param roots The root pages of all tables and indexes, without the schema's own.
   */
  finish(roots: Iterable<number>): void {
    this.#walk(1, 1);
    for (const root of roots) this.#walk(root, 1);
  }

  #checkSize(fileSize: number): void {
    const { pageSize, pageCount } = this.header;
    const rest = fileSize % pageSize;
    if (rest !== 0) this.problems.add(`The file ends with ${rest} bytes that are no whole page`);
    if (pageCount !== 0 && pageCount !== this.map.pageCount) {
      this.problems.add(
        `The header says ${pageCount} pages, the file has ${this.map.pageCount}`,
      );
    }
  }

  #claimReserved(): void {
    const { header, map } = this;
    const lock = lockBytePage(header.pageSize);
    if (lock <= map.pageCount) map.claim(lock, "lockByte", "lock-byte page", 1);
    if (!header.autoVacuum) return;
    const last = Math.min(map.pageCount, header.pageCount || map.pageCount);
    for (let page = 2; page <= last; page++) {
      if (isPointerMapPage(page, header)) map.claim(page, "pointerMap", "pointer map", 1);
    }
  }

  /** Walks one b-tree; the stack holds a page and the page that points to it in turn. */
  #walk(root: number, from: number): void {
    const stack = [root, from];
    const links = this.#links;
    const isTable = root >= 1 && root <= this.map.pageCount && isTableType(this.#types[root]!);
    for (let role = "root"; stack.length > 0; role = "child") {
      const parent = stack.pop()!;
      const page = stack.pop()!;
      if (!this.#claimTreePage(page, role, parent, isTable)) continue;
      if (this.#tickets[page] === 0) continue;
      this.#store.load(this.#tickets[page]!, links);
      for (let index = 0; index < links.childCount; index++) {
        stack.push(links.children[index]!, page);
      }
      for (let index = 0; index < links.overflowCount; index++) {
        this.#followChain(page, links.heads[index]!, links.lengths[index]!);
      }
    }
  }

  #claimTreePage(page: number, role: string, parent: number, isTable: boolean): boolean {
    const type = this.#types[page] ?? 0;
    const kind = kindOfType(type);
    if (!this.map.claim(page, kind, role, parent)) return false;
    if (kind === "damaged") {
      this.problems.add(`Page ${parent}: ${role} ${page} is no page of a b-tree`);
    } else if (isTableType(type) !== isTable) {
      const mixed = isTable ? "index page in a table" : "table page in an index";
      this.problems.add(`Page ${parent}: ${role} ${page} is of the wrong kind: ${mixed}`);
    }
    return true;
  }

  #followChain(from: number, head: number, length: number): void {
    let page = head;
    for (let index = 0; index < length; index++) {
      if (page === 0 && index > 0) {
        return this.problems.add(
          `Page ${from}: overflow chain at ${head} ends after ${index} of ${length} pages`,
        );
      }
      if (!this.map.claim(page, "overflow", "overflow page", from)) return;
      page = this.#next[page]!;
    }
    if (page !== 0) {
      this.problems.add(`Page ${from}: overflow chain at ${head} goes on after ${length} pages`);
    }
  }
}

function isTableType(type: number): boolean {
  return type === TABLE_LEAF || type === TABLE_INTERIOR;
}

function kindOfType(type: number): PageKind {
  switch (type) {
    case TABLE_LEAF:
      return "tableLeaf";
    case TABLE_INTERIOR:
      return "tableInterior";
    case INDEX_LEAF:
      return "indexLeaf";
    case INDEX_INTERIOR:
      return "indexInterior";
    default:
      return "damaged";
  }
}
