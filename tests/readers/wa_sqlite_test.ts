import assert from "node:assert/strict";
import { copyFileSync, readdirSync, readFileSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Factory, SQLITE_CANTOPEN, SQLITE_OPEN_READONLY } from "wa-sqlite";
import makeModule from "wa-sqlite/dist/wa-sqlite-async.mjs";
import { AioVfs } from "../../examples/readers/wa_sqlite.ts";
import { DISK_GROUNDS, type Ground, onDisk, onGrounds } from "../support/file_grounds.ts";
import { openSqlite, withoutSqlite } from "../support/sqlite.ts";
import { TempFolder } from "../support/temp.ts";

const wasm = fileURLToPath(import.meta.resolve("wa-sqlite/dist/wa-sqlite-async.wasm"));
/** One for all tests, as Bun may never finish to compile the module once more beside its use. */
const sqlite3 = Factory(await makeModule({ wasmBinary: readFileSync(wasm) }));

/** Tables, an index, rows on overflow pages, deleted ones, and so many that no cache holds them. */
const MAKE = `
  PRAGMA cache_size = 10;
  CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL, about TEXT);
  CREATE INDEX users_by_name ON users (name);
  WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 1000)
    INSERT INTO users
      SELECT n, 'user ' || n * 7919 % 1000, replace(hex(zeroblob(n % 90)), '00', '+' || n) FROM numbers;
  INSERT INTO users VALUES (10000, 'longer than a page', hex(zeroblob(25000)) || 'end');
  DELETE FROM users WHERE id % 3 = 0;
  UPDATE users SET name = upper(name) WHERE id % 5 = 0;
`;
const QUERY =
  "SELECT id, name, length(about) AS length, substr(about, -9) AS tail FROM users ORDER BY name, id";

/** Those where the runtime has an SQLite of its own. */
const NATIVE_GROUNDS = withoutSqlite.skip === false ? DISK_GROUNDS : [];

type Row = Record<string, unknown>;

/** A database of wa-sqlite, through kaio. */
class WasmSqlite implements AsyncDisposable {
  readonly #db: number;

  private constructor(db: number) {
    this.#db = db;
  }

  static async open(vfs: AioVfs, name: string, flags?: number): Promise<WasmSqlite> {
    sqlite3.vfs_register(vfs, true);
    return new WasmSqlite(await sqlite3.open_v2(name, flags, vfs.name));
  }

  async all(sql: string): Promise<Row[]> {
    const rows: Row[] = [];
    await sqlite3.exec(this.#db, sql, (row, columns) => {
      rows.push(Object.fromEntries(columns.map((column, index) => [column, row[index]])));
    });
    return rows;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await sqlite3.close(this.#db);
  }
}

/** What the runtime's own SQLite finds in a database that must be whole. */
function nativeRows(path: string): Row[] {
  const database = openSqlite(path);
  assert.deepEqual(plain(database.all("PRAGMA integrity_check")), [{ integrity_check: "ok" }]);
  const rows = plain(database.all(QUERY));
  database.close();
  return rows;
}

/** Without the prototypes that the runtimes give their rows. */
function plain(rows: Row[]): Row[] {
  return rows.map((row) => ({ ...row }));
}

const vfsOf = ({ direct }: Ground, folder: TempFolder) => new AioVfs(folder.path, { direct });

onGrounds("wa-sqlite reads through kaio what the runtime's SQLite wrote", async (ground) => {
  using folder = new TempFolder(ground.parent);
  const path = folder.join("app.db");
  const native = openSqlite(path);
  native.exec(MAKE);
  native.close();
  await using database = await WasmSqlite.open(
    vfsOf(ground, folder),
    "app.db",
    SQLITE_OPEN_READONLY,
  );
  const rows = await database.all(QUERY);
  assert.equal(rows.length, 668);
  assert.deepEqual(rows, nativeRows(path));
}, NATIVE_GROUNDS);

onGrounds("the runtime's SQLite reads what wa-sqlite wrote through kaio", async (ground) => {
  using folder = new TempFolder(ground.parent);
  let rows: Row[];
  {
    await using database = await WasmSqlite.open(vfsOf(ground, folder), "app.db");
    await database.all(MAKE);
    await database.all("BEGIN; DELETE FROM users; CREATE TABLE others (id); ROLLBACK");
    rows = await database.all(QUERY);
    assert.deepEqual(await database.all("PRAGMA integrity_check"), [{ integrity_check: "ok" }]);
  }
  assert.equal(rows.length, 668);
  assert.deepEqual(readdirSync(folder.path), ["app.db"], "no journal is left");
  assert.deepEqual(rows, nativeRows(folder.join("app.db")));
}, NATIVE_GROUNDS);

onDisk("VACUUM, which needs a temporary file, makes the file shorter", async (ground) => {
  using folder = new TempFolder(ground.parent);
  await using database = await WasmSqlite.open(vfsOf(ground, folder), "app.db");
  await database.all(MAKE);
  await database.all("DELETE FROM users WHERE id > 100");
  const rows = await database.all(QUERY);
  const { size } = statSync(folder.join("app.db"));
  await database.all("VACUUM");
  assert.ok(statSync(folder.join("app.db")).size < size / 2);
  assert.deepEqual(await database.all(QUERY), rows);
  assert.deepEqual(await database.all("PRAGMA integrity_check"), [{ integrity_check: "ok" }]);
  assert.deepEqual(readdirSync(folder.path), ["app.db"], "no temporary file is left");
});

onDisk("a transaction that a crash cut short is rolled back", async (ground) => {
  using folder = new TempFolder(ground.parent);
  using after = new TempFolder(ground.parent);
  await using database = await WasmSqlite.open(vfsOf(ground, folder), "app.db");
  await database.all(MAKE);
  const rows = await database.all(QUERY);
  const before = readFileSync(folder.join("app.db"));
  await database.all("BEGIN; UPDATE users SET name = 'lost'");
  // What a crash would leave now: the cache is too small, so that pages of the transaction are in
  // the file already.
  for (const name of readdirSync(folder.path)) copyFileSync(folder.join(name), after.join(name));
  await database.all("ROLLBACK");
  assert.deepEqual(readdirSync(after.path).sort(), ["app.db", "app.db-journal"]);
  assert.notDeepEqual(readFileSync(after.join("app.db")), before);
  await using recovered = await WasmSqlite.open(vfsOf(ground, after), "app.db");
  assert.deepEqual(await recovered.all(QUERY), rows);
  assert.deepEqual(readdirSync(after.path), ["app.db"], "the journal is gone");
});

onDisk("a database that is open already is busy", async (ground) => {
  using folder = new TempFolder(ground.parent);
  await using database = await WasmSqlite.open(vfsOf(ground, folder), "app.db");
  await database.all(MAKE);
  await assert.rejects(database.all("ATTACH 'app.db' AS again"), /locked|busy|unable to open/i);
  assert.equal((await database.all(QUERY)).length, 668);
});

onDisk("the error of kaio is there beside the number of SQLite", async (ground) => {
  using folder = new TempFolder(ground.parent);
  const vfs = vfsOf(ground, folder);
  const opening = WasmSqlite.open(vfs, "none.db", SQLITE_OPEN_READONLY);
  await assert.rejects(opening, { code: SQLITE_CANTOPEN });
  assert.equal((vfs.lastError as { code?: string }).code, "ENOENT");
});
