import { closeSync, openSync, readSync, writeSync } from "node:fs";
import { openSqlite, type Sqlite } from "./sqlite.ts";

/** What kind of database {@link makeDatabase} makes. */
export interface DatabaseOptions {
  /** About how large it becomes, in bytes; free pages and some overhead come on top. */
  readonly size: number;
  /** The size of a page in bytes. */
  readonly pageSize: number;
  /** 0 for none, 1 for full, 2 for incremental. */
  readonly autoVacuum?: 0 | 1 | 2;
  /** The bytes at the end of each page that SQLite leaves alone. */
  readonly reserved?: number;
}

/**
 * Makes a database that has every kind of page: tables and indexes several levels deep, a table
 * WITHOUT ROWID, rows and keys that overflow, a schema of several pages with names so long that
 * its rows overflow, views and triggers (which have no pages), and a freelist of several trunks
 * whose pages still hold old rows.
 *
 * @param path The file, which must not exist.
 * @param options What to make.
 */
export function makeDatabase(path: string, options: DatabaseOptions): void {
  const { pageSize, autoVacuum = 0, reserved = 0 } = options;
  let database = openSqlite(path);
  database.exec(`PRAGMA page_size = ${pageSize}; PRAGMA auto_vacuum = ${autoVacuum}`);
  if (reserved > 0) {
    // A database of one empty page; there is no pragma for the reserved bytes.
    database.exec("CREATE TABLE t (x); DROP TABLE t; PRAGMA auto_vacuum = 0; VACUUM");
    database.close();
    reserve(path, pageSize, reserved);
    database = openSqlite(path);
  }
  try {
    database.exec("PRAGMA journal_mode = off");
    database.exec("PRAGMA synchronous = off; PRAGMA cache_size = -200000");
    database.exec("BEGIN");
    fill(database, options.size, pageSize);
    database.exec("COMMIT");
  } finally {
    database.close();
  }
}

/** Half of the size goes to blobs, a quarter to rows with their index, the rest to long keys. */
function fill(database: Sqlite, size: number, pageSize: number): void {
  fillSchema(database);
  // A trunk lists a quarter of a page of numbers: this frees enough for several trunks.
  const free = Math.min(Math.floor(pageSize / 4) * 5, Math.ceil(size / 8 / pageSize) + 10);
  database.exec(`
    CREATE TABLE gone (id INTEGER PRIMARY KEY, data);
    INSERT INTO gone ${series(free)} SELECT n, randomblob(${
    Math.floor(pageSize * 0.8)
  }) FROM series;
    CREATE TABLE person (id INTEGER PRIMARY KEY, name TEXT, age INTEGER, note TEXT);
    INSERT INTO person ${series(Math.ceil(size / 4 / 160))}
      SELECT n, hex(randomblob(12)), n % 100, hex(randomblob(n % 50)) FROM series;
    CREATE INDEX person_name ON person (name, age);
    CREATE TABLE word (k TEXT PRIMARY KEY, v INTEGER) WITHOUT ROWID;
    INSERT INTO word ${series(Math.ceil(size / 8 / 1600))}
      SELECT hex(randomblob(20 + n * 997 % 1500)), n FROM series;
    CREATE TABLE document (id INTEGER PRIMARY KEY, title TEXT);
    INSERT INTO document ${series(Math.ceil(size / 8 / 9000))}
      SELECT n, hex(randomblob(10 + n * 499 % ${Math.max(4000, pageSize / 2)})) FROM series;
    CREATE INDEX document_title ON document (title);
    CREATE TABLE picture (id INTEGER PRIMARY KEY, data BLOB, after TEXT);
    INSERT INTO picture ${series(Math.ceil(size / 2 / 105_000))}
      SELECT n, randomblob(10000 + n * 7919 % 190000), 'after' FROM series;
    INSERT INTO picture ${series(600)}
      SELECT 1000000 + n, zeroblob(${pageSize} - 300 + n), NULL FROM series;
    DELETE FROM picture WHERE id % 7 = 0;
    DELETE FROM person WHERE id % 1000 BETWEEN 100 AND 300;
    DROP TABLE gone;
  `);
}

function fillSchema(database: Sqlite): void {
  for (let index = 0; index < 100; index++) {
    const name = index % 10 === 0 ? `long_${"x".repeat(index * 40)}_${index}` : `small_${index}`;
    database.exec(`CREATE TABLE ${name} (a, b); INSERT INTO ${name} VALUES (1, 2)`);
  }
  database.exec(`
    CREATE INDEX small_1_a ON small_1 (a);
    CREATE VIEW small_view AS SELECT a FROM small_1;
    CREATE TRIGGER small_trigger AFTER INSERT ON small_1 BEGIN DELETE FROM small_2; END;
  `);
}

function series(length: number): string {
  return `WITH RECURSIVE series (n) AS (
    VALUES (1) UNION ALL SELECT n + 1 FROM series WHERE n < ${length})`;
}

/** Takes the end of each page out of use, in a database that has only its first page yet. */
function reserve(path: string, pageSize: number, reserved: number): void {
  const file = openSync(path, "r+");
  try {
    const page = new Uint8Array(pageSize);
    readSync(file, page, 0, pageSize, 0);
    const content = pageSize - reserved;
    page[20] = reserved;
    page[105] = content >> 8;
    page[106] = content & 255;
    writeSync(file, page, 0, pageSize, 0);
  } finally {
    closeSync(file);
  }
}
