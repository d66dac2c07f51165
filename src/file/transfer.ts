/**
 * One request of a file as a promise.
 *
 * @module
 */
import type { Sink } from "../context/request.ts";
import type { Address } from "../kernel.ts";
import type { OpenFile } from "./open_file.ts";

/** A request, from queueing to completion. */
export class Transfer implements Sink {
  /** The result: bytes, or the mask of a poll. */
  readonly promise: Promise<number>;
  readonly #file: OpenFile;
  readonly #opcode: number;
  readonly #length: number;
  readonly #position: number;
  readonly #ticket: number;
  #resolve!: (count: number) => void;
  #reject!: (reason: unknown) => void;
  /** Referenced until the completion: that is what keeps the memory. */
  #pinned: unknown;

  /**
   * Queues it.
   *
   * @param file Of which file
   * @param opcode IOCB_CMD_*
   * @param address Where the memory lies; 0 for none
   * @param length Bytes; of a poll the mask
   * @param position In the file
   * @param pinned What keeps the memory
   */
  constructor(
    file: OpenFile,
    opcode: number,
    address: Address,
    length: number,
    position: number,
    pinned: unknown,
  ) {
    this.#file = file;
    this.#opcode = opcode;
    this.#length = length;
    this.#position = position;
    this.#pinned = pinned;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    file.enter();
    this.#ticket = file.queue(opcode, address, length, position, this);
    file.pump.flushSoon();
  }

  /** See {@link Sink}. */
  complete(res: number): void {
    this.#pinned = undefined;
    this.#file.leave();
    if (res >= 0) this.#resolve(res);
    else this.#reject(this.#file.error(res, this.#opcode, this.#position, this.#length));
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
  address: Address,
  length: number,
  position: number,
  pinned: unknown,
): Promise<number> {
  return new Transfer(file, opcode, address, length, position, pinned).promise;
}
