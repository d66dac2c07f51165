/**
 * Tables in CSV, read by `csv-parse` through kaio. It takes any stream, so that there is no glue:
 *
 * ```ts ignore
 * await using file = await open("people.csv", "r", { direct: "try" });
 * for await (const row of csvRows(file, { columns: true })) console.log(row.name);
 * ```
 *
 * The stream reads ahead. It closes the file at its end; `autoClose: false` leaves it open.
 *
 * @module
 */
import { pipeline } from "node:stream";
import { type Options, parse, type Parser } from "csv-parse";
import type { AioFile } from "../../mod.ts";

/** The rows of a table, as csv-parse makes them. */
export function csvRows(file: AioFile, options: Options = {}): Parser {
  // Not `pipe`, which would keep an error of the file from the loop.
  return pipeline(file.createReadStream({ start: 0 }), parse(options), () => {});
}
