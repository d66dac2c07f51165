import type { AioFile } from "../file/aio_file.ts";
import type { SqliteResult } from "./scan_result.ts";
import { addBlock } from "./sqlite/add_block.ts";
import { Census } from "./sqlite/census.ts";
import { claimFreelist } from "./sqlite/claim_freelist.ts";
import { type DatabaseHeader, HEADER_LENGTH, isDatabase, parseHeader } from "./sqlite/header.ts";
import { schemaRoots } from "./sqlite/schema_roots.ts";

/**
 * The census of a database while it is scanned: the freelist and the schema are read before, a few
 * pages one by one, everything else comes out of the scan.
 */
export class Survey {
  #file: AioFile;
  #header: DatabaseHeader;
  #census: Census;
  #signal: AbortSignal;
  #roots: readonly number[] = [];

  private constructor(file: AioFile, header: DatabaseHeader, size: number, signal: AbortSignal) {
    this.#file = file;
    this.#header = header;
    this.#census = new Census(header, size);
    this.#signal = signal;
  }

  /**
   * Begins the census, if the file is a SQLite database.
   *
   * @param file The file.
   * @param size Its size in bytes.
   * @param notes Takes what people should know.
   * @param signal Ends the reading.
   * @returns The census, or `undefined` if there is none to take.
   */
  static async begin(
    file: AioFile,
    size: number,
    notes: string[],
    signal: AbortSignal,
  ): Promise<Survey | undefined> {
    const header = await readHeader(file, notes, signal);
    if (header === undefined) return undefined;
    const survey = new Survey(file, header, size, signal);
    const { pageSize } = header;
    const readPage = (page: number): Promise<Uint8Array> =>
      file.readAt((page - 1) * pageSize, pageSize, { signal });
    await claimFreelist(survey.#census, readPage);
    survey.#roots = await schemaRoots(survey.#census, readPage);
    return survey;
  }

  /** The size of a page in bytes. */
  get pageSize(): number {
    return this.#header.pageSize;
  }

  /**
   * Takes note of a block.
   *
   * @param position Where it begins, in bytes: a multiple of the page size.
   * @param bytes The block; not kept.
   */
  add(position: number, bytes: Uint8Array): void {
    addBlock(this.#census, position, bytes);
  }

  /**
   * Ends the census.
   *
   * @param notes Takes what people should know.
   * @returns The census.
   */
  async finish(notes: string[]): Promise<SqliteResult> {
    const census = this.#census;
    census.finish(this.#roots);
    const after = await readHeader(this.#file, [], this.#signal);
    if (after?.changeCounter !== this.#header.changeCounter) {
      notes.push("The database was written to during the scan: the census may be wrong");
    }
    return {
      pageSize: this.#header.pageSize,
      pageCount: census.map.pageCount,
      pages: census.map.counts(),
      problemCount: census.problems.count,
      problems: census.problems.texts,
    };
  }
}

async function readHeader(
  file: AioFile,
  notes: string[],
  signal: AbortSignal,
): Promise<DatabaseHeader | undefined> {
  const bytes = await file.readAt(0, HEADER_LENGTH, { signal });
  if (!isDatabase(bytes)) return undefined;
  try {
    return parseHeader(bytes);
  } catch (error) {
    notes.push(`No census is taken: ${(error as Error).message}`);
    return undefined;
  }
}
