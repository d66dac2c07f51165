import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import {
  copyFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { Census } from "../../src/cli/sqlite/census.ts";
import type { PageKind } from "../../src/cli/sqlite/page_map.ts";
import { type Dbstat, readDbstat } from "../support/dbstat.ts";
import { withoutSqlite } from "../support/sqlite.ts";
import { type DatabaseOptions, makeDatabase } from "../support/sqlite_fixture.ts";
import { takeCensus } from "../support/take_census.ts";

const folder = mkdtempSync(join(tmpdir(), "kaio-census-"));
after(() => rmSync(folder, { recursive: true }));

/** The pages of a kind, in ascending order. */
function pagesOf(census: Census, kind: PageKind): number[] {
  const pages: number[] = [];
  for (let page = 1; page <= census.map.pageCount; page++) {
    if (census.map.kindOf(page) === kind) pages.push(page);
  }
  return pages;
}

/** Compares page by page; what dbstat does not list must be free or have no place in any tree. */
function assertAgrees(census: Census, dbstat: Dbstat): void {
  assert.deepEqual(census.map.problems, []);
  assert.equal(census.map.pageCount, dbstat.pageCount);
  const differing: string[] = [];
  const outside: PageKind[] = ["freelistTrunk", "freelistLeaf", "pointerMap", "lockByte"];
  for (let page = 1; page <= dbstat.pageCount; page++) {
    const kind = census.map.kindOf(page);
    const expected = dbstat.kinds.get(page);
    if (expected === undefined ? !outside.includes(kind) : kind !== expected) {
      differing.push(`${page}: ${kind} instead of ${expected ?? outside.join(" or ")}`);
    }
  }
  assert.deepEqual(differing.slice(0, 10), []);
  const counts = census.map.counts();
  assert.equal(counts.freelistTrunk + counts.freelistLeaf, dbstat.freelistCount);
}

interface Case extends DatabaseOptions {
  /** The pages of a read. */
  readonly pagesPerBlock: number;
  /** The fewest trunks that the freelist must have for the case to be worth something. */
  readonly trunks: number;
}

const cases: Case[] = [
  { size: 10_000_000, pageSize: 4096, pagesPerBlock: 1, trunks: 1 },
  { size: 4_000_000, pageSize: 512, pagesPerBlock: 1, trunks: 5 },
  { size: 4_000_000, pageSize: 1024, pagesPerBlock: 7, trunks: 2 },
  { size: 8_000_000, pageSize: 65536, pagesPerBlock: 1, trunks: 1 },
  // With full auto-vacuum there is never a free page after a transaction.
  { size: 4_000_000, pageSize: 512, autoVacuum: 1, pagesPerBlock: 1, trunks: 0 },
  { size: 8_000_000, pageSize: 4096, autoVacuum: 2, pagesPerBlock: 3, trunks: 1 },
  { size: 4_000_000, pageSize: 1024, reserved: 32, pagesPerBlock: 1, trunks: 2 },
  { size: 8_000_000, pageSize: 65536, reserved: 255, pagesPerBlock: 1, trunks: 1 },
];

for (const options of cases) {
  const name = Object.entries(options).map(([key, value]) => `${key} ${value}`).join(", ");
  test(`the census agrees with dbstat on every page: ${name}`, withoutSqlite, async () => {
    const path = join(folder, "agrees.db");
    rmSync(path, { force: true });
    makeDatabase(path, options);
    const census = await takeCensus(path, options.pagesPerBlock);
    assertAgrees(census, readDbstat(path));
    const counts = census.map.counts();
    for (const kind of ["tableLeaf", "tableInterior", "indexLeaf", "indexInterior"] as const) {
      assert.ok(counts[kind] > 0, kind);
    }
    assert.ok(counts.overflow > 100);
    assert.ok(counts.freelistTrunk >= options.trunks, `${counts.freelistTrunk} trunks`);
    assert.equal(counts.pointerMap > 0, (options.autoVacuum ?? 0) > 0);
  });
}

/** A sound database, made once, with its census. */
let sound: Promise<{ path: string; census: Census }> | undefined;

function soundDatabase(): Promise<{ path: string; census: Census }> {
  sound ??= (async () => {
    const path = join(folder, "sound.db");
    makeDatabase(path, { size: 2_000_000, pageSize: 1024 });
    return { path, census: await takeCensus(path) };
  })();
  return sound;
}

/** The census of the sound database after something has been done to its bytes. */
async function censusAfter(
  change: (file: DataView, census: Census) => void,
): Promise<{ before: Census; after: Census }> {
  const { path, census } = await soundDatabase();
  const bytes = readFileSync(path);
  change(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), census);
  const changed = join(folder, "changed.db");
  writeFileSync(changed, bytes);
  return { before: census, after: await takeCensus(changed) };
}

/** Where a page of 1024 bytes begins. */
function offsetOf(page: number): number {
  return (page - 1) * 1024;
}

function total(census: Census): number {
  return Object.values(census.map.counts()).reduce((sum, count) => sum + count, 0);
}

test(
  "pages that nothing points to are unreferenced, whatever they hold",
  withoutSqlite,
  async () => {
    const { before, after } = await censusAfter((file) => {
      file.setUint32(32, 0);
      file.setUint32(36, 0);
    });
    const { freelistTrunk, freelistLeaf, unreferenced, ...others } = before.map.counts();
    assert.equal(unreferenced, 0);
    assert.deepEqual(after.map.problems, []);
    assert.deepEqual(after.map.counts(), {
      ...others,
      freelistTrunk: 0,
      freelistLeaf: 0,
      unreferenced: freelistTrunk + freelistLeaf,
    });
  },
);

