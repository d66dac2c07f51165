/**
 * Parquet files, read by `hyparquet` through kaio. Copy the function; then:
 *
 * ```ts ignore
 * await using file = await open("sales.parquet");
 * const rows = await parquetReadObjects({ file: await asyncBuffer(file), columns: ["price"] });
 * ```
 *
 * The file stays yours to close.
 *
 * @module
 */
import type { AsyncBuffer } from "hyparquet";
import type { AioFile } from "../../mod.ts";

/** What the functions of hyparquet read from. */
export async function asyncBuffer(file: AioFile): Promise<AsyncBuffer> {
  const byteLength = await file.size();
  return {
    byteLength,
    slice: async (start, end = byteLength) => (await file.readAt(start, end - start)).buffer,
  };
}
