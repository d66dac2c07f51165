import assert from "node:assert/strict";
import { fromFile, GeoTIFF, writeArrayBuffer } from "geotiff";
import { geotiffSource } from "../../examples/readers/geotiff.ts";
import { pattern } from "../support/bytes.ts";
import { onDisk, Scene } from "../support/file_grounds.ts";
import { makeTiff } from "../support/tiled_tiff.ts";

/** What a program may ask of an image. */
async function askedOf(tiff: GeoTIFF): Promise<unknown[]> {
  const count = await tiff.getImageCount();
  const answers: unknown[] = [count];
  for (let index = 0; index < count; index++) {
    const image = await tiff.getImage(index);
    const [width, height] = [image.getWidth(), image.getHeight()];
    const window = [width >> 2, height >> 3, width - (width >> 3), height - (height >> 2)];
    answers.push(width, height, await image.readRasters({ window }));
  }
  return answers;
}

onDisk("geotiff reads tiles as from its own source", async (ground) => {
  await using scene = new Scene(ground);
  const path = scene.file();
  makeTiff(path, { tiles: 16, pixels: 32 });
  const asked = await askedOf(await GeoTIFF.fromSource(geotiffSource(await scene.open(path))));
  assert.deepEqual(asked.slice(0, 3), [5, 512, 512]);
  const own = await fromFile(path);
  assert.deepEqual(asked, await askedOf(own));
  await own.close();
});

onDisk("geotiff reads what its own writer wrote, and leaves the file open", async (ground) => {
  await using scene = new Scene(ground);
  const [width, height] = [301, 207];
  const pixels = pattern(width * height);
  const file = await scene.holding(
    new Uint8Array(writeArrayBuffer(pixels, { width, height })),
  );
  const tiff = await GeoTIFF.fromSource(geotiffSource(file));
  const rasters = await (await tiff.getImage()).readRasters();
  assert.deepEqual(rasters[0], pixels);
  await tiff.close();
  assert.notEqual(file.fd, -1);
});

onDisk("geotiff rejects with the error of kaio", async (ground) => {
  await using scene = new Scene(ground);
  const path = scene.file();
  makeTiff(path, { tiles: 2, pixels: 16 });
  const file = await scene.open(path);
  const image = await (await GeoTIFF.fromSource(geotiffSource(file))).getImage();
  await file.close();
  await assert.rejects(async () => await image.readRasters(), { code: "EBADF" });
});
