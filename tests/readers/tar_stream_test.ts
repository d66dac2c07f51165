import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createReadStream } from "node:fs";
import { buffer } from "node:stream/consumers";
import { type Extract, extract, pack } from "tar-stream";
import { tarEntries } from "../../examples/readers/tar_stream.ts";
import { pattern } from "../support/bytes.ts";
import { onGrounds, Scene } from "../support/file_grounds.ts";

const FILES = 50;

/** An archive of a folder, an empty file, small ones, a link, and one larger than what is read ahead. */
async function archive(): Promise<Uint8Array> {
  const tar = pack();
  const mtime = new Date(1e12);
  tar.entry({ name: "folder", type: "directory", mtime });
  tar.entry({ name: "folder/empty", mtime }, "");
  for (let index = 0; index < FILES - 4; index++) {
    tar.entry({ name: `folder/${index}.txt`, mtime }, `the text of ${index}\n`.repeat(index));
  }
  tar.entry({ name: "link", type: "symlink", linkname: "folder", mtime });
  tar.entry({ name: "large.bin", mtime, mode: 0o600 }, Buffer.from(pattern(5_000_001)));
  tar.finalize();
  return await buffer(tar);
}

/** Everything that the archive holds. */
async function contentOf(entries: Extract): Promise<unknown[]> {
  const content = [];
  for await (const entry of entries) content.push({ ...entry.header, bytes: await base64(entry) });
  return content;
}

const base64 = async (entry: AsyncIterable<unknown>) => (await buffer(entry)).toString("base64");

onGrounds("tar-stream reads the same through kaio", async (ground) => {
  await using scene = new Scene(ground);
  const path = scene.file(await archive());
  const content = await contentOf(tarEntries(await scene.open(path)));
  assert.equal(content.length, FILES);
  assert.deepEqual(content, await contentOf(createReadStream(path).pipe(extract())));
});

onGrounds("tar-stream says that an archive ends too early", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.holding((await archive()).subarray(0, 3_000_000));
  await assert.rejects(contentOf(tarEntries(file)), /Unexpected end of data/);
});

onGrounds("the loop over a tar archive rejects with the error of kaio", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.holding(await archive(), "a");
  await assert.rejects(contentOf(tarEntries(file)), { code: "EBADF" });
});
