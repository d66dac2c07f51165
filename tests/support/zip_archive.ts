import { TextReader, Uint8ArrayReader, Uint8ArrayWriter, ZipWriter } from "@zip.js/zip.js";
import { pattern } from "./bytes.ts";

/** How many entries {@link zipArchive} has. */
export const ZIP_ENTRIES = 104;

/**
 * Makes a zip archive by zip.js, of entries that are empty, a folder, small, larger than a chunk,
 * and stored.
 */
export async function zipArchive(): Promise<Uint8Array> {
  const zip = new ZipWriter(new Uint8ArrayWriter(), { useWebWorkers: false });
  await zip.add("empty.txt", new TextReader(""));
  await zip.add("folder/", undefined, { directory: true });
  await zip.add("folder/deflated.bin", new Uint8ArrayReader(pattern(300_001)));
  await zip.add("stored.bin", new Uint8ArrayReader(pattern(200_003, 1)), { level: 0 });
  for (let index = 0; index < ZIP_ENTRIES - 4; index++) {
    await zip.add(`many/${index}.txt`, new TextReader(`the text of ${index}\n`.repeat(index)));
  }
  return await zip.close();
}
