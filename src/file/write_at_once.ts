/**
 * Writes that nothing stands against, and that the file takes as they are: one promise.
 *
 * @module
 */
import { IOCB_CMD_PWRITE } from "../abi/opcodes.ts";
import type { Sink } from "../context/request.ts";
import type { Address } from "../kernel.ts";
import type { Piece } from "../memory/slab.ts";
import { Deferred } from "./deferred.ts";
import type { OpenFile } from "./open_file.ts";
import type { Hold } from "./range_lock.ts";
import { LARGEST_WRITE } from "./write_from.ts";

/** Whether a write is one request that need not wait for others. */
export function suitsOnce(file: OpenFile, source: Uint8Array, position: number): boolean {
  if (file.append || file.isStream || file.lock.contested) return false;
  const { byteLength } = source;
  // 1 for a file that takes any position and length
  const { offset } = file.alignment;
  return byteLength > 0 && position % LARGEST_WRITE + byteLength <= LARGEST_WRITE &&
    position % offset === 0 && byteLength % offset === 0;
}

/** What `write` resolves with. */
export interface WriteResult<D> {
  bytesWritten: number;
  buffer: D;
}

/** Holds memory and range until the bytes are written. */
class WriteAtOnce<D> extends Deferred<WriteResult<D>> implements Sink, Piece {
  readonly address: Address;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly #file: OpenFile;
  readonly #length: number;
  readonly #position: number;
  readonly #data: D;
  readonly #standIn: Piece | undefined;
  readonly #hold: Hold;

  constructor(
    file: OpenFile,
    data: D,
    source: Uint8Array,
    position: number,
    rwFlags: number,
  ) {
    super();
    const { core, lock } = file;
    const length = source.byteLength;
    const base = core.addressOf(source.buffer);
    const inPlace = base !== 0 && (base + source.byteOffset) % file.alignment.memory === 0;
    if (!inPlace) {
      this.#standIn = core.slab.take(length);
      this.#standIn.bytes.set(source);
    }
    this.address = this.#standIn?.address ?? base + source.byteOffset;
    // Memory from `allocate` is no SharedArrayBuffer
    this.bytes = this.#standIn?.bytes ?? source as Uint8Array<ArrayBuffer>;
    this.#file = file;
    this.#length = length;
    this.#position = position;
    this.#data = data;
    this.#hold = lock.take(position, position + length, false, true);
    file.enter();
    file.queue(IOCB_CMD_PWRITE, this, 0, length, position, this, rwFlags);
    file.pump.flushSoon();
  }

  complete(res: number): void {
    this.#hold.release();
    if (this.#standIn !== undefined) this.#file.core.slab.give(this.#standIn);
    this.#file.leave();
    if (res >= 0) this.resolve({ bytesWritten: res, buffer: this.#data });
    else this.reject(this.#file.error(res, IOCB_CMD_PWRITE, this.#position, this.#length));
  }
}

/**
 * Writes all of `source`, if {@link suitsOnce} says so.
 *
 * @param data What the user gave, for the result
 * @param rwFlags See `writeFrom`
 */
export function writeAtOnce<D>(
  file: OpenFile,
  data: D,
  source: Uint8Array,
  position: number,
  rwFlags: number,
): Promise<WriteResult<D>> {
  return new WriteAtOnce(file, data, source, position, rwFlags).promise;
}
