import { uint16, uint32 } from "./big_endian.ts";
import type { PageLinks } from "./page_links.ts";
import { localPayload, overflowLength, type PayloadRule } from "./payload.ts";
import { varint, varintLength } from "./varint.ts";

/** The first byte of an interior page of an index b-tree. */
export const INDEX_INTERIOR: number = 0x02;
/** The first byte of an interior page of a table b-tree. */
export const TABLE_INTERIOR: number = 0x05;
/** The first byte of a leaf page of an index b-tree. */
export const INDEX_LEAF: number = 0x0a;
/** The first byte of a leaf page of a table b-tree. */
export const TABLE_LEAF: number = 0x0d;

/** The longest payload in bytes: SQLite keeps lengths in 31 bits. */
const MAXIMUM_PAYLOAD = 0x7fffffff;

/**
 * Reads a page as a page of a b-tree and collects what it points to. Nothing is believed: a page
 * whose cells could not all lie in it is none.
 *
 * @param bytes The page.
 * @param start Where the page's own header begins: 100 on page 1, else 0.
 * @param rule The payload rule of the database.
 * @param links Takes the links; holds something useful only if the page is a b-tree page.
 * @returns The page's first byte if it can be a page of a b-tree, else 0.
 */
export function parsePage(
  bytes: Uint8Array,
  start: number,
  rule: PayloadRule,
  links: PageLinks,
): number {
  links.clear();
  const type = bytes[start]!;
  switch (type) {
    case TABLE_LEAF:
    case INDEX_LEAF:
      return parseCells(bytes, start, start + 8, type, rule, links) ? type : 0;
    case TABLE_INTERIOR:
    case INDEX_INTERIOR:
      if (!parseCells(bytes, start, start + 12, type, rule, links)) return 0;
      links.addChild(uint32(bytes, start + 8));
      return type;
    default:
      return 0;
  }
}

/**
 * The offsets in bytes of the cells of a page that {@link parsePage} accepted.
 *
 * @param bytes The page.
 * @param start Where the page's own header begins: 100 on page 1, else 0.
 * @returns One offset a cell.
 */
export function cellOffsets(bytes: Uint8Array, start: number): number[] {
  const interior = bytes[start] === TABLE_INTERIOR || bytes[start] === INDEX_INTERIOR;
  const pointers = start + (interior ? 12 : 8);
  const offsets: number[] = [];
  for (let cell = 0; cell < uint16(bytes, start + 3); cell++) {
    offsets.push(uint16(bytes, pointers + cell * 2));
  }
  return offsets;
}

function parseCells(
  bytes: Uint8Array,
  start: number,
  pointers: number,
  type: number,
  rule: PayloadRule,
  links: PageLinks,
): boolean {
  const cells = uint16(bytes, start + 3);
  const end = pointers + cells * 2;
  const content = uint16(bytes, start + 5) || 65536;
  if (bytes.length < rule.usableSize || end > content || content > rule.usableSize) return false;
  // Cells that lay one on another could be more than a page holds: their sum is looked at too.
  let room = rule.usableSize - end;
  for (let pointer = pointers; pointer < end; pointer += 2) {
    const cell = uint16(bytes, pointer);
    if (cell < end || cell + 4 > rule.usableSize) return false;
    const size = parseCell(bytes, cell, type, rule, links);
    room -= size;
    if (cell + size > rule.usableSize || room < 0) return false;
  }
  return true;
}

/** Collects the links of one cell; returns its size in bytes. */
function parseCell(
  bytes: Uint8Array,
  cell: number,
  type: number,
  rule: PayloadRule,
  links: PageLinks,
): number {
  let at = cell;
  if (type === TABLE_INTERIOR || type === INDEX_INTERIOR) {
    links.addChild(uint32(bytes, at));
    at += 4;
    if (type === TABLE_INTERIOR) return at + varintLength(bytes, at) - cell;
  }
  const payload = varint(bytes, at);
  at += varintLength(bytes, at);
  if (type === TABLE_LEAF) at += varintLength(bytes, at);
  const maximum = type === TABLE_LEAF ? rule.tableMaximum : rule.indexMaximum;
  if (payload <= maximum) return at + payload - cell;
  if (payload > MAXIMUM_PAYLOAD) return Infinity;
  const local = localPayload(rule, maximum, payload);
  at += local;
  links.addOverflow(uint32(bytes, at), overflowLength(rule, payload - local));
  return at + 4 - cell;
}
