import { open } from "../../mod.ts";
import type { Census } from "../../src/cli/sqlite/census.ts";
import { beginCensus, readHeader } from "../../src/cli/sqlite/take_census.ts";

/**
 * Takes the census of a database as `kaio scan` does, and gives it page by page.
 *
 * @param path The database.
 * @param pagesPerBlock The pages of a read.
 * @returns The census.
 */
export async function takeCensus(path: string, pagesPerBlock = 1): Promise<Census> {
  const file = await open(path, "r", { direct: "try" });
  try {
    const { signal } = new AbortController();
    const header = await readHeader(file, path, signal);
    if (header === undefined || "problems" in header) throw new Error("Not a SQLite database");
    const census = await beginCensus(header, file, await file.size(), signal);
    const blocks = file.scan({
      blockSize: census.header.pageSize * pagesPerBlock,
      depth: 64,
      order: "completion",
    });
    for await (const { position, bytes } of blocks) census.addBlock(position, bytes);
    census.finish();
    return census;
  } finally {
    await file.close();
  }
}
