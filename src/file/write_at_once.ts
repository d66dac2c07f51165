/**
 * Writes through the page cache that nothing stands against: one promise.
 *
 * @module
 */
import { IOCB_CMD_PWRITE } from "../abi/opcodes.ts";
import type { Sink } from "../context/request.ts";
import type { Address } from "../kernel.ts";
import type { Piece } from "../memory/slab.ts";
import type { OpenFile } from "./open_file.ts";
import type { Hold } from "./range_lock.ts";
import { LARGEST_WRITE, LENGTH_GATE } from "./write_from.ts";

// An array that is spread makes two more
const [GATE_START, GATE_END] = LENGTH_GATE;

/** Whether a write is one request that need not wait for others. */
export function suitsOnce(file: OpenFile, source: Uint8Array, position: number): boolean {
  if (file.direct || file.append || file.isStream || file.lock.contested) return false;
  return source.byteLength > 0 && position % LARGEST_WRITE + source.byteLength <= LARGEST_WRITE;
}

/** What `write` resolves with. */
export interface WriteResult<D> {
  bytesWritten: number;
  buffer: D;
}

/** Holds memory and ranges until the bytes are written. */
class WriteAtOnce<D> implements Sink, Piece {
  readonly address: Address;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly #file: OpenFile;
  readonly #length: number;
  readonly #position: number;
  readonly #data: D;
  readonly #resolve: (result: WriteResult<D>) => void;
  readonly #reject: (reason: unknown) => void;
  readonly #standIn: Piece | undefined;
  readonly #gate: Hold;
  readonly #range: Hold;

  constructor(
    file: OpenFile,
    data: D,
    source: Uint8Array,
    position: number,
    rwFlags: number,
    resolve: (result: WriteResult<D>) => void,
    reject: (reason: unknown) => void,
  ) {
    const { core, lock } = file;
    const length = source.byteLength;
    const base = core.addressOf(source.buffer);
    if (base === 0) {
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
    this.#resolve = resolve;
    this.#reject = reject;
    this.#gate = lock.take(GATE_START, GATE_END, false);
    this.#range = lock.take(position, position + length, false);
    file.enter();
    file.queue(IOCB_CMD_PWRITE, this, 0, length, position, this, rwFlags);
  }

  complete(res: number): void {
    this.#gate.release();
    this.#range.release();
    if (this.#standIn !== undefined) this.#file.core.slab.give(this.#standIn);
    this.#file.leave();
    if (res >= 0) this.#resolve({ bytesWritten: res, buffer: this.#data });
    else this.#reject(this.#file.error(res, IOCB_CMD_PWRITE, this.#position, this.#length));
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
  return new Promise((resolve, reject) => {
    new WriteAtOnce(file, data, source, position, rwFlags, resolve, reject);
    file.pump.flushSoon();
  });
}
