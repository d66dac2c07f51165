/**
 * Tar archives, read by `tar-stream` through kaio. It takes any stream, so that there is no glue:
 *
 * ```ts ignore
 * await using file = await open("backup.tar", "r", { direct: "try" });
 * for await (const entry of tarEntries(file)) {
 *   console.log(entry.header.name);
 *   for await (const chunk of entry) console.log(chunk.length);
 * }
 * ```
 *
 * The stream reads ahead. It closes the file at its end; `autoClose: false` leaves it open.
 *
 * @module
 */
import { pipeline } from "node:stream";
import { type Extract, extract } from "tar-stream";
import type { AioFile } from "../../mod.ts";

/** The entries of an archive, each of which has to be read, or `resume()`d, before the next one. */
export function tarEntries(file: AioFile): Extract {
  // Not `pipe`, which would keep an error of the file from the loop.
  return pipeline(file.createReadStream({ start: 0 }), extract(), () => {});
}
