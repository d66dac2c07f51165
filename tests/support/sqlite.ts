import process from "node:process";

/** An open SQLite database, through whatever SQLite the runtime has built in. */
export interface Sqlite {
  /** Runs statements without results. */
  exec(sql: string): void;
  /** Runs a query and gives its rows. */
  all(sql: string): Record<string, unknown>[];
  /** Closes the database. */
  close(): void;
}

interface BunDatabase {
  exec(sql: string): void;
  query(sql: string): { all(): Record<string, unknown>[] };
  close(): void;
}

interface NodeDatabase {
  exec(sql: string): void;
  prepare(sql: string): { all(): Record<string, unknown>[] };
  close(): void;
}

/**
 * Opens or makes a database.
 *
 * @param path The file.
 * @returns The open database.
 */
export function openSqlite(path: string): Sqlite {
  const bun = builtin<{ Database: new (path: string) => BunDatabase }>("bun:sqlite");
  if (bun !== undefined) {
    const database = new bun.Database(path);
    return {
      exec: (sql) => database.exec(sql),
      all: (sql) => database.query(sql).all(),
      close: () => database.close(),
    };
  }
  const node = builtin<{ DatabaseSync: new (path: string) => NodeDatabase }>("node:sqlite");
  if (node === undefined) throw new Error(`Cannot open database: ${withoutSqlite.skip}`);
  const database = new node.DatabaseSync(path);
  return {
    exec: (sql) => database.exec(sql),
    all: (sql) => database.prepare(sql).all(),
    close: () => database.close(),
  };
}

/** The options of a test that makes a database. */
export const withoutSqlite: { skip: string | false } = {
  skip: builtin("bun:sqlite") === undefined && builtin("node:sqlite") === undefined &&
    "this runtime has no SQLite",
};

function builtin<Module>(name: string): Module | undefined {
  return (process.getBuiltinModule as (name: string) => unknown)(name) as Module | undefined;
}
