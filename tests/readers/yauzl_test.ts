import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { fromRandomAccessReaderPromise, openPromise, type Options, type ZipFile } from "yauzl";
import type { AioFile } from "../../mod.ts";
import { AioFileReader } from "../../examples/readers/yauzl.ts";
import { onDisk, Scene } from "../support/file_grounds.ts";
import { ZIP_ENTRIES, zipArchive } from "../support/zip_archive.ts";

const openZip = async (file: AioFile, options?: Options) =>
  await fromRandomAccessReaderPromise(new AioFileReader(file), await file.size(), options);

/** Everything that the archive holds. */
async function contentOf(zip: ZipFile): Promise<unknown[]> {
  const entries = [];
  for await (const entry of zip.eachEntry()) {
    const chunks: Buffer[] = [];
    for await (const chunk of await zip.openReadStreamPromise(entry)) chunks.push(chunk);
    entries.push({ ...entry, bytes: Buffer.concat(chunks).toString("base64") });
  }
  return entries;
}

onDisk("yauzl reads the same through kaio", async (ground) => {
  await using scene = new Scene(ground);
  const path = scene.file(await zipArchive());
  const file = await scene.open(path);
  const content = await contentOf(await openZip(file));
  assert.equal(content.length, ZIP_ENTRIES);
  assert.deepEqual(content, await contentOf(await openPromise(path)));
  assert.notEqual(file.fd, -1, "the file is still open");
});

onDisk("yauzl reads entries side by side", async (ground) => {
  await using scene = new Scene(ground);
  const path = scene.file(await zipArchive());
  const zip = await openZip(await scene.open(path), { autoClose: false });
  const entries = [];
  for await (const entry of zip.eachEntry()) entries.push(entry);
  const sizes = await Promise.all(entries.map(async (entry) => {
    let size = 0;
    for await (const chunk of await zip.openReadStreamPromise(entry)) size += chunk.length;
    return size;
  }));
  assert.deepEqual(sizes, entries.map(({ uncompressedSize }) => uncompressedSize));
  zip.close();
});

onDisk("yauzl says that an archive ends too early", async (ground) => {
  await using scene = new Scene(ground);
  const bytes = await zipArchive();
  const file = await scene.holding(bytes.subarray(0, -30));
  await assert.rejects(openZip(file), /End of central directory/i);
  // As if the file had been cut off after its size was asked for.
  const whole = fromRandomAccessReaderPromise(new AioFileReader(file), bytes.length);
  await assert.rejects(whole, /unexpected EOF/);
});

onDisk("yauzl fails with the error of kaio", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.holding(await zipArchive());
  const zip = await openZip(file);
  await file.close();
  await assert.rejects(contentOf(zip), { code: "EBADF" });
});
