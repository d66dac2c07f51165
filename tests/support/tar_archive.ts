import { Buffer } from "node:buffer";
import { buffer } from "node:stream/consumers";
import { pack } from "tar-stream";
import { pattern } from "./bytes.ts";

/** How many entries {@link tarArchive} has. */
export const TAR_ENTRIES = 50;

/**
 * Makes a tar archive by tar-stream, of a folder, an empty file, small ones, a link, and one that is
 * larger than what streams read ahead.
 */
export async function tarArchive(): Promise<Uint8Array> {
  const tar = pack();
  const mtime = new Date(1e12);
  tar.entry({ name: "folder", type: "directory", mtime });
  tar.entry({ name: "folder/empty", mtime }, "");
  for (let index = 0; index < TAR_ENTRIES - 4; index++) {
    tar.entry({ name: `folder/${index}.txt`, mtime }, `the text of ${index}\n`.repeat(index));
  }
  tar.entry({ name: "link", type: "symlink", linkname: "folder", mtime });
  tar.entry({ name: "large.bin", mtime, mode: 0o600 }, Buffer.from(pattern(5_000_001)));
  tar.finalize();
  return await buffer(tar);
}
