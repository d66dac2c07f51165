import assert from "node:assert/strict";
import { open as openHandle } from "node:fs/promises";
import { PMTiles, type Source, tileIdToZxy } from "pmtiles";
import { AioFileSource } from "../../examples/readers/pmtiles.ts";
import { sameBytes } from "../support/bytes.ts";
import { onDisk, Scene } from "../support/file_grounds.ts";
import { makePmtiles, tileBytes } from "../support/pmtiles_file.ts";
import { readRange } from "../support/range_reader.ts";

const MAX_ZOOM = 5;
const TILES = (4 ** (MAX_ZOOM + 1) - 1) / 3;
const TILE_LENGTH = 300;

/** A file with an archive. */
function pmtilesIn(scene: Scene): string {
  const path = scene.file();
  makePmtiles(path, MAX_ZOOM, TILE_LENGTH);
  return path;
}

/** All that an archive holds; the tiles are asked for at once. */
async function contentOf(source: Source): Promise<unknown[]> {
  const archive = new PMTiles(source);
  const tiles = Array.from({ length: TILES }, (_, id) => archive.getZxy(...tileIdToZxy(id)));
  return [
    await archive.getHeader(),
    await archive.getTileJson("http://localhost"),
    await archive.getZxy(MAX_ZOOM + 1, 0, 0),
    ...await Promise.all(tiles),
  ];
}

onDisk("pmtiles reads the same through kaio", async (ground) => {
  await using scene = new Scene(ground);
  const path = pmtilesIn(scene);
  const content = await contentOf(new AioFileSource(await scene.open(path), "tiles"));
  await using handle = await openHandle(path);
  const own = await contentOf({
    getKey: () => "tiles",
    getBytes: async (offset, length) => ({ data: await readRange(handle, offset, length) }),
  });
  assert.deepEqual(content, own);
});

onDisk("pmtiles gives each tile its own bytes", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.open(pmtilesIn(scene));
  const archive = new PMTiles(new AioFileSource(file, "tiles"));
  for (const id of [0, 1, 1000, TILES - 1]) {
    const tile = await archive.getZxy(...tileIdToZxy(id));
    sameBytes(new Uint8Array(tile!.data), tileBytes(id, TILE_LENGTH));
  }
});

onDisk(
  "pmtiles rejects with the reason of its signal, and the error of kaio",
  async (ground) => {
    await using scene = new Scene(ground);
    const file = await scene.open(pmtilesIn(scene));
    const source = new AioFileSource(file, "tiles");
    const archive = new PMTiles(source);
    await archive.getZxy(0, 0, 0);
    const controller = new AbortController();
    const reason = new Error("scrolled away");
    const aborted = assert.rejects(source.getBytes(0, 500, controller.signal), reason);
    controller.abort(reason);
    await aborted;
    await file.close();
    await assert.rejects(archive.getZxy(0, 0, 0), { code: "EBADF" });
  },
);
