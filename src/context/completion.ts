/**
 * What became of a request of a context.
 *
 * @module
 */
import { EFAULT } from "../abi/errno.ts";
import {
  IOCB_CMD_POLL,
  IOCB_CMD_PREAD,
  IOCB_CMD_PREADV,
  IOCB_CMD_PWRITE,
  IOCB_CMD_PWRITEV,
} from "../abi/opcodes.ts";
import type { AioError } from "../errors/aio_error.ts";
import { requestError, TRANSFERS } from "../errors/request_error.ts";
import {
  copyFromBounce,
  copyToBounce,
  gather,
  lengthOfAll,
  scatter,
  vectorOf,
  vectorOfBounce,
} from "../memory/bounce.ts";
import type { PooledBuffer } from "../memory/buffer_pool.ts";
import { bufferOf, byteLengthOf, byteOffsetOf } from "../memory/intrinsics.ts";
import type { Core } from "./core.ts";
import { NEW, Operation, WAITING } from "./operation.ts";

/**
 * A finished request. From `for await` over a context each is an object of its own; from
 * `batches()` and `wait()` the objects are used again with the next batch.
 */
export interface Completion<T> {
  /** What the request was given as `data`. */
  readonly data: T;
  /** The number of bytes, the ready mask of a poll, or `-errno`. */
  readonly res: number;
  /** The memory of a read or write, as it was given. */
  readonly buffer: Uint8Array;
  /** The memory of a readv or writev, as it was given. */
  readonly buffers: readonly Uint8Array[] | undefined;
  /** The file descriptor. */
  readonly fd: number;
  /** The position in the file in bytes. */
  readonly position: number;
  /** The error that a negative `res` stands for, else `undefined`; made anew at each look. */
  readonly error: AioError | undefined;
}

/** A request of a context: its result goes to the context's loop. */
export class ContextOperation<T> extends Operation implements Completion<T> {
  data: T = undefined!;
  res = 0;
  /** The user's memory, or none. Referenced until the completion: that pins what `allocate` made. */
  buffer: Uint8Array = undefined!;
  /** The user's memory of a vectored request, or none. */
  buffers: readonly Uint8Array[] | undefined = undefined;
  /** Bytes to move, when the request was made; of a poll the mask. */
  length = 0;
  readonly #core: Core;
  /** A bounce buffer, or the iovecs, with the bounce buffer behind them if there is one. */
  #pooled: PooledBuffer | undefined = undefined;
  /** Whether the bytes go through {@link ContextOperation.#pooled}. */
  #bounces = false;
  /** Whether it has been found out where its memory is: `address` and `#bounces` tell it. */
  #isPlaced = false;

  constructor(core: Core) {
    super();
    this.#core = core;
  }

  /** Keeps nothing alive while it waits to be used again. */
  forget(): void {
    this.data = undefined!;
    this.buffer = undefined!;
    this.buffers = undefined;
    this.#isPlaced = false;
    this.state = NEW;
  }

