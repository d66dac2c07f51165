/**
 * One request of a file as a promise.
 *
 * @module
 */
import type { Sink } from "../context/request.ts";
import type { Address } from "../kernel.ts";
import type { OpenFile } from "./open_file.ts";

class Transfer implements Sink {
  readonly #file: OpenFile;
  readonly #opcode: number;
  readonly #length: number;
  readonly #position: number;
  readonly #resolve: (count: number) => void;
  readonly #reject: (reason: unknown) => void;
  /** Referenced until the completion: that is what pins it. */
  #pinned: unknown;

  constructor(
    file: OpenFile,
    opcode: number,
    address: Address,
    length: number,
    position: number,
    pinned: unknown,
    resolve: (count: number) => void,
    reject: (reason: unknown) => void,
  ) {
    this.#file = file;
    this.#opcode = opcode;
    this.#length = length;
    this.#position = position;
    this.#pinned = pinned;
    this.#resolve = resolve;
    this.#reject = reject;
    file.enter();
    file.queue(opcode, address, length, position, this);
  }

  complete(res: number): void {
    this.#pinned = undefined;
    this.#file.leave();
    if (res >= 0) this.#resolve(res);
    else this.#reject(this.#file.error(res, this.#opcode, this.#position, this.#length));
  }
}

/**
 * Makes one request.
 *
 * @param file Of which file
 * @param opcode IOCB_CMD_*
 * @param address Where the memory lies; 0 for none
 * @param length Bytes; of a poll the mask
 * @param position In the file
 * @param pinned What keeps the memory
 * @returns The result: bytes, or the mask
 */
export function transfer(
  file: OpenFile,
  opcode: number,
  address: Address,
  length: number,
  position: number,
  pinned: unknown,
): Promise<number> {
  return new Promise((resolve, reject) => {
    new Transfer(file, opcode, address, length, position, pinned, resolve, reject);
    file.pump.flushSoon();
  });
}
