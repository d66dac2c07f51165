import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { openAsBlob } from "node:fs";
import { BlobReader, type Reader, Uint8ArrayWriter, ZipReader } from "@zip.js/zip.js";
import { AioFileReader } from "../../examples/readers/zip_js.ts";
import { onDisk, Scene } from "../support/file_grounds.ts";
import { ZIP_ENTRIES, zipArchive } from "../support/zip_archive.ts";

/** Everything that the archive holds. */
async function contentOf(reader: Reader<unknown>): Promise<unknown[]> {
  const zip = new ZipReader(reader, { useWebWorkers: false, checkSignature: true });
  const entries = [];
  for (const entry of await zip.getEntries()) {
    const bytes = entry.directory ? undefined : await entry.getData(new Uint8ArrayWriter());
    entries.push({
      name: entry.filename,
      size: entry.uncompressedSize,
      date: entry.lastModDate,
      bytes: bytes && Buffer.from(bytes).toString("base64"),
    });
  }
  await zip.close();
  return entries;
}

onDisk("zip.js reads the same through kaio", async (ground) => {
  await using scene = new Scene(ground);
  const path = scene.file(await zipArchive());
  const content = await contentOf(new AioFileReader(await scene.open(path)));
  assert.equal(content.length, ZIP_ENTRIES);
  assert.deepEqual(content, await contentOf(new BlobReader(await openAsBlob(path))));
});

onDisk("zip.js says that an archive ends too early", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.holding((await zipArchive()).subarray(0, -30));
  await assert.rejects(contentOf(new AioFileReader(file)), /End of Central directory/i);
});

onDisk("zip.js rejects with the error of kaio", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.holding(await zipArchive());
  const reader = new AioFileReader(file);
  await reader.init();
  await file.close();
  await assert.rejects(contentOf(reader), { code: "EBADF" });
});
