/**
 * PMTiles archives, read by `pmtiles` through kaio. Copy the class; then:
 *
 * ```ts ignore
 * await using file = await open("planet.pmtiles", "r", { direct: "try" });
 * const archive = new PMTiles(new AioFileSource(file, "planet"));
 * const tile = await archive.getZxy(12, 2138, 1350);
 * ```
 *
 * The file stays yours to close.
 *
 * @module
 */
import type { RangeResponse, Source } from "pmtiles";
import type { AioFile } from "../../mod.ts";

/** What `PMTiles` reads from. */
export class AioFileSource implements Source {
  readonly #file: AioFile;
  readonly #key: string;

  /**
   * @param file An open file
   * @param key Its name in caches that several archives share
   */
  constructor(file: AioFile, key: string) {
    this.#file = file;
    this.#key = key;
  }

  getKey(): string {
    return this.#key;
  }

  async getBytes(offset: number, length: number, signal?: AbortSignal): Promise<RangeResponse> {
    return { data: (await this.#file.readAt(offset, length, { signal })).buffer };
  }
}
