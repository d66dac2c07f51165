import assert from "node:assert/strict";
import { type FileHandle, open as openHandle } from "node:fs/promises";
import { RecordBatchReader, type Table, tableFromIPC } from "apache-arrow";
import { makeArrow } from "../support/arrow_file.ts";
import { onDisk, Scene } from "../support/file_grounds.ts";

const BATCHES = 7;
const ROWS = 300;

/** A file with a table. */
function arrowIn(scene: Scene): string {
  const path = scene.file();
  makeArrow(path, BATCHES, ROWS);
  return path;
}

/** The rows of each batch. */
async function batchesOf(file: FileHandle): Promise<unknown[][]> {
  const batches = [];
  for await (const batch of await RecordBatchReader.from(file)) {
    batches.push(batch.toArray().map((row: { toJSON(): unknown }) => row.toJSON()));
  }
  return batches;
}

const rowsOf = (table: Table) => table.toArray().map((row) => row.toJSON());

onDisk(
  "apache-arrow reads batches the same through kaio, and closes the file",
  async (ground) => {
    await using scene = new Scene(ground);
    const path = arrowIn(scene);
    const file = await scene.open(path);
    const batches = await batchesOf(file);
    assert.equal(batches.length, BATCHES);
    assert.deepEqual(batches, await batchesOf(await openHandle(path)));
    assert.equal(file.fd, -1);
  },
);

onDisk("apache-arrow reads a batch in the middle", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.open(arrowIn(scene));
  const reader = await RecordBatchReader.from(file);
  assert.ok(reader.isAsync() && reader.isFile());
  await reader.open({ autoDestroy: false });
  const batch = await reader.readRecordBatch(4);
  assert.equal(batch?.numRows, ROWS);
  assert.deepEqual(batch.getChild("id")?.get(0), 4 * ROWS);
  await reader.cancel();
});

onDisk("apache-arrow reads a table as a whole", async (ground) => {
  await using scene = new Scene(ground);
  const path = arrowIn(scene);
  const whole = tableFromIPC(await (await scene.open(path)).readFile());
  assert.equal(whole.numRows, BATCHES * ROWS);
  assert.deepEqual(rowsOf(whole), rowsOf(await tableFromIPC(await openHandle(path))));
});

onDisk("apache-arrow rejects with the error of kaio", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.open(arrowIn(scene));
  const reader = await RecordBatchReader.from(file);
  await file.close();
  await assert.rejects(async () => await reader.open(), { code: "EBADF" });
});
