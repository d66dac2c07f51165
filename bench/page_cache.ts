/**
 * What is in the page cache of a file before something is measured.
 *
 * @module
 */
import { execFileSync } from "node:child_process";
import { closeSync, openSync, readSync } from "node:fs";

const CHUNK = 2 ** 20;

/** Brings a file to the page cache. */
export function warmCache(path: string, size: number): void {
  const chunk = new Uint8Array(CHUNK);
  const fd = openSync(path, "r");
  for (let at = 0; at < size; at += CHUNK) readSync(fd, chunk, 0, CHUNK, at);
  closeSync(fd);
}

/**
 * Empties the page cache of this file. Of nothing else: a runtime whose own code has to be read
 * again stands still for tens of milliseconds. See POSIX_FADV_DONTNEED in posix_fadvise(2).
 */
export function evict(path: string): void {
  execFileSync("dd", [`if=${path}`, "iflag=nocache", "count=0", "status=none"]);
}
