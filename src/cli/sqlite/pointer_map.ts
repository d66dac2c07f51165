import type { DatabaseHeader } from "./header.ts";
import { lockBytePage } from "./lock_byte.ts";

/**
 * Whether a page of a database with auto-vacuum is a pointer map: page 2, and then every page
 * after as many others as a map has entries of 5 bytes. A map that would fall on the lock-byte
 * page comes one page later.
 *
 * @param page The page number, counted from 1.
 * @param header The header of the database.
 * @returns Whether the page is a pointer map; always `false` without auto-vacuum.
 */
export function isPointerMapPage(page: number, header: DatabaseHeader): boolean {
  if (!header.autoVacuum || page < 2) return false;
  const group = Math.floor(header.usableSize / 5) + 1;
  const map = page - (page - 2) % group;
  return page === (map === lockBytePage(header.pageSize) ? map + 1 : map);
}
