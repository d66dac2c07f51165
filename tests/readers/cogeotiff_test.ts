import assert from "node:assert/strict";
import { open as openHandle } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import { type Source, Tiff, TiffTag } from "@cogeotiff/core";
import { tiffSource } from "../../examples/readers/cogeotiff.ts";
import { sameBytes } from "../support/bytes.ts";
import { onDisk, Scene } from "../support/file_grounds.ts";
import { readRange } from "../support/range_reader.ts";
import { makeTiff, tilePixels } from "../support/tiled_tiff.ts";

/** Its offsets of tiles reach beyond the 16 KiB that the reader keeps of the header. */
const SHAPE = { tiles: 64, pixels: 16 };

/** A file with an image and its overviews. */
function tiffIn(scene: Scene): string {
  const path = scene.file();
  makeTiff(path, SHAPE);
  return path;
}

/** What a program may ask of an image. */
async function askedOf(source: Source): Promise<unknown[]> {
  const tiff = await Tiff.create(source);
  return await Promise.all(tiff.images.map(async (image) => {
    const side = image.tileCount.x;
    const tiles = [[0, 0], [side - 1, side - 1], [side >> 1, side >> 2]] as const;
    return [
      image.size,
      image.origin,
      image.resolution,
      await Promise.all(tiles.map(([x, y]) => image.getTile(x, y))),
      await image.fetch(TiffTag.TileOffsets),
    ];
  }));
}

onDisk("@cogeotiff/core reads the same through kaio", async (ground) => {
  await using scene = new Scene(ground);
  const path = tiffIn(scene);
  const url = pathToFileURL(path);
  const asked = await askedOf(await tiffSource(await scene.open(path), url));
  assert.equal(asked.length, Math.log2(SHAPE.tiles) + 1);
  await using handle = await openHandle(path);
  const { size } = await handle.stat();
  const own = await askedOf({
    url,
    metadata: { size },
    fetch: (offset, length = size - offset) => readRange(handle, offset, length),
  });
  assert.deepEqual(asked, own);
});

onDisk("@cogeotiff/core gives each tile its own bytes", async (ground) => {
  await using scene = new Scene(ground);
  const path = tiffIn(scene);
  const source = await tiffSource(await scene.open(path), pathToFileURL(path));
  const tiff = await Tiff.create(source);
  const places = Array.from({ length: 64 }, (_, index) => index * 63);
  await Promise.all(places.map(async (index) => {
    const tile = await tiff.images[0]!.getTile(index % SHAPE.tiles, index / SHAPE.tiles | 0);
    sameBytes(new Uint8Array(tile!.bytes), tilePixels(SHAPE, 0, index));
  }));
});

onDisk(
  "@cogeotiff/core rejects with the reason of its signal, and the error of kaio",
  async (ground) => {
    await using scene = new Scene(ground);
    const path = tiffIn(scene);
    const file = await scene.open(path);
    const source = await tiffSource(file, pathToFileURL(path));
    const [image] = (await Tiff.create(source)).images;
    const controller = new AbortController();
    const reason = new Error("scrolled away");
    const aborted = assert.rejects(image!.getTile(1, 1, { signal: controller.signal }), reason);
    controller.abort(reason);
    await aborted;
    await file.close();
    await assert.rejects(image!.getTile(2, 2), { code: "EBADF" });
  },
);
