import type { PageKind } from "../../src/cli/sqlite/page_map.ts";
import { openSqlite } from "./sqlite.ts";

/** What SQLite itself says of the pages of a database. */
export interface Dbstat {
  /** The pages, by `PRAGMA page_count`. */
  readonly pageCount: number;
  /** The free pages, by `PRAGMA freelist_count`. */
  readonly freelistCount: number;
  /** The kind of each page of a b-tree or overflow chain, by the virtual table dbstat. */
  readonly kinds: ReadonlyMap<number, PageKind>;
}

/**
 * Asks SQLite for the pages of a database.
 *
 * @param path The database.
 * @returns What it says.
 */
export function readDbstat(path: string): Dbstat {
  const database = openSqlite(path);
  try {
    const names = database.all(`
      SELECT name FROM sqlite_schema WHERE type = 'index'
      UNION SELECT name FROM pragma_table_list WHERE wr = 1`);
    const indexes = new Set(names.map(({ name }) => name));
    const kinds = new Map<number, PageKind>();
    for (const { name, pageno, pagetype } of database.all("SELECT * FROM dbstat")) {
      kinds.set(pageno as number, kindOf(pagetype as string, indexes.has(name)));
    }
    const [count] = database.all("PRAGMA page_count");
    const [free] = database.all("PRAGMA freelist_count");
    return {
      pageCount: count!.page_count as number,
      freelistCount: free!.freelist_count as number,
      kinds,
    };
  } finally {
    database.close();
  }
}

function kindOf(type: string, isIndex: boolean): PageKind {
  switch (type) {
    case "leaf":
      return isIndex ? "indexLeaf" : "tableLeaf";
    case "internal":
      return isIndex ? "indexInterior" : "tableInterior";
    case "overflow":
      return "overflow";
    default:
      throw new Error(`Unknown page type of dbstat: "${type}"`);
  }
}
