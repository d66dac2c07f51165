/**
 * Lines of text, read by `node:readline` through kaio. It takes any stream, so that there is no
 * glue:
 *
 * ```ts ignore
 * await using file = await open("access.log", "r", { direct: "try" });
 * for await (const line of linesOf(file)) console.log(line);
 * ```
 *
 * The stream reads ahead. It closes the file at its end; `autoClose: false` leaves it open.
 *
 * @module
 */
import { createInterface } from "node:readline";
import type { AioFile } from "../../mod.ts";

/** The lines of a text, without their ends. */
export function linesOf(file: AioFile): AsyncIterable<string> {
  return createInterface({ input: file.createReadStream({ start: 0 }), crlfDelay: Infinity });
}
