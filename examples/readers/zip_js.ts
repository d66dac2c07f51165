/**
 * Zip archives, read by `@zip.js/zip.js` through kaio. Copy the class; then:
 *
 * ```ts ignore
 * await using file = await open("photos.zip");
 * const zip = new ZipReader(new AioFileReader(file));
 * for (const entry of await zip.getEntries()) console.log(entry.filename);
 * await zip.close();
 * ```
 *
 * The file stays yours to close.
 *
 * @module
 */
import { Reader } from "@zip.js/zip.js";
import type { AioFile } from "../../mod.ts";

/** What `ZipReader` reads from. */
export class AioFileReader extends Reader<AioFile> {
  readonly #file: AioFile;

  /** @param file An open file */
  constructor(file: AioFile) {
    super(file);
    this.#file = file;
  }

  override async init(): Promise<void> {
    await super.init?.();
    this.size = await this.#file.size();
  }

  override readUint8Array(index: number, length: number): Promise<Uint8Array> {
    return this.#file.readAt(index, length);
  }
}
