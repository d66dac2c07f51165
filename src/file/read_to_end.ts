/**
 * Reads of which nobody knows how many bytes there are: a range that may reach beyond the end of the
 * file, and the whole rest of it.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { StringDecoder } from "node:string_decoder";
import { listenable, throwIfAborted } from "./abortable.ts";
import { CURRENT_POSITION } from "../route/transfer.ts";
import type { OpenFile } from "./open_file.ts";
import { wholeRange } from "./arguments.ts";
import { newBytes } from "../memory/new_bytes.ts";
import { readLong } from "./read.ts";
import { sizeOf } from "./size_of.ts";
import { PART_OF_TEXT } from "../tuning.ts";

/** What is asked for at once of a file that says it has 0 bytes, as those of /proc do. */
const PART_OF_UNKNOWN = 65536;

/** What Node reads at most; some runtimes read more, see `AioFile.readFile`. */
const LARGEST_FILE = 2 ** 31 - 1;

/** A file has more bytes than may be read at once; none of them was read. */
export class TooLargeError extends RangeError {
  readonly code = "ERR_FS_FILE_TOO_LARGE";

  constructor(size: number) {
    super(`Cannot read file: ${size} bytes are more than 2 GiB`);
    this.name = "RangeError";
  }
}

/** A file has become so large while it was read. */
function grownError(size: number): Error {
  const error = new Error(`Cannot read file: it has grown to ${size} bytes, more than 2 GiB`);
  return Object.assign(error, { code: "ERR_FS_FILE_TOO_LARGE" });
}

/**
 * Reads a range that is too long for one request, or is of a stream, into memory of its own.
 *
 * @returns What there is of it
 */
export function readLongAt(
  file: OpenFile,
  position: number,
  length: number,
  signal: AbortSignal | undefined,
): Promise<Uint8Array<ArrayBuffer>> {
  return file.during(async () => {
    // A range far beyond the end must not cost the memory that it would have.
    const size = file.isRegular ? await sizeOf(file) : position + length;
    // Files of /proc say that they have 0 bytes.
    if (size === 0) {
      return new Uint8Array((await readToEnd(file, position, signal)).subarray(0, length));
    }
    const bytes = newBytes(Math.max(0, Math.min(length, size - position)));
    const range = wholeRange(bytes, position);
    let count = await readLong(file, range, signal);
    for (let last = count; last > 0 && count < bytes.length && file.isRegular; count += last) {
      // The end of the file, or an error behind these bytes: the next read says which.
      const rest = { offset: count, length: bytes.length - count, position: position + count };
      last = await readLong(file, { ...range, ...rest }, signal);
    }
    return count === bytes.length ? bytes : bytes.slice(0, count);
  });
}

/**
 * Reads from `position`, or {@link CURRENT_POSITION}, until nothing more comes, also of a
 * file that grows meanwhile.
 */
export async function readToEnd(
  file: OpenFile,
  position: number,
  signal: AbortSignal | undefined,
): Promise<Buffer<ArrayBuffer>> {
  return await readAll(file, position, await sizeNow(file), signal);
}

/** How long a file says that it is. */
async function sizeNow(file: OpenFile): Promise<number> {
  // Another look costs a trip to a thread, as it may wait for a server.
  return file.isKindNew || !file.isRegular ? file.kind.size : await sizeOf(file);
}

async function readAll(
  file: OpenFile,
  position: number,
  size: number,
  signal: AbortSignal | undefined,
): Promise<Buffer<ArrayBuffer>> {
  const parts: Buffer<ArrayBuffer>[] = [];
  let total = 0;
  const listened = listenable(signal);
  throwIfAborted(signal);
  while (true) {
    if (size > LARGEST_FILE) throw total === 0 ? new TooLargeError(size) : grownError(size);
    // One byte more than the file should have: if it does not come, that was the end.
    const expected = size + 1 - Math.max(0, position) - total;
    const length = expected > 1 ? expected : PART_OF_UNKNOWN;
    const part = Buffer.allocUnsafeSlow(length);
    const at = position === CURRENT_POSITION ? position : position + total;
    const count = await readLong(file, wholeRange(part, at), listened);
    throwIfAborted(signal);
    if (count === 0) break;
    parts.push(part.subarray(0, count));
    total += count;
    // A file without a size ends where nothing comes: its reads may be short elsewhere. So may those
    // of a file, before what the disk cannot read: the next read says so.
    if (count < length && size > 0 && Math.max(0, position) + total >= size) break;
    if (count === length) size = await sizeOf(file);
  }
  const [whole] = parts;
  // Few bytes must not keep the memory that was meant for many.
  const isOne = parts.length === 1 && 2 * total > whole!.buffer.byteLength;
  return isOne ? Buffer.from(whole!.buffer, 0, total) : Buffer.concat(parts, total);
}

/** What {@link readText} resolves with. */
interface Text {
  text: string;
  /** How many bytes it was. */
  length: number;
}

/**
 * As {@link readToEnd}, as a string. A long file is decoded in parts, while the next part is read, in
 * memory that is used again: new memory for all of it would take longer to be touched than to be
 * decoded.
 */
export async function readText(
  file: OpenFile,
  position: number,
  encoding: BufferEncoding,
  signal: AbortSignal | undefined,
): Promise<Text> {
  const size = await sizeNow(file);
  if (size <= PART_OF_TEXT) {
    const content = await readAll(file, position, size, signal);
    return { text: content.toString(encoding), length: content.length };
  }
  if (size > LARGEST_FILE) throw new TooLargeError(size);
  const listened = listenable(signal);
  throwIfAborted(signal);
  const memories = [PART_OF_TEXT, PART_OF_TEXT].map((length) => Buffer.allocUnsafeSlow(length));
  let total = 0;
  const read = (memory: Buffer<ArrayBuffer>): Promise<number> => {
    const at = position === CURRENT_POSITION ? position : position + total;
    return readLong(file, wholeRange(memory, at), listened);
  };
  const decoder = new StringDecoder(encoding);
  let text = "";
  let next = read(memories[0]!);
  for (let part = 0;; part++) {
    const count = await next;
    throwIfAborted(signal);
    total += count;
    if (count === 0) return { text: text + decoder.end(), length: total };
    const bytes = memories[part % 2]!.subarray(0, count);
    next = read(memories[(part + 1) % 2]!);
    try {
      text += decoder.write(bytes);
    } catch (cause) {
      // The read is at the position, which must not be left to the next operation before.
      await next.catch(() => {});
      const error = new Error(`Cannot read file: a string cannot hold its text`, { cause });
      throw Object.assign(error, { code: "ERR_STRING_TOO_LONG" });
    }
  }
}
