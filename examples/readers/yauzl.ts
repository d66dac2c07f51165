/**
 * Zip archives, read by `yauzl` through kaio. Copy the class; then:
 *
 * ```ts ignore
 * await using file = await open("photos.zip");
 * const reader = new AioFileReader(file);
 * const zip = await fromRandomAccessReaderPromise(reader, await file.size());
 * for await (const entry of zip.eachEntry()) console.log(entry.fileName);
 * ```
 *
 * The file stays yours to close.
 *
 * @module
 */
import type { Buffer } from "node:buffer";
import { Readable } from "node:stream";
import { RandomAccessReader } from "yauzl";
import type { AioFile } from "../../mod.ts";

/** What `fromRandomAccessReader` of yauzl reads from. */
export class AioFileReader extends RandomAccessReader {
  readonly #file: AioFile;

  /** @param file An open file */
  constructor(file: AioFile) {
    super();
    this.#file = file;
  }

  // yauzl would make a stream for each of its small reads.
  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null, bytesRead?: number) => void,
  ): void {
    this.#file.read(buffer, offset, length, position)
      .then(({ bytesRead }) => callback(null, bytesRead), callback);
  }

  override _readStreamForRange(start: number, end: number): Readable {
    const file = this.#file;
    let position = start;
    // Not `createReadStream`: yauzl destroys its streams, and that one would then close the file.
    return new Readable({
      read(size) {
        file.readAt(position, Math.min(size, end - position)).then((bytes) => {
          position += bytes.length;
          this.push(bytes.length === 0 ? null : bytes);
        }, (error) => this.destroy(error));
      },
    });
  }
}
