import { open } from "node:fs/promises";
import { PMTiles, type Source, tileIdToZxy } from "pmtiles";
import { AioFileSource } from "../../examples/readers/pmtiles.ts";
import { makePmtiles } from "../../tests/support/pmtiles_file.ts";
import { Random } from "../../tests/support/random.ts";
import { readRange } from "../../tests/support/range_reader.ts";
import { sumOf } from "./callers.ts";
import type { Reader } from "./reader.ts";

const MAX_ZOOM = 6;
const TILE_LENGTH = 12_000;

const make = (path: string) => makePmtiles(path, MAX_ZOOM, TILE_LENGTH);

/** So many random tiles, by so many callers. */
async function tiles(source: Source, count: number, callers: number): Promise<number> {
  const archive = new PMTiles(source);
  const random = new Random(1);
  const ids = Array.from({ length: count }, () => random.below((4 ** (MAX_ZOOM + 1) - 1) / 3));
  return await sumOf(callers, ids, async (id) => {
    const { data } = (await archive.getZxy(...tileIdToZxy(id)))!;
    return data.byteLength + new Uint8Array(data)[0]!;
  });
}

/** Tiles of a map. */
export const pmtiles: readonly Reader[] = [
  { callers: 64, count: 4000 },
  { callers: 1, count: 500 },
].map(({ callers, count }) => ({
  name: `pmtiles ×${callers}`,
  make,
  own: async (path) => {
    await using handle = await open(path);
    const getBytes = async (offset: number, length: number) => ({
      data: await readRange(handle, offset, length),
    });
    return await tiles({ getKey: () => path, getBytes }, count, callers);
  },
  kaio: (file) => tiles(new AioFileSource(file, "tiles"), count, callers),
}));
