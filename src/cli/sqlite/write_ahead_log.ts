import { realpath, stat } from "node:fs/promises";

/**
 * Whether a database has a write-ahead log with something in it.
 *
 * @param path The database.
 * @returns Whether there is such a log beside it, where SQLite looks for it.
 */
export async function hasWriteAheadLog(path: string): Promise<boolean> {
  try {
    return (await stat(`${await realpath(path)}-wal`)).size > 0;
  } catch {
    return false;
  }
}
