import { open } from "../../mod.ts";
import { addBlock } from "../../src/cli/sqlite/add_block.ts";
import { Census } from "../../src/cli/sqlite/census.ts";
import { claimFreelist } from "../../src/cli/sqlite/claim_freelist.ts";
import { parseHeader } from "../../src/cli/sqlite/header.ts";
import { schemaRoots } from "../../src/cli/sqlite/schema_roots.ts";

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
    const { size } = await file.stat();
    const header = parseHeader(await file.readAt(0, 100));
    const { pageSize } = header;
    const census = new Census(header, size);
    const readPage = (page: number): Promise<Uint8Array> =>
      file.readAt((page - 1) * pageSize, pageSize);
    await claimFreelist(census, readPage);
    const roots = await schemaRoots(census, readPage);
    const blocks = file.scan({
      blockSize: pageSize * pagesPerBlock,
      depth: 64,
      order: "completion",
    });
    for await (const { position, bytes } of blocks) addBlock(census, position, bytes);
    census.finish(roots);
    return census;
  } finally {
    await file.close();
  }
}
