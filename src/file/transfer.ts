/**
 * One request of a file as a promise.
 *
 * @module
 */
import type { Sink } from "../context/request.ts";
import type { Piece } from "../memory/slab.ts";
import { Deferred } from "./deferred.ts";
import type { OpenFile } from "./open_file.ts";

/** For requests that need no memory. */
export const NO_MEMORY: Piece = { address: 0, bytes: new Uint8Array(0) };

/** A request, from queueing to completion. The result: bytes, or the mask of a poll. */
export class Transfer extends Deferred<number> implements Sink {
  readonly #file: OpenFile;
  readonly #opcode: number;
  readonly #length: number;
  readonly #position: number;
  readonly #ticket: number;
  /** Referenced until the completion: that is what keeps the memory. */
  #piece: Piece | undefined;

  /**
   * Queues it.
   *
   * @param file Of which file
   * @param opcode IOCB_CMD_*
   * @param piece The memory
   * @param offset Where in it
   * @param length Bytes; of a poll the mask
   * @param position In the file
   * @param rwFlags RWF_*
   */
  constructor(
    file: OpenFile,
    opcode: number,
    piece: Piece,
    offset: number,
    length: number,
    position: number,
    rwFlags = 0,
  ) {
    super();
    this.#file = file;
    this.#opcode = opcode;
    this.#length = length;
    this.#position = position;
    this.#piece = piece;
    file.enter();
    this.#ticket = file.queue(opcode, piece, offset, length, position, this, rwFlags);
    file.pump.flushSoon();
  }

  /** See {@link Sink}. */
  complete(res: number): void {
    this.#piece = undefined;
    this.#file.leave();
    if (res >= 0) this.resolve(res);
    else this.reject(this.#file.error(res, this.#opcode, this.#position, this.#length));
  }

  /** Ends it early, if the kernel can. */
  cancel(): void {
    this.#file.core.cancel(this.#ticket);
  }
}

/** Makes one request; see {@link Transfer}. */
export function transfer(
  file: OpenFile,
  opcode: number,
  piece: Piece,
  offset: number,
  length: number,
  position: number,
  rwFlags = 0,
): Promise<number> {
  return new Transfer(file, opcode, piece, offset, length, position, rwFlags).promise;
}
