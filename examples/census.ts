/**
 * Counts the pages of an SQLite database by kind, and the pages and cells of each of its b-trees:
 * one scan of the file, whose blocks are counted in whatever order the disk delivers them.
 *
 *     bun examples/census.ts              a database made for it, in a temporary folder
 *     bun examples/census.ts app.db       without what is still in app.db-wal
 *
 * `deno run -A` and `node` do as well. `kaio scan` does more: it also looks for damage.
 *
 * @module
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { type AioFile, open } from "../mod.ts";

/** The first byte of a b-tree page. All other pages begin with a page number, or stand apart. */
const TREE_KINDS: Record<number, string> = {
  2: "index interior",
  5: "table interior",
  10: "index leaf",
  13: "table leaf",
};
/** The file has a page that is never used, where Windows has its locks. */
const LOCK_BYTE = 2 ** 30;
const BLOCK_SIZE = 1 << 16;

/** How many pages there are, and cells in them: rows, keys, or pointers to other pages. */
export interface Count {
  pages: number;
  cells: number;
}

/** What a database consists of. */
export interface Census {
  pageSize: number;
  pageCount: number;
  /** By kind: those of {@link TREE_KINDS}, "overflow", "free", "pointer map" and "lock byte". */
  kinds: Map<string, Count>;
  /** By the root page of each table and index, as in `rootpage` of `sqlite_schema`. */
  trees: Map<number, Count>;
}

/** Takes the census of a database that nobody writes to meanwhile. */
export async function takeCensus(file: AioFile): Promise<Census> {
  const header = new DataView((await file.readAt(0, 100)).buffer);
  const isDatabase = header.byteLength === 100 && header.getUint32(0) === 0x53514c69; // "SQLi"
  if (!isDatabase) throw new Error("Not an SQLite database");
  const pageSize = header.getUint16(16) === 1 ? 65536 : header.getUint16(16);
  const pageCount = Math.floor(await file.size() / pageSize);
  const isAutoVacuum = header.getUint32(52) !== 0;
  // A pointer map has 5 bytes for each of the pages that follow it.
  const mapped = Math.floor((pageSize - header.getUint8(20)) / 5) + 1;
  const lockPage = LOCK_BYTE / pageSize + 1;
  // Free pages keep their old content: only this list says which they are.
  const free = await readFreelist(file, header.getUint32(32), pageSize);

  const kinds = new Map<string, Count>();
  const cells = new Map<number, number>();
  const parents = new Map<number, number>();
  const look = (number: number, page: DataView) => {
    const start = number === 1 ? 100 : 0;
    const type = page.getUint8(start);
    let kind = TREE_KINDS[type] ?? "overflow";
    if (number === lockPage) kind = "lock byte";
    else if (free.has(number)) kind = "free";
    // The lock byte is never in a pointer map: the map is on the next page.
    else if (isAutoVacuum && isMap(number, mapped, lockPage)) kind = "pointer map";
    const isTree = kind === TREE_KINDS[type];
    const found = isTree ? page.getUint16(start + 3) : 0;
    add(kinds, kind, found);
    if (!isTree) return;
    cells.set(number, found);
    if (type > 5) return;
    // An interior page has a child for each of its cells, and one more.
    parents.set(page.getUint32(start + 8), number);
    for (let cell = 0; cell < found; cell++) {
      parents.set(page.getUint32(page.getUint16(start + 12 + 2 * cell)), number);
    }
  };
  // What has no order need not wait for its turn, so this is the default of `scan`.
  const blockSize = Math.max(BLOCK_SIZE, pageSize);
  for await (const { position, bytes } of file.scan({ blockSize, end: pageCount * pageSize })) {
    for (let at = 0; at < bytes.length; at += pageSize) {
      const page = new DataView(bytes.buffer, bytes.byteOffset + at, pageSize);
      look((position + at) / pageSize + 1, page);
    }
  }

  const trees = new Map<number, Count>();
  for (const [page, found] of cells) add(trees, rootOf(page, parents), found);
  return { pageSize, pageCount, kinds, trees };
}

async function readFreelist(file: AioFile, first: number, pageSize: number): Promise<Set<number>> {
  const free = new Set<number>();
  // Each page of the list names the next one, then how many others it names, then those.
  for (let number = first; number !== 0 && !free.has(number);) {
    free.add(number);
    const page = new DataView((await file.readAt((number - 1) * pageSize, pageSize)).buffer);
    for (let at = 0; at < page.getUint32(4); at++) free.add(page.getUint32(8 + 4 * at));
    number = page.getUint32(0);
  }
  return free;
}

function isMap(page: number, mapped: number, lockPage: number): boolean {
  const isPlace = (page: number) => page > 1 && (page - 2) % mapped === 0;
  return isPlace(page) || (page - 1 === lockPage && isPlace(lockPage));
}

function rootOf(page: number, parents: ReadonlyMap<number, number>): number {
  const seen = new Set<number>();
  let root = page;
  for (let next; (next = parents.get(root)) !== undefined; root = next) {
    if (seen.has(root)) throw new Error(`The database is damaged: page ${root} is its own parent`);
    seen.add(root);
  }
  return root;
}

function add<Key>(counts: Map<Key, Count>, key: Key, cells: number): void {
  const { pages, cells: before } = counts.get(key) ?? { pages: 0, cells: 0 };
  counts.set(key, { pages: pages + 1, cells: before + cells });
}

/** Makes a database with the SQLite that the runtime has built in. */
function makeDatabase(path: string): void {
  const builtin = (name: string) => (process.getBuiltinModule as (name: string) => unknown)(name);
  type Engine = new (path: string) => { exec(sql: string): void; close(): void };
  const Engine = (builtin("bun:sqlite") as { Database: Engine } | undefined)?.Database ??
    (builtin("node:sqlite") as { DatabaseSync: Engine } | undefined)?.DatabaseSync;
  if (Engine === undefined) throw new Error("This runtime has no SQLite: name a database");
  const database = new Engine(path);
  database.exec(`
    CREATE TABLE gone AS SELECT zeroblob(100000);
    CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, about TEXT);
    CREATE INDEX users_by_name ON users (name);
    WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 50000)
      INSERT INTO users SELECT n, 'user ' || n, hex(zeroblob(n % 100)) FROM numbers;
    INSERT INTO users VALUES (99999, 'longer than a page', hex(zeroblob(20000)));
    DROP TABLE gone;
  `);
  database.close();
}

if (import.meta.main) {
  const [given] = process.argv.slice(2);
  const folder = given === undefined ? mkdtempSync(join(tmpdir(), "kaio-example-")) : undefined;
  const path = given ?? join(folder!, "app.db");
  try {
    if (folder !== undefined) makeDatabase(path);
    await using file = await open(path, "r", { direct: "try" });
    const { pageSize, pageCount, kinds, trees } = await takeCensus(file);
    console.log(`${pageCount} pages of ${pageSize} bytes`);
    const print = (name: string, { pages, cells }: Count) => {
      const places = [
        name.padEnd(16),
        `${pages} pages`.padStart(14),
        `${cells} cells`.padStart(16),
      ];
      console.log(places.join(""));
    };
    for (const [kind, count] of [...kinds].sort()) print(kind, count);
    console.log("\nB-trees by root page, without overflow pages");
    for (const [root, count] of [...trees].sort(([a], [b]) => a - b)) print(`${root}`, count);
  } catch (error) {
    console.error((error as Error).message);
    process.exitCode = 1;
  } finally {
    if (folder !== undefined) rmSync(folder, { recursive: true });
  }
}
