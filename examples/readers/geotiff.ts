/**
 * GeoTIFF, read by `geotiff` through kaio. Copy the class; then:
 *
 * ```ts ignore
 * await using file = await open("dem.tiff");
 * const tiff = await GeoTIFF.fromSource(new AioFileSource(file));
 * const rasters = await (await tiff.getImage()).readRasters({ window: [0, 0, 512, 512] });
 * ```
 *
 * The file stays yours to close.
 *
 * @module
 */
import type { GeoTIFF } from "geotiff";
import type { AioFile } from "../../mod.ts";

type Source = Parameters<typeof GeoTIFF.fromSource>[0];
type Slice = Parameters<Source["fetchSlice"]>[0];

/** What `GeoTIFF.fromSource` reads from. */
export class AioFileSource implements Source {
  readonly fileSize = null;
  readonly #file: AioFile;

  /** @param file An open file */
  constructor(file: AioFile) {
    this.#file = file;
  }

  async fetchSlice(slice: Slice, signal?: AbortSignal) {
    return {
      ...slice,
      data: (await this.#file.readAt(slice.offset, slice.length, { signal })).buffer,
    };
  }

  fetch(slices: Slice[], signal?: AbortSignal): Promise<ArrayBuffer[]> {
    return Promise.all(slices.map(async (slice) => (await this.fetchSlice(slice, signal)).data));
  }

  // GeoTIFF.close() calls this.
  async close(): Promise<void> {}
}
