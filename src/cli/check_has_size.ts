import { stat } from "node:fs/promises";

/**
 * Checks a file before it is opened, because opening a FIFO would wait for a writer.
 *
 * @param path The file.
 * @throws {Error} If it is neither a regular file nor a block device: what else there is has no end.
 */
export async function checkHasSize(path: string): Promise<void> {
  const found = await stat(path);
  if (found.isFile() || found.isBlockDevice()) return;
  throw new Error(`Not a regular file or block device: ${JSON.stringify(path)}`);
}
