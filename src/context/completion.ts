/**
 * What became of a request.
 *
 * @module
 */
import type { AioError } from "../errors/aio_error.ts";
import { requestError, TRANSFERS } from "../errors/request_error.ts";
import type { Kernel } from "../kernel.ts";
import type { Request } from "./request.ts";

/**
 * A finished request. From `for await` over a context each is an object of its own; from
 * `batches()` and `wait()` the objects are used again with the next batch.
 */
export class Completion<T> {
  /** What the request was given as `data`. */
  data!: T;
  /** The number of bytes, the ready mask of a poll, or `-errno`. */
  res: number = 0;
  /** The memory of a read or write, as it was given. */
  buffer!: Uint8Array;
  /** The memory of a readv or writev, as it was given. */
  buffers: readonly Uint8Array[] | undefined;
  /** The file descriptor. */
  fd: number = -1;
  /** The position in the file in bytes. */
  position: number = 0;

  /** @internal */
  opcode: number = 0;
  /** @internal */
  length: number = 0;
  readonly #kernel: Kernel;

  /** @internal */
  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  /** @internal Takes over what the request was. */
  describe(request: Readonly<Request>): void {
    this.data = request.data as T;
    this.buffer = request.buffer!;
    this.buffers = request.buffers;
    this.fd = request.fd;
    this.position = request.position;
    this.opcode = request.opcode;
    this.length = request.length;
  }

  /** @internal Keeps nothing alive while it waits to be used again. */
  forget(): void {
    this.data = undefined!;
    this.buffer = undefined!;
    this.buffers = undefined;
  }

  /** The error that a negative `res` stands for, else `undefined`; made anew at each look. */
  get error(): AioError | undefined {
    if (this.res >= 0) return undefined;
    const transfer = TRANSFERS.has(this.opcode);
    return requestError(this.#kernel, this.res, this.opcode, {
      fd: this.fd,
      position: transfer ? this.position : undefined,
      length: transfer ? this.length : undefined,
    });
  }
}