  /** Sets the memory of a read or write. Where that is need not be found out again if it has it. */
  setBuffer(buffer: Uint8Array | undefined): void {
    if (this.#isPlaced) this.#isPlaced = this.buffer === buffer;
    this.buffer = buffer!;
  }

  override pin(): number {
    if (this.buffer !== undefined) return this.#pinBuffer();
    if (this.buffers !== undefined) return this.#pinVector(this.buffers);
    // aio_buf of a poll holds the mask, and nothing else may be set.
    this.address = this.opcode === IOCB_CMD_POLL ? this.length : 0;
    this.nbytes = 0;
    return 0;
  }

  #pinBuffer(): number {
    const { buffer, length } = this;
    const { pool } = this.#core;
    // It may have been detached or resized while the request waited for a slot.
    if (this.state === WAITING && byteLengthOf(buffer) < length) return -EFAULT;
    this.nbytes = length;
    if (!this.#isPlaced) {
      const base = pool.addressOf(bufferOf(buffer));
      this.#bounces = base === 0;
      this.address = base + byteOffsetOf(buffer);
      this.#isPlaced = true;
    }
    if (!this.#bounces) return 0;
    const bounce = this.#pooled = pool.take(length);
    this.address = bounce.address;
    if (this.opcode === IOCB_CMD_PWRITE) copyToBounce(bounce, buffer, length);
    return 0;
  }

  /** An iovec array over the memory itself, or over one bounce buffer for all of it. */
  #pinVector(buffers: readonly Uint8Array[]): number {
    const { pool } = this.#core;
    if (this.state === WAITING && lengthOfAll(buffers) !== this.length) return -EFAULT;
    const inPlace = buffers.every((buffer) => pool.addressOf(bufferOf(buffer)) !== 0);
    const pooled = inPlace ? vectorOf(pool, buffers) : vectorOfBounce(pool, this.length);
    this.#pooled = pooled;
    this.address = pooled.address;
    this.nbytes = inPlace ? buffers.length : 1;
    this.#bounces = !inPlace;
    if (this.opcode === IOCB_CMD_PWRITEV && !inPlace) gather(buffers, pooled);
    return 0;
  }

  override complete(res: number): void {
    this.res = this.#pooled === undefined ? res : this.#unpin(this.#pooled, res);
    this.#core.ready.push(this);
  }

  /** Copies what a read left in the bounce buffer to the user, and gives the buffer back. */
  #unpin(pooled: PooledBuffer, res: number): number {
    const { pool } = this.#core;
    let arrived = true;
    if (res > 0 && this.#bounces) {
      if (this.opcode === IOCB_CMD_PREAD) arrived = copyFromBounce(pooled, this.buffer, res);
      if (this.opcode === IOCB_CMD_PREADV) {
        arrived = scatter(pooled, this.buffers!, this.length, res);
      }
    }
    this.#pooled = undefined;
    pool.give(pooled);
    return arrived ? res : -EFAULT;
  }

  get error(): AioError | undefined {
    return errorOf(this.#core, this.opcode, this.length, this);
  }

  /** The completion as an object that stays as it is when the operation is used again. */
  toOwn(): Completion<T> {
    const isUsual = this.res >= 0 && this.buffers === undefined;
    return isUsual ? new OwnCompletion(this) : new FullCompletion(this, this.#core);
  }
}

/**
 * What most requests come to: a result that is no error, of one buffer at most. `for await` makes one
 * for each completion, so it has no more fields than these: 64 bytes in V8, an operation has 176.
 */
class OwnCompletion<T> implements Completion<T> {
  readonly data: T;
  readonly res: number;
  readonly buffer: Uint8Array;
  declare readonly buffers: readonly Uint8Array[] | undefined;
  readonly fd: number;
  readonly position: number;

  constructor(operation: ContextOperation<T>) {
    this.data = operation.data;
    this.res = operation.res;
    this.buffer = operation.buffer;
    this.fd = operation.fd;
    this.position = operation.position;
  }

  get error(): AioError | undefined {
    return undefined;
  }
}

// On the prototype, as it is the same for all but those that have a field of the name.
(OwnCompletion.prototype as { buffers: undefined }).buffers = undefined;

/** A completion with an error, or of several buffers. */
class FullCompletion<T> extends OwnCompletion<T> {
  override readonly buffers: readonly Uint8Array[] | undefined;
  readonly #core: Core;
  readonly #opcode: number;
  readonly #length: number;

  constructor(operation: ContextOperation<T>, core: Core) {
    super(operation);
    this.buffers = operation.buffers;
    this.#core = core;
    this.#opcode = operation.opcode;
    this.#length = operation.length;
  }

  override get error(): AioError | undefined {
    return errorOf(this.#core, this.#opcode, this.#length, this);
  }
}

function errorOf(
  { files }: Core,
  opcode: number,
  length: number,
  { res, fd, position }: Completion<unknown>,
): AioError | undefined {
  if (res >= 0) return undefined;
  const where = TRANSFERS.has(opcode) ? { position, length } : {};
  return requestError(files, res, opcode, { fd, ...where });
}
