import { uint32 } from "./big_endian.ts";
import type { Census } from "./census.ts";
import { HEADER_LENGTH } from "./header.ts";
import { cellOffsets, parsePage, TABLE_INTERIOR, TABLE_LEAF } from "./page.ts";
import { PageLinks } from "./page_links.ts";
import type { PageReader } from "./page_reader.ts";
import { localPayload, payloadRule } from "./payload.ts";
import { recordColumn, recordInteger } from "./record.ts";
import { varint, varintLength } from "./varint.ts";

/** The column "rootpage" of sqlite_schema. */
const ROOT_PAGE_COLUMN = 3;

/**
 * Reads the schema for the root pages of all tables and indexes. Damaged pages of the schema are
 * passed over: the census finds and reports them.
 *
 * @param census Takes rows that cannot be read as problems.
 * @param readPage Reads the pages of the schema.
 * @returns The root pages, in the order of the schema.
 */
export async function schemaRoots(census: Census, readPage: PageReader): Promise<number[]> {
  const { header, map, problems } = census;
  const rule = payloadRule(header.usableSize);
  const links = new PageLinks(header.pageSize);
  const roots: number[] = [];
  const seen = new Set<number>();
  const stack = [1];
  for (let page = stack.pop(); page !== undefined; page = stack.pop()) {
    if (page < 1 || page > map.pageCount || seen.has(page)) continue;
    seen.add(page);
    const bytes = await readPage(page);
    const start = page === 1 ? HEADER_LENGTH : 0;
    const type = parsePage(bytes, start, rule, links);
    if (type === TABLE_INTERIOR) {
      for (let index = links.childCount - 1; index >= 0; index--) {
        stack.push(links.children[index]!);
      }
    } else if (type === TABLE_LEAF) {
      for (const cell of cellOffsets(bytes, start)) {
        const root = await rowRoot(bytes, cell);
        if (root === undefined) problems.add(`Page ${page}: row of the schema cannot be read`);
        else if (root !== 0) roots.push(root);
      }
    }
  }
  return roots;

  /** The root page in a row of the schema; 0 where it has none (views, triggers). */
  async function rowRoot(bytes: Uint8Array, cell: number): Promise<number | undefined> {
    const payload = varint(bytes, cell);
    const rowid = cell + varintLength(bytes, cell);
    const begin = rowid + varintLength(bytes, rowid);
    const length = localPayload(rule, rule.tableMaximum, payload);
    const local = bytes.subarray(begin, begin + length);
    const column = recordColumn(local, ROOT_PAGE_COLUMN);
    if (column === undefined || column.offset + column.length > payload) return undefined;
    if (column.type === 0) return 0;
    const end = column.offset + column.length;
    const head = length < payload ? uint32(bytes, begin + length) : 0;
    const record = end <= length ? local : await extend(local, head, end);
    return record === undefined ? undefined : recordInteger(record, column);
  }

  /** The first `length` bytes of a record whose names are so long that it overflows before. */
  async function extend(
    local: Uint8Array,
    head: number,
    length: number,
  ): Promise<Uint8Array | undefined> {
    const parts = [local.slice()];
    let have = local.length;
    for (let page = head; have < length;) {
      // A chain cannot have more pages than the file: whoever asks for more goes in circles.
      if (page < 1 || page > map.pageCount || parts.length > map.pageCount) return undefined;
      const bytes = await readPage(page);
      if (bytes.length < rule.usableSize) return undefined;
      parts.push(bytes.slice(4, rule.usableSize));
      have += rule.usableSize - 4;
      page = uint32(bytes, 0);
    }
    return join(parts, have);
  }
}

function join(parts: readonly Uint8Array[], length: number): Uint8Array {
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
