/**
 * Reads into memory that the kernel may use where it lies: one promise, no copy.
 *
 * @module
 */
import { IOCB_CMD_PREAD } from "../abi/opcodes.ts";
import type { Sink } from "../context/request.ts";
import type { Address } from "../kernel.ts";
import type { Piece } from "../memory/slab.ts";
import { Deferred } from "./deferred.ts";
import type { OpenFile } from "./open_file.ts";
import { LARGEST_READ } from "./read_at.ts";

/** Where `target` lies, if it can be read into as it is, with one request; else 0. */
export function addressInPlace(file: OpenFile, target: Uint8Array, position: number): Address {
  const base = file.core.addressOf(target.buffer);
  if (base === 0 || file.isStream || target.byteLength === 0) return 0;
  // Longer ones are made of several: io_submit copies what is cached, or finds every page
  if (target.byteLength > LARGEST_READ) return 0;
  const { memory, readOffset } = file.alignment;
  const address = base + target.byteOffset;
  const aligned = address % memory === 0 && position % readOffset === 0 &&
    target.byteLength % readOffset === 0;
  return aligned ? address : 0;
}

/** What `read` resolves with. */
export interface ReadResult<B> {
  bytesRead: number;
  buffer: B;
}

/** Holds the memory until the kernel lets go: that is what pins it. */
class InPlaceRead<B> extends Deferred<ReadResult<B>> implements Sink, Piece {
  readonly address: Address;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly #file: OpenFile;
  readonly #position: number;
  readonly #buffer: B;
  #got = 0;

  constructor(
    file: OpenFile,
    target: Uint8Array,
    address: Address,
    position: number,
    buffer: B,
  ) {
    super();
    this.#file = file;
    // Memory from `allocate` is no SharedArrayBuffer
    this.bytes = target as Uint8Array<ArrayBuffer>;
    this.address = address;
    this.#position = position;
    this.#buffer = buffer;
    file.enter();
    this.#queue();
    file.pump.flushSoon();
  }

  #queue(): void {
    const got = this.#got;
    const left = this.bytes.byteLength - got;
    this.#file.queue(IOCB_CMD_PREAD, this, got, left, this.#position + got, this);
  }

  complete(res: number): void {
    const length = this.bytes.byteLength;
    if (res > 0) {
      this.#got += res;
      // Less than asked for is the end of the file if it is no whole block, and perhaps else
      const unsure = this.#got < length && this.#got % this.#file.alignment.readOffset === 0;
      if (unsure) return this.#queue();
    }
    this.#file.leave();
    if (res >= 0) this.resolve({ bytesRead: this.#got, buffer: this.#buffer });
    else this.reject(this.#file.error(res, IOCB_CMD_PREAD, this.#position, length));
  }
}

/**
 * Fills `target`.
 *
 * @param address What {@link addressInPlace} gave
 * @param buffer What the user gave, for the result
 */
export function readInPlace<B>(
  file: OpenFile,
  target: Uint8Array,
  address: Address,
  position: number,
  buffer: B,
): Promise<ReadResult<B>> {
  return new InPlaceRead(file, target, address, position, buffer).promise;
}
