/**
 * struct io_event: one completion, as it lies in the ring and as io_getevents(2) copies it out.
 *
 * Layout of `include/uapi/linux/aio_abi.h`.
 *
 * @module
 */

import { shown } from "./shown.ts";
import { readInt64, readUint64, writeInt64, writeUint64 } from "./words.ts";

/** Size of an io_event in bytes. */
export const IO_EVENT_SIZE = 32;

/** Byte offset of `data`: 64 bits, unsigned. */
export const IO_EVENT_DATA = 0;

/** Byte offset of `obj`: 64 bits, unsigned. */
export const IO_EVENT_OBJ = 8;

/** Byte offset of `res`: 64 bits, signed; its value always fits the lower 32. */
export const IO_EVENT_RES = 16;

/** Byte offset of `res2`: 64 bits, signed. */
export const IO_EVENT_RES2 = 24;

/**
 * One io_event, laid over memory. Nothing is copied; {@link IoEvent.byteOffset} moves it along an
 * array of events.
 *
 * @example Walking over what io_getevents wrote
 * ```ts
 * import { IO_EVENT_SIZE, IoEvent } from "kaio/syscalls";
 * import assert from "node:assert/strict";
 *
 * const event = new IoEvent(new ArrayBuffer(2 * IO_EVENT_SIZE));
 * event.res = 4096;
 * event.byteOffset += IO_EVENT_SIZE;
 *
 * assert.equal(event.res, 0);
 * ```
 */
export class IoEvent {
  readonly #view: DataView;
  #byteOffset: number = 0;

  /**
   * Lays an io_event over 32 bytes; leaves them as they are.
   *
   * @param buffer The memory.
   * @param byteOffset Where the event begins in it, in bytes.
   * @throws {RangeError} If the event is not all inside `buffer`.
   */
  constructor(buffer: ArrayBuffer, byteOffset: number = 0) {
    this.#view = new DataView(buffer);
    this.byteOffset = byteOffset;
  }

  /**
   * Where in its buffer the event begins, in bytes. Setting it lays the event over other bytes of
   * the same buffer; RangeError where it would not be all inside.
   */
  get byteOffset(): number {
    return this.#byteOffset;
  }

  set byteOffset(value: number) {
    const last = this.#view.byteLength - IO_EVENT_SIZE;
    if (!Number.isInteger(value) || value < 0 || value > last) {
      throw new RangeError(
        `Cannot place io_event: \`byteOffset\` must be an integer from 0 to ${last}: current value is ${
          shown(value)
        }`,
      );
    }
    this.#byteOffset = value;
  }

  /**
   * `data`: the `aio_data` of the request. Exact up to `Number.MAX_SAFE_INTEGER`, the nearest
   * number above it. Setting anything but a safe integer, 0 or more, throws RangeError.
   */
  get data(): number {
    return readUint64(this.#view, this.#byteOffset + IO_EVENT_DATA);
  }

  set data(value: number) {
    writeUint64(this.#view, this.#byteOffset + IO_EVENT_DATA, value);
  }

  /**
   * `obj`: the address of the request's iocb. Setting anything but a safe integer, 0 or more,
   * throws RangeError.
   */
  get obj(): number {
    return readUint64(this.#view, this.#byteOffset + IO_EVENT_OBJ);
  }

  set obj(value: number) {
    writeUint64(this.#view, this.#byteOffset + IO_EVENT_OBJ, value);
  }

  /**
   * `res`: the number of bytes, the ready mask of a poll, or a negative errno. Setting anything
   * but a safe integer throws RangeError.
   */
  get res(): number {
    return readInt64(this.#view, this.#byteOffset + IO_EVENT_RES);
  }

  set res(value: number) {
    writeInt64(this.#view, this.#byteOffset + IO_EVENT_RES, value);
  }

  /**
   * `res2`: 0 for every request of today's kernels; USB gadgets of old ones had a second error
   * here. Setting anything but a safe integer throws RangeError.
   */
  get res2(): number {
    return readInt64(this.#view, this.#byteOffset + IO_EVENT_RES2);
  }

  set res2(value: number) {
    writeInt64(this.#view, this.#byteOffset + IO_EVENT_RES2, value);
  }
}
