/**
 * A write-ahead log: records that are on the disk once `append` resolves. Many may be appended at
 * once, and share the price of a sync; after a crash, opening the log gives back what was appended.
 * See kill_writer.ts.
 *
 *     await using log = await WriteAheadLog.open("app.log", (record) => redo(record));
 *     await log.append(bytes);
 *
 * A record in the file: a checksum of all that follows, the number of bytes (32 bits each), bytes.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { constants } from "node:fs";
import { dirname } from "node:path";
import { crc32 } from "node:zlib";
import { type AioFile, open } from "../mod.ts";

const HEAD_SIZE = 8;
/** How much of the file recovery has in memory; a record is never longer. */
const CHUNK_SIZE = 1 << 20;

/** Records that survive a crash. */
export class WriteAheadLog implements AsyncDisposable {
  readonly #file: AioFile;
  /** Where the next group goes. */
  #end: number;
  /** The records that wait for the commit that is under way. */
  #records: Uint8Array[] = [];
  /** The commit of those records, while it has not begun to write. */
  #next: Promise<void> | undefined;
  /** The newest commit: one at a time, as a torn group must be the last in the file. */
  #newest: Promise<void> = Promise.resolve();

  private constructor(file: AioFile, end: number) {
    this.#file = file;
    this.#end = end;
  }

  /**
   * Opens a log, or makes it.
   *
   * @param path Its file
   * @param replay Called for every record that is there, from the oldest on
   */
  static async open(path: string, replay: (record: Uint8Array) => void): Promise<WriteAheadLog> {
    // Not with `direct`: appends are as small as a record, and faster through the page cache.
    const file = await open(path, constants.O_RDWR | constants.O_CREAT);
    try {
      const log = await WriteAheadLog.recover(file, replay);
      // The name of a new file is not safe before its folder is.
      await using folder = await open(dirname(path));
      await folder.sync();
      return log;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /**
   * Recovers the log of an open file, which may be on a simulated disk; an empty file is an empty
   * log. The log closes the file.
   *
   * @param replay Called for every record that is there, from the oldest on
   */
  static async recover(
    file: AioFile,
    replay: (record: Uint8Array) => void,
  ): Promise<WriteAheadLog> {
    let end = 0;
    for (let read = 1; read > 0; end += read) {
      read = replayChunk(await file.readAt(end, CHUNK_SIZE), replay);
    }
    // What a crash has torn was never acknowledged. It has to go before anything is appended: a
    // record that is left in it would come to life again behind a new one.
    await file.truncate(end);
    await file.sync();
    return new WriteAheadLog(file, end);
  }

  /** Appends a record. When it resolves, the record is on the disk, and all before it are. */
  async append(record: Uint8Array): Promise<void> {
    if (record.length > CHUNK_SIZE - HEAD_SIZE) throw new RangeError("The record is too long");
    this.#records.push(encode(record));
    await (this.#next ??= this.#newest = this.#commitAfter(this.#newest));
  }

  /**
   * The group commit: while one group is on its way to the disk, records gather for the next, so
   * that the busier the log is, the more of them share a sync. A failure fails all later commits,
   * as they would stand behind a gap.
   */
  async #commitAfter(previous: Promise<void>): Promise<void> {
    await previous;
    const group = Buffer.concat(this.#records);
    this.#records = [];
    this.#next = undefined;
    // `durable` is a sync of these bytes alone: the promise resolves when they are on the disk.
    await this.#file.writeAt(this.#end, group, { durable: true });
    this.#end += group.length;
  }

  /** Closes the log when all that was appended is over. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#newest.catch(() => {/* Those who appended have been told. */});
    await this.#file.close();
  }
}

function encode(content: Uint8Array): Uint8Array {
  const record = new Uint8Array(HEAD_SIZE + content.length);
  record.set(content, HEAD_SIZE);
  const head = new DataView(record.buffer);
  head.setUint32(4, content.length);
  head.setUint32(0, crc32(record.subarray(4)));
  return record;
}

/** Replays the whole records at the beginning of a chunk. Returns how many bytes they have. */
function replayChunk(chunk: Uint8Array, replay: (record: Uint8Array) => void): number {
  const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.length);
  let at = 0;
  while (at + HEAD_SIZE <= chunk.length) {
    const end = at + HEAD_SIZE + view.getUint32(at + 4);
    if (end > chunk.length) break;
    if (crc32(chunk.subarray(at + 4, end)) !== view.getUint32(at)) break;
    replay(chunk.slice(at + HEAD_SIZE, end));
    at = end;
  }
  return at;
}