test("a freelist that goes in circles ends, with a problem", withoutSqlite, async () => {
  const { after } = await censusAfter((file, census) => {
    const trunks = pagesOf(census, "freelistTrunk");
    for (const trunk of trunks) file.setUint32(offsetOf(trunk), trunks[0]!);
  });
  assert.match(after.map.problems.join("\n"), /freelist trunk \d+ is already in use/);
  assert.match(after.map.problems.join("\n"), /The header says \d+ free pages, the freelist has/);
});

test("a freelist trunk that cannot be one is a problem", withoutSqlite, async () => {
  const { after } = await censusAfter((file, census) => {
    file.setUint32(offsetOf(pagesOf(census, "freelistTrunk")[0]!) + 4, 0xffffffff);
  });
  assert.match(after.map.problems[0]!, /freelist trunk lists more pages than it can hold$/);
});

test("an overflow chain that goes in circles ends, with a problem", withoutSqlite, async () => {
  const { before, after } = await censusAfter((file, census) => {
    for (const page of pagesOf(census, "overflow")) {
      if (file.getUint32(offsetOf(page)) !== 0) return file.setUint32(offsetOf(page), page);
    }
  });
  assert.match(
    after.map.problems[0]!,
    /^Page \d+: overflow page \d+ is already in use: overflow$/,
  );
  assert.ok(after.map.counts().overflow < before.map.counts().overflow);
  assert.ok(after.map.counts().unreferenced > 0);
});

test("an overflow chain that is too short or too long is a problem", withoutSqlite, async () => {
  const short = await censusAfter((file, census) => {
    for (const page of pagesOf(census, "overflow")) file.setUint32(offsetOf(page), 0);
  });
  const texts = short.after.map.problems.join("\n");
  assert.match(texts, /^Page \d+: row of the schema cannot be read$/m);
  assert.match(texts, /^Page \d+: overflow chain at \d+ ends after 1 of \d+ pages$/m);
  const long = await censusAfter((file, census) => {
    for (const page of pagesOf(census, "overflow")) {
      if (file.getUint32(offsetOf(page)) === 0) return file.setUint32(offsetOf(page), 1);
    }
  });
  assert.equal(long.after.map.problemCount, 1);
  assert.match(long.after.map.problems[0]!, /continues after \d+ pages$/);
});

test("a tree that goes in circles ends, with a problem", withoutSqlite, async () => {
  const { after } = await censusAfter((file, census) => {
    for (const page of pagesOf(census, "tableInterior")) {
      if (page !== 1) file.setUint32(offsetOf(page) + 8, page);
    }
  });
  assert.match(after.map.problems.join("\n"), /child (\d+) is already in use: table interior/);
});

test(
  "a child that is not a b-tree page is damaged, one of the other kind a problem",
  withoutSqlite,
  async () => {
    const { before, after } = await censusAfter((file, census) => {
      const [first, second] = pagesOf(census, "tableLeaf").slice(-2);
      file.setUint8(offsetOf(first!), 0x0c);
      // A leaf of an index without cells.
      file.setUint32(offsetOf(second!), 0x0a000000);
      file.setUint32(offsetOf(second!) + 4, 0x00040000);
    });
    const texts = after.map.problems.join("\n");
    assert.equal(after.map.counts().damaged, 1);
    assert.match(texts, /child \d+ is not a b-tree page/);
    assert.match(texts, /child \d+ is of the wrong kind: index page in a table/);
    assert.equal(after.map.counts().tableLeaf, before.map.counts().tableLeaf - 2);
    assert.equal(after.map.counts().indexLeaf, before.map.counts().indexLeaf + 1);
  },
);

test(
  "a root page that is in use already is a problem, and its own page unreferenced",
  withoutSqlite,
  async () => {
    // In the schema, the number of the root page follows type, name and name of the table.
    const row = Buffer.from("tablesmall_1small_1");
    const { after } = await censusAfter((file) => {
      const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
      for (let at = bytes.indexOf(row); at >= 0; at = bytes.indexOf(row, at + 1)) {
        bytes[at + row.length] = 1;
      }
    });
    assert.deepEqual(after.map.problems, ["Page 1: root 1 is already in use: table interior"]);
    assert.equal(after.map.counts().unreferenced, 1);
  },
);

test("a file cut in two gives problems and the pages that are left", withoutSqlite, async () => {
  const { path, census } = await soundDatabase();
  const cut = join(folder, "cut.db");
  copyFileSync(path, cut);
  const left = Math.floor(census.map.pageCount / 2);
  truncateSync(cut, left * 1024 + 100);
  const after = await takeCensus(cut);
  assert.equal(after.map.pageCount, left);
  assert.equal(total(after), left);
  assert.deepEqual(after.map.problems.slice(0, 2), [
    "The file ends with 100 bytes that are not a whole page",
    `The header says ${census.map.pageCount} pages, the file has ${left}`,
  ]);
  assert.match(after.map.problems.join("\n"), /is not in the file/);
});

test(
  "noise anywhere never breaks the census, and every page is counted once",
  withoutSqlite,
  async () => {
    let state = 12345;
    const random = (limit: number): number => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      return Math.floor(state / 2 ** 32 * limit);
    };
    let worse = 0;
    for (let round = 0; round < 25; round++) {
      const { before, after } = await censusAfter((file) => {
        for (let index = 0; index < 300; index++) {
          // The beginning of a page is where its pointers are.
          const at = random(file.byteLength / 1024) * 1024 + random(12);
          if (at >= 100) file.setUint8(at, random(256));
        }
      });
      assert.equal(total(after), before.map.pageCount);
      assert.ok(after.map.problems.length <= 100);
      if (after.map.problemCount > 0) worse++;
    }
    assert.ok(worse > 20);
  },
);
