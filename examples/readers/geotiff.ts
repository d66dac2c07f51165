/**
 * GeoTIFF, read by `geotiff` through kaio. Copy the function; then:
 *
 * ```ts ignore
 * await using file = await open("dem.tiff");
 * const tiff = await GeoTIFF.fromSource(geotiffSource(file));
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

/** What `GeoTIFF.fromSource` reads from. */
export function geotiffSource(file: AioFile): Source {
  const fetchSlice: Source["fetchSlice"] = async ({ offset, length }, signal) => {
    return { offset, length, data: (await file.readAt(offset, length, { signal })).buffer };
  };
  return {
    fileSize: null,
    fetchSlice,
    fetch: (slices, signal) =>
      Promise.all(slices.map(async (slice) => (await fetchSlice(slice, signal)).data)),
    close: async () => {},
  };
}
