/**
 * TIFF files in the layout of a cloud-optimized GeoTIFF: all directories first, then the tiles.
 * geotiff's own writer makes a single strip.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { closeSync, openSync, writeSync } from "node:fs";
import { pattern } from "./bytes.ts";

/** A square image of square tiles, with a byte for each pixel. */
export interface TiffShape {
  /** The tiles along a side, a power of two. */
  readonly tiles: number;
  /** The pixels along the side of a tile, a multiple of 16. */
  readonly pixels: number;
}

const TYPES = { short: 3, long: 4, double: 12 } as const;
const BYTES = { short: 2, long: 4, double: 8 } as const;

type Tag = readonly [id: number, type: keyof typeof TYPES, values: readonly number[]];

/** The bytes of a tile; the image itself is 0, its overviews follow. */
export function tilePixels(
  { pixels }: TiffShape,
  image: number,
  index: number,
): Uint8Array<ArrayBuffer> {
  return pattern(pixels ** 2, image * 1_000_003 + index);
}

/** Makes an image, and overviews of half the side each down to a single tile. */
export function makeTiff(path: string, { tiles, pixels }: TiffShape): void {
  const images: TiffShape[] = [];
  for (let side = tiles; side >= 1; side /= 2) images.push({ tiles: side, pixels });
  // The directories are as long whatever the offsets are.
  const headerLength = directories(images, 0).length;
  const file = openSync(path, "w");
  writeSync(file, directories(images, headerLength));
  for (const [image, shape] of images.entries()) {
    for (let index = 0; index < shape.tiles ** 2; index++) {
      writeSync(file, tilePixels(shape, image, index));
    }
  }
  closeSync(file);
}

/** The header and the directory of each image. */
function directories(images: readonly TiffShape[], firstTile: number): Uint8Array {
  const parts: Uint8Array[] = [Buffer.from([0x49, 0x49, 42, 0, 8, 0, 0, 0])];
  let at = 8;
  let tileAt = firstTile;
  for (const [image, shape] of images.entries()) {
    const isLast = image === images.length - 1;
    const part = directory(tagsOf(shape, image > 0, tileAt), at, isLast);
    parts.push(part);
    at += part.length;
    tileAt += shape.tiles ** 2 * shape.pixels ** 2;
  }
  return Buffer.concat(parts);
}

function tagsOf(shape: TiffShape, isOverview: boolean, firstTile: number): Tag[] {
  const indices = Array.from({ length: shape.tiles ** 2 }, (_, index) => index);
  const tileLength = shape.pixels ** 2;
  const pixels = shape.tiles * shape.pixels;
  return [
    // NewSubfileType: whether it is a smaller version of another image.
    [254, "long", [isOverview ? 1 : 0]],
    // Width, length, bits a sample, no compression, black is 0.
    [256, "long", [pixels]],
    [257, "long", [pixels]],
    [258, "short", [8]],
    [259, "short", [1]],
    [262, "short", [1]],
    // Samples a pixel, planes together.
    [277, "short", [1]],
    [284, "short", [1]],
    // Width and length of a tile, offsets, lengths.
    [322, "short", [shape.pixels]],
    [323, "short", [shape.pixels]],
    [324, "long", indices.map((index) => firstTile + index * tileLength)],
    [325, "long", indices.map(() => tileLength)],
    // ModelPixelScale, ModelTiepoint: where on Earth it lies.
    [33550, "double", [360 / pixels, 180 / pixels, 0]],
    [33922, "double", [0, 0, 0, -180, 90, 0]],
  ];
}

/** Entries of 12 bytes; values of more than 4 bytes are behind them. */
function directory(tags: readonly Tag[], at: number, isLast: boolean): Uint8Array {
  const entries = Buffer.alloc(2 + tags.length * 12 + 4);
  const parts = [entries];
  let end = at + entries.length;
  entries.writeUInt16LE(tags.length, 0);
  for (const [index, [id, type, values]] of tags.entries()) {
    const entry = 2 + index * 12;
    entries.writeUInt16LE(id, entry);
    entries.writeUInt16LE(TYPES[type], entry + 2);
    entries.writeUInt32LE(values.length, entry + 4);
    const bytes = Buffer.alloc(Math.max(4, values.length * BYTES[type]));
    for (const [place, value] of values.entries()) {
      if (type === "double") bytes.writeDoubleLE(value, place * 8);
      else bytes.writeUIntLE(value, place * BYTES[type], BYTES[type]);
    }
    if (bytes.length === 4) {
      entries.set(bytes, entry + 8);
    } else {
      entries.writeUInt32LE(end, entry + 8);
      parts.push(bytes);
      end += bytes.length;
    }
  }
  entries.writeUInt32LE(isLast ? 0 : end, entries.length - 4);
  return Buffer.concat(parts);
}
