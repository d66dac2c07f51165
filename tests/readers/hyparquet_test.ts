import assert from "node:assert/strict";
import {
  type AsyncBuffer,
  asyncBufferFromFile,
  parquetMetadataAsync,
  parquetQuery,
  parquetReadObjects,
} from "hyparquet";
import { asyncBuffer } from "../../examples/readers/hyparquet.ts";
import { onDisk, Scene } from "../support/file_grounds.ts";
import { makeParquet } from "../support/parquet_file.ts";

const SHAPE = { rows: 5000, rowGroupSize: 700, numbers: 6 };

/** A file with a table. */
function parquetIn(scene: Scene): string {
  const path = scene.file();
  makeParquet(path, SHAPE);
  return path;
}

/** What a program may ask of a table. */
async function askedOf(file: AsyncBuffer): Promise<unknown[]> {
  return [
    await parquetMetadataAsync(file),
    await parquetReadObjects({ file }),
    await parquetReadObjects({ file, columns: ["n3", "name"] }),
    await parquetReadObjects({ file, rowStart: 690, rowEnd: 710 }),
    await parquetQuery({ file, filter: { id: { $gt: 4990 } } }),
  ];
}

onDisk("hyparquet reads the same through kaio", async (ground) => {
  await using scene = new Scene(ground);
  const path = parquetIn(scene);
  const asked = await askedOf(await asyncBuffer(await scene.open(path)));
  assert.equal((asked[1] as unknown[]).length, SHAPE.rows);
  assert.deepEqual(asked, await askedOf(await asyncBufferFromFile(path)));
});

onDisk("hyparquet reads tables side by side", async (ground) => {
  await using scene = new Scene(ground);
  const file = await asyncBuffer(await scene.open(parquetIn(scene)));
  const columns = ["id"];
  const parts = await Promise.all(Array.from({ length: 20 }, (_, part) => {
    const rowStart = part * 250;
    return parquetReadObjects({ file, columns, rowStart, rowEnd: rowStart + 250 });
  }));
  assert.deepEqual(parts.flat(), Array.from({ length: SHAPE.rows }, (_, id) => ({ id })));
});

onDisk("hyparquet rejects with the error of kaio", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.open(parquetIn(scene));
  const buffer = await asyncBuffer(file);
  await file.close();
  await assert.rejects(parquetReadObjects({ file: buffer }), { code: "EBADF" });
});
