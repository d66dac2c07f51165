import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { type Census, type Count, takeCensus } from "../../examples/census.ts";
import { open } from "../../mod.ts";
import { readDbstat } from "../support/dbstat.ts";
import { testWithin } from "../support/file_grounds.ts";
import { runExample } from "../support/run_example.ts";
import { openSqlite, withoutSqlite } from "../support/sqlite.ts";
import { type DatabaseOptions, makeDatabase } from "../support/sqlite_fixture.ts";
import { TempFolder } from "../support/temp.ts";

/** The pages and cells of each b-tree, as SQLite itself counts them. */
function treesOf(path: string): Map<number, Count> {
  const database = openSqlite(path);
  try {
    const rows = database.all(`
      SELECT coalesce(rootpage, 1) AS root, count(*) AS pages, sum(ncell) AS cells
      FROM dbstat LEFT JOIN sqlite_schema USING (name)
      WHERE pagetype IN ('leaf', 'internal') GROUP BY root ORDER BY root`);
    return new Map(rows.map(({ root, pages, cells }) => [
      root as number,
      { pages: pages as number, cells: cells as number },
    ]));
  } finally {
    database.close();
  }
}

function assertAgrees({ pageCount, kinds, trees }: Census, path: string): void {
  const { pageCount: expectedCount, freelistCount, kinds: expectedKinds } = readDbstat(path);
  assert.equal(pageCount, expectedCount);
  const pagesOf = (kind: string) => kinds.get(kind)?.pages ?? 0;
  assert.equal(pagesOf("free"), freelistCount);
  const expected = (wanted: string) =>
    [...expectedKinds.values()].filter((kind) => kind === wanted).length;
  assert.equal(pagesOf("table leaf"), expected("tableLeaf"));
  assert.equal(pagesOf("table interior"), expected("tableInterior"));
  assert.equal(pagesOf("index leaf"), expected("indexLeaf"));
  assert.equal(pagesOf("index interior"), expected("indexInterior"));
  assert.equal(pagesOf("overflow"), expected("overflow"));
  const sum = [...kinds.values()].reduce((sum, { pages }) => sum + pages, 0);
  assert.equal(sum, pageCount);
  assert.deepEqual(new Map([...trees].sort(([a], [b]) => a - b)), treesOf(path));
}

const DATABASES: readonly [name: string, options: DatabaseOptions][] = [
  ["pages of 4096 bytes", { size: 3_000_000, pageSize: 4096 }],
  ["pages of 1024 bytes, pointer maps", { size: 2_000_000, pageSize: 1024, autoVacuum: 1 }],
  ["pages of 512 bytes, a reserve", { size: 1_000_000, pageSize: 512, reserved: 20 }],
  ["pages of 65536 bytes", { size: 8_000_000, pageSize: 65536 }],
];

for (const [name, options] of DATABASES) {
  testWithin(`the census of the example agrees with SQLite: ${name}`, async () => {
    using folder = new TempFolder();
    const path = folder.join("database");
    makeDatabase(path, options);
    for (const direct of [false, "try"] as const) {
      await using file = await open(path, "r", { direct });
      assertAgrees(await takeCensus(file), path);
    }
  }, withoutSqlite);
}

testWithin("the census runs as it stands", async () => {
  const { code, stdout, stderr } = await runExample(["census.ts"]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^\d+ pages of 4096 bytes\nfree +\d+ pages +0 cells\n/);
  assert.match(stdout, /\n1 +1 pages +2 cells\n/);
}, withoutSqlite);

testWithin("the census refuses what is no database", async () => {
  using folder = new TempFolder();
  const path = folder.join("database");
  for (const content of ["", "something else".repeat(1000)]) {
    writeFileSync(path, content);
    const { code, stderr } = await runExample(["census.ts", path]);
    assert.equal(code, 1);
    assert.match(stderr, /Not an SQLite database/);
  }
});
