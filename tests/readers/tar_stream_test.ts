import assert from "node:assert/strict";
import { createReadStream } from "node:fs";
import { buffer } from "node:stream/consumers";
import { type Extract, extract } from "tar-stream";
import { tarEntries } from "../../examples/readers/tar_stream.ts";
import { onDisk, Scene } from "../support/file_grounds.ts";
import { TAR_ENTRIES, tarArchive } from "../support/tar_archive.ts";

/** Everything that the archive holds. */
async function contentOf(entries: Extract): Promise<unknown[]> {
  const content = [];
  for await (const entry of entries) content.push({ ...entry.header, bytes: await base64(entry) });
  return content;
}

const base64 = async (entry: AsyncIterable<unknown>) => (await buffer(entry)).toString("base64");

onDisk("tar-stream reads the same through kaio", async (ground) => {
  await using scene = new Scene(ground);
  const path = scene.file(await tarArchive());
  const content = await contentOf(tarEntries(await scene.open(path)));
  assert.equal(content.length, TAR_ENTRIES);
  assert.deepEqual(content, await contentOf(createReadStream(path).pipe(extract())));
});

onDisk("tar-stream says that an archive ends too early", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.holding((await tarArchive()).subarray(0, 3_000_000));
  await assert.rejects(contentOf(tarEntries(file)), /Unexpected end of data/);
});

onDisk("the loop over a tar archive rejects with the error of kaio", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.holding(await tarArchive(), "a");
  await assert.rejects(contentOf(tarEntries(file)), { code: "EBADF" });
});
