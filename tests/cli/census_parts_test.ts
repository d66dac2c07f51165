import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { Census } from "../../src/cli/sqlite/census.ts";
import { claimFreelist } from "../../src/cli/sqlite/freelist.ts";
import {
  type DatabaseHeader,
  HEADER_LENGTH,
  isPointerMapPage,
  lockBytePage,
  parseHeader,
} from "../../src/cli/sqlite/header.ts";
import { varint, varintLength } from "../../src/cli/sqlite/numbers.ts";
import { PageMap } from "../../src/cli/sqlite/page_map.ts";
import { integerOf, recordColumn } from "../../src/cli/sqlite/schema.ts";
import { chainLength, localPayload, parseTreePage } from "../../src/cli/sqlite/tree_page.ts";

function header(
  fields: { pageSize?: number; reserved?: number; autoVacuum?: boolean },
): Uint8Array {
  const { pageSize = 4096, reserved = 0, autoVacuum = false } = fields;
  const bytes = new Uint8Array(HEADER_LENGTH);
  bytes.set(new TextEncoder().encode("SQLite format 3\0"));
  const view = new DataView(bytes.buffer);
  view.setUint16(16, pageSize === 65536 ? 1 : pageSize);
  bytes.set([1, 1, reserved, 64, 32, 32], 18);
  view.setUint32(24, 7);
  view.setUint32(28, 99);
  view.setUint32(52, autoVacuum ? 1 : 0);
  view.setUint32(92, 7);
  return bytes;
}

function parse(bytes: Uint8Array): DatabaseHeader {
  const parsed = parseHeader(bytes);
  assert.ok(parsed !== undefined);
  return parsed;
}

test("a varint has 1 to 9 bytes, the ninth with all its bits", () => {
  const cases: [number[], number][] = [
    [[0x00], 0],
    [[0x7f], 127],
    [[0x81, 0x00], 128],
    [[0x82, 0x2c], 300],
    [[0xff, 0xff, 0xff, 0x7f], 2 ** 28 - 1],
    [[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x81, 0x05], 256 + 5],
    [[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], 2 ** 64],
  ];
  for (const [bytes, value] of cases) {
    const padded = Uint8Array.from([0xff, ...bytes, 0xff]);
    assert.equal(varint(padded, 1), value);
    assert.equal(varintLength(padded, 1), bytes.length);
  }
});

test("a varint that the bytes end in is read as if zeros followed", () => {
  assert.equal(varint(Uint8Array.from([0x81]), 0), 128);
  assert.equal(varintLength(Uint8Array.from([0x81]), 0), 2);
});

test("the header gives page size, usable size and the page count its last writer knew", () => {
  const large = parse(header({ pageSize: 65536, reserved: 16 }));
  assert.equal(large.pageSize, 65536);
  assert.equal(large.usableSize, 65520);
  assert.equal(large.pageCount, 99);
  const old = header({});
  old[95] = 6;
  assert.equal(parse(old).pageCount, 0);
});

test("a header is of a database only if it is whole and begins with the header string", () => {
  assert.equal(parse(header({})).pageSize, 4096);
  assert.throws(() => parseHeader(header({}).subarray(0, 99)), RangeError);
  assert.equal(parseHeader(new Uint8Array(HEADER_LENGTH)), undefined);
  const other = header({});
  other[15] = 32;
  assert.throws(() => parseHeader(other), RangeError);
  other[21] = 63;
  assert.equal(parseHeader(other), undefined);
});

test("page sizes and reserved bytes that no database has are refused", () => {
  for (const pageSize of [0, 256, 1000, 4097]) {
    assert.throws(() => parseHeader(header({ pageSize })), RangeError);
  }
  assert.throws(() => parseHeader(header({ pageSize: 512, reserved: 33 })), RangeError);
  assert.equal(parse(header({ pageSize: 512, reserved: 32 })).usableSize, 480);
});

