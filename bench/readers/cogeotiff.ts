import { open } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import { type Source, Tiff } from "@cogeotiff/core";
import { tiffSource } from "../../examples/readers/cogeotiff.ts";
import { Random } from "../../tests/support/random.ts";
import { readRange } from "../../tests/support/range_reader.ts";
import { makeTiff } from "../../tests/support/tiled_tiff.ts";
import { sumOf } from "./callers.ts";
import type { Reader } from "./reader.ts";

/** 90 MB; the offsets of the tiles reach beyond the 16 KiB that the reader keeps of the header. */
const SHAPE = { tiles: 64, pixels: 128 };
const COUNT = 2000;
const CALLERS = 64;

/** Random tiles of 16 KiB. */
async function tiles(source: Source): Promise<number> {
  const [image] = (await Tiff.create(source)).images;
  const random = new Random(1);
  const places = Array.from({ length: COUNT }, () => [
    random.below(SHAPE.tiles),
    random.below(SHAPE.tiles),
  ]);
  return await sumOf(CALLERS, places, async ([x, y]) => {
    const { bytes } = (await image!.getTile(x!, y!))!;
    return bytes.byteLength + new Uint8Array(bytes)[0]!;
  });
}

/** Tiles of an image, one by one. */
export const cogeotiff: readonly Reader[] = [{
  name: `@cogeotiff/core ×${CALLERS}`,
  make: (path) => makeTiff(path, SHAPE),
  own: async (path) => {
    await using handle = await open(path);
    const { size } = await handle.stat();
    return await tiles({
      url: pathToFileURL(path),
      metadata: { size },
      fetch: (offset, length = size - offset) => readRange(handle, offset, length),
    });
  },
  kaio: async (file) => tiles(await tiffSource(file, new URL("file:///image.tiff"))),
}];
