/**
 * One read of a range that nobody gave memory for: the short way, one promise a read.
 *
 * @module
 */
import { ECANCELED } from "../abi/errno.ts";
import { IOCB_CMD_PREAD } from "../abi/opcodes.ts";
import type { Sink } from "../context/request.ts";
import type { Piece } from "../memory/slab.ts";
import type { OpenFile } from "./open_file.ts";

/** Reads longer than this are made of several. */
export const LARGEST_READ = 1 << 20;

/**
 * A range of a file on its way into a piece of the slab: rounded to the alignment of the file,
 * and continued after a short read until the end of the file is certain.
 */
export abstract class RangeRead implements Sink {
  protected readonly file: OpenFile;
  /** Where the range begins. */
  position: number = 0;
  /** How many bytes it has. */
  length: number = 0;
  /** The memory, from queueing to the end. */
  protected piece: Piece | undefined;
  /** How far the range begins behind the start of the piece. */
  protected skip: number = 0;
  #span = 0;
  #got = 0;
  #ticket = 0;
  #stopped = false;

  constructor(file: OpenFile) {
    this.file = file;
  }

  /** Queues it. */
  protected start(position: number, length: number): void {
    const { readOffset } = this.file.alignment;
    this.position = position;
    this.length = length;
    this.skip = position % readOffset;
    const end = this.skip + length;
    this.#span = end + (readOffset - end % readOffset) % readOffset;
    this.#got = 0;
    this.#stopped = false;
    this.piece = this.file.core.slab.take(this.#span);
    this.file.enter();
    this.#queue();
  }

  #queue(): void {
    const { file } = this;
    this.#ticket = file.queue(
      IOCB_CMD_PREAD,
      this.piece!,
      this.#got,
      this.#span - this.#got,
      this.position - this.skip + this.#got,
      this,
    );
  }

  /** See {@link Sink}. */
  complete(res: number): void {
    const { file } = this;
    if (res > 0) {
      this.#got += res;
      const wanted = this.skip + this.length;
      // Less than asked for is the end of the file if it is no whole block, and perhaps else
      if (this.#got < wanted && this.#got % file.alignment.readOffset === 0) {
        if (!file.isStream && !this.#stopped) return this.#queue();
      }
    }
    file.leave();
    if (res < 0) this.failed(res);
    else this.arrived(Math.max(0, Math.min(this.length, this.#got - this.skip)));
  }

  /** Takes it back if the kernel does not have it yet; else what it brings will do. */
  protected cancel(): void {
    this.#stopped = true;
    this.file.core.cancel(this.#ticket);
  }

  /** The first `count` bytes of the range, where they lie. */
  protected read(count: number): Uint8Array<ArrayBuffer> {
    const { bytes } = this.piece!;
    const whole = this.skip === 0 && count === bytes.length;
    return whole ? bytes : bytes.subarray(this.skip, this.skip + count);
  }

  /** Gives the memory back. */
  protected release(): void {
    this.file.core.slab.give(this.piece!);
    this.piece = undefined;
  }

  /** All is there that the file has; `count` bytes, at `skip` of the piece. */
  protected abstract arrived(count: number): void;

  /** The kernel answered `-errno`. */
  protected abstract failed(errno: number): void;
}

/** A range read for a promise. */
class PromisedRead extends RangeRead {
  #resolve: (bytes: Uint8Array<ArrayBuffer>) => void;
  #reject: (reason: unknown) => void;
  #signal: AbortSignal | undefined;
  #abort: (() => void) | undefined;

  constructor(
    file: OpenFile,
    position: number,
    length: number,
    signal: AbortSignal | undefined,
    resolve: (bytes: Uint8Array<ArrayBuffer>) => void,
    reject: (reason: unknown) => void,
  ) {
    super(file);
    this.#resolve = resolve;
    this.#reject = reject;
    this.start(position, length);
    if (signal === undefined) return;
    this.#signal = signal;
    this.#abort = () => {
      // The promise is over at once; memory and slot stay taken until the kernel lets go
      reject(signal.reason);
      this.#unlisten();
      this.cancel();
    };
    signal.addEventListener("abort", this.#abort, { once: true });
  }

  protected override arrived(count: number): void {
    // A copy that the caller owns: the piece serves the next read
    const bytes = new Uint8Array(count);
    bytes.set(this.read(count));
    this.#end();
    this.#resolve(bytes);
  }

  protected override failed(errno: number): void {
    this.#end();
    if (errno === -ECANCELED && this.#signal?.aborted) return;
    this.#reject(this.file.error(errno, IOCB_CMD_PREAD, this.position, this.length));
  }

  #end(): void {
    this.release();
    this.#unlisten();
  }

  #unlisten(): void {
    if (this.#abort !== undefined) this.#signal!.removeEventListener("abort", this.#abort);
    this.#abort = undefined;
  }
}

/** Reads up to {@link LARGEST_READ} bytes into memory of its own. */
export function readRange(
  file: OpenFile,
  position: number,
  length: number,
  signal: AbortSignal | undefined,
): Promise<Uint8Array<ArrayBuffer>> {
  if (signal?.aborted) return Promise.reject(signal.reason);
  return new Promise((resolve, reject) => {
    new PromisedRead(file, position, length, signal, resolve, reject);
    file.pump.flushSoon();
  });
}