test("the lock-byte page is the one at 1 GiB", () => {
  assert.equal(lockBytePage(4096), 262145);
  assert.equal(lockBytePage(65536), 16385);
});

test("pointer maps come every 820 pages with pages of 4096 bytes, and only with auto-vacuum", () => {
  const maps = (autoVacuum: boolean): number[] => {
    const parsed = parse(header({ autoVacuum }));
    const pages = Array.from({ length: 2000 }, (_, index) => index + 1);
    return pages.filter((page) => isPointerMapPage(page, parsed));
  };
  assert.deepEqual(maps(true), [2, 822, 1642]);
  assert.deepEqual(maps(false), []);
});

test("a pointer map gives way to the lock-byte page", () => {
  const parsed = parse(header({ pageSize: 1024, autoVacuum: true }));
  const lock = lockBytePage(1024);
  const near = [lock - 205, lock - 1, lock, lock + 1, lock + 2, lock + 205];
  assert.deepEqual(near.map((page) => isPointerMapPage(page, parsed)), [
    true,
    false,
    false,
    true,
    false,
    true,
  ]);
});

test("the local part of a payload follows the file format", () => {
  assert.equal(localPayload("tableLeaf", 4061, 4096), 4061);
  // One byte more: K = 489 + (4062 - 489) % 4092 = 4062 is above X, so M stays.
  assert.equal(localPayload("tableLeaf", 4062, 4096), 489);
  assert.equal(localPayload("tableLeaf", 489 + 4092 + 10, 4096), 499);
  for (const kind of ["indexLeaf", "indexInterior"] as const) {
    assert.equal(localPayload(kind, 1002, 4096), 1002);
    assert.equal(localPayload(kind, 1003, 4096), 489);
    assert.equal(localPayload(kind, 489 + 4092 + 10, 4096), 499);
  }
  assert.equal(chainLength(4092, 4096), 1);
  assert.equal(chainLength(4093, 4096), 2);
});

/** A table leaf of 512 bytes with one cell of a payload of 600 bytes, most of it on page 77. */
function overflowingLeaf(): Uint8Array {
  const page = new Uint8Array(512);
  // M = 39, K = 39 + 561 % 508 = 92: 92 bytes are local.
  const cell = 512 - (2 + 1 + 92 + 4);
  page.set([0x0d, 0, 0, 0, 1, cell >> 8, cell & 255, 0, cell >> 8, cell & 255]);
  page.set([0x84, 0x58, 0x05], cell);
  page.set([0, 0, 0, 77], 508);
  return page;
}

test("a table leaf gives the heads and lengths of its overflow chains", () => {
  const page = parseTreePage(overflowingLeaf(), 0, 512);
  assert.deepEqual(page, { kind: "tableLeaf", children: [], chains: [77, 1] });
});

test("an interior page gives its children, the rightmost last", () => {
  const page = new Uint8Array(512);
  page.set([0x05, 0, 0, 0, 2, 1, 245, 0, 0, 0, 0, 9, 1, 245, 1, 250]);
  page.set([0, 0, 0, 4, 0x20, 0, 0, 1, 0, 0x82, 0x2c], 501);
  assert.deepEqual(parseTreePage(page, 0, 512), {
    kind: "tableInterior",
    children: [4, 256, 9],
    chains: [],
  });
});

test("a page whose cells cannot lie in it is not a b-tree page", () => {
  const broken: [string, (page: Uint8Array) => void][] = [
    ["type", (page) => page[0] = 0x0c],
    ["too many cells", (page) => page[3] = 0xff],
    ["content begins behind the page", (page) => page[5] = 0x03],
    ["content begins before the cell pointers end", (page) => page.set([0, 9], 5)],
    ["cell behind the page", (page) => page.set([2, 0], 8)],
    ["cell in the page header", (page) => page.set([0, 3], 8)],
    ["cell runs out of the page", (page) => page.set([0x85, 0], 413)],
    ["cells lie one on another", (page) => {
      page[4] = 6;
      for (let cell = 0; cell < 6; cell++) page.set(page.subarray(8, 10), 8 + cell * 2);
    }],
    ["payload longer than SQLite allows", (page) => page.fill(0xff, 413, 422)],
  ];
  for (const [what, breakIt] of broken) {
    const page = overflowingLeaf();
    breakIt(page);
    assert.equal(parseTreePage(page, 0, 512), undefined, what);
  }
});

