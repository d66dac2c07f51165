/**
 * A small store of pages that is to survive a power failure: an example of what a simulated disk
 * is for. See find_bug.ts.
 *
 * The file is made of pages of 4 KiB, each with a checksum. Pages 0 and 1 are headers, of which the
 * newer valid one counts: it says where the newest version of each page of the user lies. A commit
 * never overwrites what that header needs: it writes new versions to free places, then the other
 * header.
 *
 *     const store = await PageStore.open(file);
 *     await store.commit(new Map([[3, bytes]]));
 *     await store.read(3);
 *
 * @module
 */
import type { AioFile } from "../mod.ts";

/** Bytes of a page in the file. */
const PAGE_SIZE = 4096;
/** A checksum, what the page is, and the commit that wrote it: 32 bits each. */
const HEAD_SIZE = 12;
/** Bytes of a page that are the user's. */
export const CONTENT_SIZE = PAGE_SIZE - HEAD_SIZE;
/** How many pages the user has. */
export const PAGES = 16;
/** What a header is, where a page of the user has its number. */
const HEADER = 0xffffffff;

/** How a store is opened. */
export interface PageStoreOptions {
  /**
   * Leaves out the sync between the pages and the header. It is faster, nearly always goes well,
   * and loses data.
   */
  hasty?: boolean;
}

/** Pages that change together or not at all. */
export class PageStore {
  readonly #file: AioFile;
  readonly #hasty: boolean;
  /** The number of the last commit. */
  #commits = 0;
  /** Where the newest version of each page lies; 0: it was never written. */
  #places = new Uint32Array(PAGES);

  private constructor(file: AioFile, hasty: boolean) {
    this.#file = file;
    this.#hasty = hasty;
  }

  /** Opens the store in a file; an empty file is an empty store. */
  static async open(file: AioFile, options: PageStoreOptions = {}): Promise<PageStore> {
    const store = new PageStore(file, options.hasty ?? false);
    for (const place of [0, 1]) {
      const header = await store.#readPage(place, HEADER);
      if (header === undefined || header.commit <= store.#commits) continue;
      store.#commits = header.commit;
      const { buffer, byteOffset } = header.content.slice();
      store.#places = new Uint32Array(buffer, byteOffset, PAGES);
    }
    return store;
  }

  /** How many commits there were. */
  get commits(): number {
    return this.#commits;
  }

  /**
   * Reads a page.
   *
   * @throws {Error} If it is damaged
   */
  async read(page: number): Promise<Uint8Array> {
    const place = this.#places[page]!;
    if (place === 0) return new Uint8Array(CONTENT_SIZE);
    const found = await this.#readPage(place, page);
    if (found === undefined) throw new Error(`Page ${page} is damaged, in place ${place}`);
    return found.content;
  }

  /** Writes pages; when it resolves they are safe. One at a time. */
  async commit(pages: ReadonlyMap<number, Uint8Array>): Promise<void> {
    const commit = this.#commits + 1;
    const places = this.#places.slice();
    let free = 2;
    const writes: Promise<void>[] = [];
    for (const [page, content] of pages) {
      while (this.#places.includes(free) || places.includes(free)) free++;
      places[page] = free;
      writes.push(this.#writePage(free, page, commit, content));
    }
    await Promise.all(writes);
    if (!this.#hasty) await this.#file.datasync();
    await this.#writePage(commit % 2, HEADER, commit, new Uint8Array(places.buffer));
    await this.#file.datasync();
    this.#commits = commit;
    this.#places = places;
  }

  async #writePage(
    place: number,
    what: number,
    commit: number,
    content: Uint8Array,
  ): Promise<void> {
    const bytes = new Uint8Array(PAGE_SIZE);
    const head = new DataView(bytes.buffer);
    bytes.set(content, HEAD_SIZE);
    head.setUint32(4, what);
    head.setUint32(8, commit);
    head.setUint32(0, checksum(bytes.subarray(4)));
    // A write may store less than it was given
    for (let done = 0; done < PAGE_SIZE;) {
      const position = place * PAGE_SIZE + done;
      done += (await this.#file.write(bytes, done, PAGE_SIZE - done, position)).bytesWritten;
    }
  }

  /** A page with what it should be and a right checksum; `undefined` for all else. */
  async #readPage(
    place: number,
    what: number,
  ): Promise<{ commit: number; content: Uint8Array } | undefined> {
    const bytes = await this.#file.readAt(place * PAGE_SIZE, PAGE_SIZE);
    if (bytes.length < PAGE_SIZE) return undefined;
    const head = new DataView(bytes.buffer, bytes.byteOffset);
    const right = head.getUint32(0) === checksum(bytes.subarray(4)) && head.getUint32(4) === what;
    if (!right) return undefined;
    return { commit: head.getUint32(8), content: bytes.subarray(HEAD_SIZE) };
  }
}

/** FNV-1a. */
function checksum(bytes: Uint8Array): number {
  let state = 0x811c9dc5;
  for (const byte of bytes) state = Math.imul(state ^ byte, 0x01000193);
  return state >>> 0;
}
