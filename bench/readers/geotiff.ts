import { fromFile, GeoTIFF, type TypedArray } from "geotiff";
import { geotiffSource } from "../../examples/readers/geotiff.ts";
import { makeTiff } from "../../tests/support/tiled_tiff.ts";
import type { Reader } from "./reader.ts";

/** 90 MB. */
const SHAPE = { tiles: 64, pixels: 128 };
/** Windows of 9 × 9 tiles. */
const TILES = 9;

/** Windows along the diagonal. */
async function windows(tiff: GeoTIFF): Promise<number> {
  const image = await tiff.getImage();
  let sum = 0;
  for (let tile = 0; tile + TILES <= SHAPE.tiles; tile += TILES) {
    const [first, last] = [tile * SHAPE.pixels, (tile + TILES) * SHAPE.pixels];
    const [pixels] = await image.readRasters({ window: [first, first, last, last] });
    sum += (pixels as TypedArray)[12_345]! + (pixels as TypedArray).length;
  }
  return sum;
}

/** Windows of an image. */
export const geotiff: readonly Reader[] = [{
  name: "geotiff windows",
  make: (path) => makeTiff(path, SHAPE),
  own: async (path) => {
    const tiff = await fromFile(path);
    const sum = await windows(tiff);
    await tiff.close();
    return sum;
  },
  kaio: async (file) => windows(await GeoTIFF.fromSource(geotiffSource(file))),
}];
