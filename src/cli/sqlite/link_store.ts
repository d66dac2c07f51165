import type { PageLinks } from "./page_links.ts";

/** Numbers in a chunk: more than the links of the largest page. */
const CHUNK_LENGTH = 1 << 18;

/**
 * Keeps the links of all pages, 4 bytes a number, in chunks: it grows without copying what is
 * there.
 */
export class LinkStore {
  #chunks: Uint32Array[] = [];
  #used: number = CHUNK_LENGTH;

  /**
   * Keeps the links of a page.
   *
   * @param links The links; copied.
   * @returns A number above 0 under which {@link LinkStore.load} finds them.
   */
  store(links: PageLinks): number {
    const length = 2 + links.childCount + links.overflowCount * 2;
    if (this.#used + length > CHUNK_LENGTH) {
      this.#chunks.push(new Uint32Array(CHUNK_LENGTH));
      this.#used = 0;
    }
    const chunk = this.#chunks.at(-1)!;
    let at = this.#used;
    this.#used += length;
    const ticket = (this.#chunks.length - 1) * CHUNK_LENGTH + at + 1;
    chunk[at++] = links.childCount;
    chunk[at++] = links.overflowCount;
    for (let index = 0; index < links.childCount; index++) chunk[at++] = links.children[index]!;
    for (let index = 0; index < links.overflowCount; index++) {
      chunk[at++] = links.heads[index]!;
      chunk[at++] = links.lengths[index]!;
    }
    return ticket;
  }

  /**
   * Gives the links of a page back.
   *
   * @param ticket What {@link LinkStore.store} returned.
   * @param links Takes the links.
   */
  load(ticket: number, links: PageLinks): void {
    const chunk = this.#chunks[Math.floor((ticket - 1) / CHUNK_LENGTH)]!;
    let at = (ticket - 1) % CHUNK_LENGTH;
    links.clear();
    const children = chunk[at++]!;
    const overflows = chunk[at++]!;
    for (let index = 0; index < children; index++) links.addChild(chunk[at++]!);
    for (let index = 0; index < overflows; index++, at += 2) {
      links.addOverflow(chunk[at]!, chunk[at + 1]!);
    }
  }
}
