import { Buffer } from "node:buffer";
import { type DatabaseHeader, HEADER_LENGTH } from "./header.ts";
import { uint16, uint32, varint, varintLength } from "./numbers.ts";
import type { PageMap } from "./page_map.ts";
import { localPayload, parseTreePage } from "./tree_page.ts";

/**
 * Reads one page of a database by its number, counted from 1. The page is shorter, perhaps empty, at
 * the end of the file.
 */
export type ReadPage = (page: number) => Promise<Uint8Array>;

/** The column "rootpage" of sqlite_schema. */
const ROOT_PAGE_COLUMN = 3;

/**
 * Reads the schema for the root pages of all tables and indexes. Damaged pages of the schema are
 * skipped here, because the census finds and reports them.
 *
 * @param header The header of the database.
 * @param map Takes rows that cannot be read as problems.
 * @param readPage Reads the pages of the schema.
 * @returns The root pages, in the order of the schema.
 */
export async function schemaRoots(
  header: DatabaseHeader,
  map: PageMap,
  readPage: ReadPage,
): Promise<number[]> {
  const { pageSize, usableSize } = header;
  const roots: number[] = [];
  const seen = new Set<number>();
  const stack = [1];
  for (let page = stack.pop(); page !== undefined; page = stack.pop()) {
    if (page < 1 || page > map.pageCount || seen.has(page)) continue;
    seen.add(page);
    const bytes = await readPage(page);
    const start = page === 1 ? HEADER_LENGTH : 0;
    const tree = parseTreePage(bytes, start, usableSize);
    if (tree?.kind === "tableInterior") stack.push(...tree.children.toReversed());
    if (tree?.kind !== "tableLeaf") continue;
    for (let index = 0; index < uint16(bytes, start + 3); index++) {
      const root = await rootOfRow(bytes, uint16(bytes, start + 8 + index * 2));
      if (root === undefined) map.addProblem(`Page ${page}: row of the schema cannot be read`);
      else if (root !== 0) roots.push(root);
    }
  }
  return roots;

  /** The root page in a row of the schema; 0 if it has none (views, triggers). */
  async function rootOfRow(bytes: Uint8Array, cell: number): Promise<number | undefined> {
    const payload = varint(bytes, cell);
    const rowid = cell + varintLength(bytes, cell);
    const begin = rowid + varintLength(bytes, rowid);
    let have = localPayload("tableLeaf", payload, usableSize);
    const local = bytes.subarray(begin, begin + have);
    const column = recordColumn(local, ROOT_PAGE_COLUMN);
    if (column === undefined) return undefined;
    const end = column.offset + column.length;
    // A record cannot be longer than the file, so an overflow chain that goes in circles ends.
    if (end > Math.min(payload, map.pageCount * pageSize)) return undefined;
    const parts = [local];
    for (let next = uint32(bytes, begin + have); have < end;) {
      if (next < 1 || next > map.pageCount) return undefined;
      const page = await readPage(next);
      if (page.length < usableSize) return undefined;
      parts.push(page.subarray(4, usableSize));
      have += usableSize - 4;
      next = uint32(page, 0);
    }
    return integerOf(Buffer.concat(parts), column);
  }
}

/** Where a column lies in a record, and how it is stored. */
interface RecordColumn {
  /** Where the value begins in the record, in bytes. */
  readonly offset: number;
  /** The length of the value in bytes. */
  readonly length: number;
  /** The serial type: 0 is NULL, 1 to 9 are numbers, 12 and above blobs and texts. */
  readonly type: number;
}

/** The lengths in bytes of the values with serial types 0 to 11. */
const LENGTHS = [0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0];

/**
 * Finds a column of a record; only the record's own header is read.
 *
 * @param record The beginning of a record.
 * @param column The column, counted from 0.
 * @returns The column, or `undefined` if the record has fewer or its header is cut off.
 */
export function recordColumn(record: Uint8Array, column: number): RecordColumn | undefined {
  let offset = varint(record, 0);
  const end = offset;
  if (end > record.length) return undefined;
  for (let at = varintLength(record, 0), index = 0; at < end; index++) {
    const type = varint(record, at);
    const length = type < 12 ? LENGTHS[type]! : (type - 12 - type % 2) / 2;
    if (index === column) return { offset, length, type };
    at += varintLength(record, at);
    offset += length;
  }
  return undefined;
}

/**
 * Reads an integer of a record as unsigned, since page numbers are.
 *
 * @returns The number, 0 for NULL, or `undefined` if the column holds something else.
 */
export function integerOf(record: Uint8Array, column: RecordColumn): number | undefined {
  const { type, offset, length } = column;
  if (type === 8 || type === 9) return type - 8;
  if (type > 6) return undefined;
  return record.subarray(offset, offset + length).reduce((value, byte) => value * 256 + byte, 0);
}
