/**
 * Cloud-optimized GeoTIFF, read by `@cogeotiff/core` through kaio. Copy the function; then:
 *
 * ```ts ignore
 * await using file = await open("dem.tiff", "r", { direct: "try" });
 * const tiff = await Tiff.create(await tiffSource(file, pathToFileURL("dem.tiff")));
 * const tile = await tiff.images[0].getTile(3, 5);
 * ```
 *
 * The file stays yours to close.
 *
 * @module
 */
import type { Source } from "@cogeotiff/core";
import type { AioFile } from "../../mod.ts";

/** What `Tiff` reads from. */
export async function tiffSource(file: AioFile, url: URL): Promise<Source> {
  const size = await file.size();
  return {
    url,
    metadata: { size },
    fetch: async (offset, length = size - offset, { signal } = {}) =>
      (await file.readAt(offset, length, { signal })).buffer,
  };
}
