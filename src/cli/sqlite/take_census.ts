import type { AioFile } from "../../file/aio_file.ts";
import { Census } from "./census.ts";
import { claimFreelist } from "./freelist.ts";
import { changeCounter, type DatabaseHeader, HEADER_LENGTH, parseHeader } from "./header.ts";
import type { PageKind } from "./page_map.ts";
import { type ReadPage, schemaRoots } from "./schema.ts";

/** The pages of a SQLite database, in numbers. */
interface PageCounts {
  /** The size of a page in bytes. */
  readonly pageSize: number;
  /** The whole pages of the file: the sum of {@link PageCounts.pages}. */
  readonly pageCount: number;
  /** The pages of each kind. */
  readonly pages: Readonly<Record<PageKind, number>>;
}

/** The census of a SQLite database; without numbers of pages if the header cannot be read. */
export type SqliteResult =
  & Problems
  & (PageCounts | { readonly [Count in keyof PageCounts]?: undefined });

/** What is wrong with a database. */
interface Problems {
  /** How many things are wrong with the database. */
  readonly problemCount: number;
  /** The first hundred of them, in words. */
  readonly problems: readonly string[];
}

/** How people name SQLite databases. */
const DATABASE_NAME = /\.(db3?|s3db|sqlite3?|sqlitedb)$/i;

/**
 * Reads the header of a SQLite database.
 *
 * @param file The file.
 * @param path Its name.
 * @param signal Ends the reading.
 * @returns The header; what makes it unreadable, if the file seems to be a database all the same; or
 * `undefined` if it does not.
 */
export async function readHeader(
  file: AioFile,
  path: string,
  signal: AbortSignal,
): Promise<DatabaseHeader | Problems | undefined> {
  const beginning = await file.readAt(0, HEADER_LENGTH, { signal });
  try {
    const header = parseHeader(beginning);
    // An empty file is a database without tables to SQLite.
    if (header || beginning.length === 0 || !DATABASE_NAME.test(path)) return header;
    return unreadable("the file is damaged, encrypted, or of another kind than its name says");
  } catch (error) {
    return unreadable((error as Error).message);
  }
}

function unreadable(why: string): Problems {
  return { problemCount: 1, problems: [`The database cannot be read: ${why}`] };
}

/**
 * Begins the census of a SQLite database: reads the freelist and the schema, a few pages one by one.
 * The caller adds all blocks of the file, then calls {@link finishCensus}.
 *
 * @param header The header of the database.
 * @param file The file.
 * @param size Its size in bytes.
 * @param signal Ends the reading.
 */
export async function beginCensus(
  header: DatabaseHeader,
  file: AioFile,
  size: number,
  signal: AbortSignal,
): Promise<Census> {
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
 * @param notes Takes what people should know.
 * @param signal Ends the reading.
 */
export async function finishCensus(
  census: Census,
  file: AioFile,
  notes: string[],
  signal: AbortSignal,
): Promise<SqliteResult> {
  census.finish();
  if (
    changeCounter(await file.readAt(0, HEADER_LENGTH, { signal })) !== census.header.changeCounter
  ) {
    notes.push("The database was written to during the scan: the census may be wrong");
  }
  return {
    pageSize: census.header.pageSize,
    pageCount: census.map.pageCount,
    pages: census.map.counts(),
    problemCount: census.map.problemCount,
    problems: census.map.problems,
  };
}