test("a record gives an integer of any length, NULL as 0 and the constants", () => {
  // Columns: text "ab", NULL, 1, an integer of 3 bytes, text that is cut off.
  const record = Uint8Array.from([6, 17, 0, 9, 3, 99, 97, 98, 1, 0, 2]);
  const read = (index: number): number | undefined => {
    const column = recordColumn(record, index);
    return column && integerOf(record, column);
  };
  assert.equal(read(0), undefined);
  assert.equal(read(1), 0);
  assert.equal(read(2), 1);
  assert.equal(read(3), 65538);
  assert.deepEqual(recordColumn(record, 4), { offset: 11, length: 43, type: 99 });
  assert.equal(recordColumn(record, 5), undefined);
  assert.equal(recordColumn(Uint8Array.from([9, 1, 1]), 0), undefined);
});

test("a trunk that lists more than it can hold is a problem", async () => {
  const claim = async (leaves: number): Promise<PageMap> => {
    const trunk = new Uint32Array([
      0,
      leaves,
      ...Array.from({ length: 126 }, (_, leaf) => leaf + 3),
    ]);
    const bytes = Buffer.from(trunk.buffer).swap32();
    const map = new PageMap(200);
    const fields = { ...parse(header({ pageSize: 512 })), firstTrunk: 2, freelistCount: 127 };
    await claimFreelist(fields, map, () => Promise.resolve(bytes));
    return map;
  };
  const full = await claim(126);
  assert.deepEqual(full.problems, []);
  assert.equal(full.kindOf(2), "freelistTrunk");
  assert.equal(full.counts().freelistLeaf, 126);
  const { problems } = await claim(127);
  assert.equal(problems[0], "Page 2: freelist trunk lists more pages than it can hold");
});

test("an overflow page that looks like a page of a b-tree is an overflow page", () => {
  // Only the number of a page behind 2^25 begins with the byte of an index page.
  const far = 0x02000000;
  const first = new Uint8Array(512);
  first.set(header({ pageSize: 512 }));
  // One row of 39 + 3 * 508 bytes: a chain of three pages.
  first.set([0x0d, 0, 0, 0, 1, 1, 210, 0, 1, 210], 100);
  first.set([0x8c, 0x1b, 0x01], 466);
  first.set([0, 0, 0, 5], 508);
  const looksLikeIndex = new Uint8Array(512);
  looksLikeIndex.set([2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 7]);
  assert.equal(parseTreePage(looksLikeIndex, 0, 512)?.kind, "indexInterior");
  const leaf = new Uint8Array(512);
  leaf.set([0x0d, 0, 0, 0, 0, 2, 0]);
  const middle = new Uint8Array(512);
  middle[3] = 9;

  const parsed = parse(header({ pageSize: 512 }));
  const census = new Census({ ...parsed, pageCount: far }, far * 512);
  const add = (page: number, bytes: Uint8Array): void => census.addBlock((page - 1) * 512, bytes);
  add(7, leaf);
  add(9, new Uint8Array(512));
  add(far, middle);
  add(5, looksLikeIndex);
  add(1, first);
  census.finish();
  assert.deepEqual(census.map.problems, []);
  const kinds = [1, 5, 7, 9, far].map((page) => census.map.kindOf(page));
  assert.deepEqual(kinds, ["tableLeaf", "overflow", "unreferenced", "overflow", "overflow"]);
});
