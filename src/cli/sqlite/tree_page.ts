import { uint16, uint32, varint, varintLength } from "./numbers.ts";

/** The kind of a b-tree page. */
export type TreeKind = "tableLeaf" | "tableInterior" | "indexLeaf" | "indexInterior";

/** The kind of a b-tree page by its type, the first byte of the page's own header. */
export const TREE_KINDS: ReadonlyMap<number, TreeKind> = new Map([
  [0x02, "indexInterior"],
  [0x05, "tableInterior"],
  [0x0a, "indexLeaf"],
  [0x0d, "tableLeaf"],
]);

/** A page of a b-tree: what it points to. */
export interface TreePage {
  readonly kind: TreeKind;
  /** The children of an interior page, left to right. */
  readonly children: number[];
  /** For each overflow chain its first page, then the number of pages it must have. */
  readonly chains: number[];
}

/** The longest payload in bytes: SQLite keeps lengths in 31 bits. */
const MAXIMUM_PAYLOAD = 0x7fffffff;

/**
 * Reads a page as a page of a b-tree. Nothing is believed: a page whose cells could not all lie in
 * it is not a b-tree page.
 *
 * @param bytes The page.
 * @param start Where the page's own header begins: 100 on page 1, else 0.
 * @param usableSize The bytes of the page that SQLite uses.
 * @returns What the page points to, or `undefined` if it cannot be a page of a b-tree.
 */
export function parseTreePage(
  bytes: Uint8Array,
  start: number,
  usableSize: number,
): TreePage | undefined {
  const kind = TREE_KINDS.get(bytes[start]!);
  if (kind === undefined || bytes.length < usableSize) return undefined;
  const interior = kind === "tableInterior" || kind === "indexInterior";
  const page: TreePage = { kind, children: [], chains: [] };
  const pointers = start + (interior ? 12 : 8);
  const end = pointers + uint16(bytes, start + 3) * 2;
  const content = uint16(bytes, start + 5) || 65536;
  if (end > content || content > usableSize) return undefined;
  // Overlapping cells could hold more links than a page has room for, so their sum is limited too.
  let room = usableSize - end;
  for (let pointer = pointers; pointer < end; pointer += 2) {
    const cell = uint16(bytes, pointer);
    if (cell < end || cell + 4 > usableSize) return undefined;
    const size = parseCell(bytes, cell, page, usableSize);
    room -= size;
    if (cell + size > usableSize || room < 0) return undefined;
  }
  if (interior) page.children.push(uint32(bytes, start + 8));
  return page;
}

/** Adds the links of a cell to its page; returns the size of the cell in bytes. */
function parseCell(bytes: Uint8Array, cell: number, page: TreePage, usableSize: number): number {
  const { kind, children, chains } = page;
  let at = cell;
  if (kind === "tableInterior" || kind === "indexInterior") {
    children.push(uint32(bytes, at));
    at += 4;
    if (kind === "tableInterior") return at + varintLength(bytes, at) - cell;
  }
  const payload = varint(bytes, at);
  at += varintLength(bytes, at);
  if (kind === "tableLeaf") at += varintLength(bytes, at);
  if (payload > MAXIMUM_PAYLOAD) return Infinity;
  const local = localPayload(kind, payload, usableSize);
  at += local;
  if (local === payload) return at - cell;
  chains.push(uint32(bytes, at), chainLength(payload - local, usableSize));
  return at + 4 - cell;
}

/**
 * How many bytes of a payload its b-tree page keeps; the rest goes to overflow pages. See "Cell
 * Payload Overflow Pages" in the file format.
 */
export function localPayload(kind: TreeKind, payload: number, usableSize: number): number {
  const maximum = kind === "tableLeaf"
    ? usableSize - 35
    : Math.floor((usableSize - 12) * 64 / 255) - 23;
  if (payload <= maximum) return payload;
  const minimum = Math.floor((usableSize - 12) * 32 / 255) - 23;
  const local = minimum + (payload - minimum) % (usableSize - 4);
  return local <= maximum ? local : minimum;
}

/** How many overflow pages hold the rest of a payload. */
export function chainLength(bytes: number, usableSize: number): number {
  return Math.ceil(bytes / (usableSize - 4));
}
