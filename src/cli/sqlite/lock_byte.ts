/** Where in the file SQLite takes its locks, in bytes. */
const PENDING_BYTE = 0x40000000;

/**
 * The page that holds the bytes on which SQLite takes its locks, and therefore never any data. It
 * exists only in a file that reaches so far (1 GiB).
 *
 * @param pageSize The size of a page in bytes.
 * @returns The page number, counted from 1.
 */
export function lockBytePage(pageSize: number): number {
  return PENDING_BYTE / pageSize + 1;
}
