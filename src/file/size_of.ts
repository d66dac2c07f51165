/**
 * How long a file is.
 *
 * @module
 */
import { fstat, type Stats } from "node:fs";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import type { OpenFile } from "./open_file.ts";

const fstatAsync = promisify(fstat) as (fd: number) => Promise<Stats>;
const SECTOR = 512;

/** In bytes; of a block device, too, whose stat(2) says 0. */
export async function sizeOf(file: OpenFile): Promise<number> {
  const stats = await fstatAsync(file.fd);
  if (!stats.isBlockDevice()) return stats.size;
  const major = (stats.rdev >>> 8) & 0xfff;
  const minor = (stats.rdev & 0xff) | ((stats.rdev >>> 12) & 0xfff00);
  // In sectors of 512 bytes, whatever the device's own are.
  return Number(await readFile(`/sys/dev/block/${major}:${minor}/size`, "utf8")) * SECTOR;
}
