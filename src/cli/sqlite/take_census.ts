import { realpath, stat } from "node:fs/promises";
import type { AioFile } from "../../file/aio_file.ts";
import { Census } from "./census.ts";
import { claimFreelist } from "./freelist.ts";
import { changeCounter, type DatabaseHeader, HEADER_LENGTH, parseHeader } from "./header.ts";
import type { PageKind } from "./page_map.ts";
import { type ReadPage, schemaRoots } from "./schema.ts";

/** The census of a SQLite database, in numbers. */
export interface SqliteResult {
  /** The size of a page in bytes. */
  readonly pageSize: number;
  /** The whole pages of the file: the sum of {@link SqliteResult.pages}. */
  readonly pageCount: number;
  /** The pages of each kind. */
  readonly pages: Readonly<Record<PageKind, number>>;
  /** How many things are wrong with the database. */
  readonly problemCount: number;
  /** The first hundred of them, in words. */
  readonly problems: readonly string[];
}

/**
 * Begins the census, if a file is a SQLite database: reads the freelist and the schema, a few pages
 * one by one. The caller adds all blocks of the file, then calls {@link finishCensus}.
 *
 * @param file The file.
 * @param size Its size in bytes.
 * @param notes Takes what people should know.
 * @param signal Ends the reading.
 */
export async function beginCensus(
  file: AioFile,
  size: number,
  notes: string[],
  signal: AbortSignal,
): Promise<Census | undefined> {
  const beginning = await file.readAt(0, HEADER_LENGTH, { signal });
  let header: DatabaseHeader | undefined;
  try {
    header = parseHeader(beginning);
  } catch (error) {
    notes.push(`No census is taken: ${(error as Error).message}`);
  }
  if (header === undefined) return undefined;
  const { pageSize } = header;
  const readPage: ReadPage = (page) => file.readAt((page - 1) * pageSize, pageSize, { signal });
  const census = new Census(header, size);
  await claimFreelist(header, census.map, readPage);
  census.roots = await schemaRoots(header, census.map, readPage);
  return census;
}

/**
 * Finishes the census, once all blocks of the file have been added.
 *
 * @param census The census.
 * @param file The file.
 * @param path Its name.
 * @param notes Takes what people should know.
 * @param signal Ends the reading.
 */
export async function finishCensus(
  census: Census,
  file: AioFile,
  path: string,
  notes: string[],
  signal: AbortSignal,
): Promise<SqliteResult> {
  census.finish();
  if (
    changeCounter(await file.readAt(0, HEADER_LENGTH, { signal })) !== census.header.changeCounter
  ) {
    notes.push("The database was written to during the scan: the census may be wrong");
  }
  // SQLite looks for the log beside the file that a link points to.
  const log = await realpath(path).then((path) => stat(`${path}-wal`)).catch(() => undefined);
  if (log?.size) notes.push("There is a write-ahead log: the census is of the main file only");
  return {
    pageSize: census.header.pageSize,
    pageCount: census.map.pageCount,
    pages: census.map.counts(),
    problemCount: census.map.problemCount,
    problems: census.map.problems,
  };
}
