/**
 * Transfers that must not hold the thread, whatever the file system makes of them.
 *
 * @module
 */
import { read } from "node:fs";
import { EAGAIN, EOPNOTSUPP } from "../abi/errno.ts";
import { IOCB_CMD_PREAD } from "../abi/opcodes.ts";
import { RWF_NOWAIT } from "../abi/rw_flags.ts";
import type { Sink } from "../context/request.ts";
import { resultOf } from "../errors/errno_of.ts";
import type { Address } from "../kernel.ts";
import type { Piece } from "../memory/slab.ts";
import type { Miss } from "./misses.ts";
import type { OpenFile } from "./open_file.ts";
import { beginInTurn, cameBack, type Task } from "./per_turn.ts";
import type { Write } from "./write_runs.ts";

/** Those that are over, to be used again. */
const idle: Detour[] = [];

/**
 * One transfer: tried with RWF_NOWAIT, and made by the threads of `node:fs` if it would have had
 * to wait; or made there at once. The sink learns nothing of it but the result.
 */
export class Detour implements Sink, Task, Miss, Write {
  #file: OpenFile | undefined;
  #opcode = 0;
  #piece: Piece | undefined;
  #offset = 0;
  #length = 0;
  #position = 0;
  /** RWF_* but for RWF_NOWAIT. */
  rwFlags = 0;
  #sink: Sink | undefined;
  /** Bytes written so far. */
  written = 0;
  /** See {@link Miss}. */
  tries = 0;
  /** Whether {@link Misses} waits for it. */
  #missed = false;

  /** Takes one that is idle, or makes one. */
  static of(
    file: OpenFile,
    opcode: number,
    piece: Piece,
    offset: number,
    length: number,
    position: number,
    rwFlags: number,
    sink: Sink,
  ): Detour {
    const detour = idle.pop() ?? new Detour();
    detour.#file = file;
    detour.#opcode = opcode;
    detour.#piece = piece;
    detour.#offset = offset;
    detour.#length = length;
    detour.#position = position;
    detour.rwFlags = rwFlags;
    detour.#sink = sink;
    detour.written = 0;
    detour.tries = 0;
    detour.#missed = false;
    return detour;
  }

  /**
   * Tries it in the kernel.
   *
   * @returns A ticket
   */
  attempt(): number {
    const address = this.#piece!.address + this.#offset;
    const rwFlags = this.rwFlags | RWF_NOWAIT;
    // What is copied inside io_submit is what the page cache has
    const copied = this.#file!.direct ? 0 : this.#length;
    return this.#file!.send(
      this.#opcode,
      address,
      this.#length,
      this.#position,
      this,
      rwFlags,
      copied,
    );
  }

  /** What came of the attempt; see {@link Sink}. */
  complete(res: number): void {
    const refused = res === -EAGAIN || res === -EOPNOTSUPP;
    if (res === -EOPNOTSUPP) this.#file!.waitsAlways(this.#opcode);
    if (this.#opcode !== IOCB_CMD_PREAD && res > 0) this.written = res;
    // A short read is the sink's to go on with; a short write is no end but a need to wait
    const cut = this.written > 0 && this.written < this.#length;
    const { direct, misses } = this.#file!;
    if (res === -EAGAIN && this.#opcode === IOCB_CMD_PREAD && !direct) return misses.add(this);
    if (this.tries > 0) misses.found();
    if (refused || cut) this.goElsewhere();
    else this.end(res);
  }

  /** See {@link Miss}. */
  walk(): void {
    this.#missed = true;
    this.goElsewhere();
  }

  /** Has it made by other threads. */
  goElsewhere(): void {
    if (this.#opcode === IOCB_CMD_PREAD) beginInTurn(this);
    else this.#file!.writes.add(this);
  }

  /** See {@link Task}: of a read. */
  begin(): void {
    try {
      read(this.#file!.fd, this.memory, this.start, this.#length, this.#position, this.#moved);
    } catch (error) {
      // Arguments that the runtime refuses. Nobody is told before he knows that it has begun
      queueMicrotask(() => this.#moved(error as Error, 0));
    }
  }

  readonly #moved = (error: Error | null, count: number): void => {
    cameBack();
    const { pump, misses } = this.#file!;
    if (this.#missed) misses.walked();
    this.end(error === null ? count : resultOf(error));
    // The sink may have asked for more
    pump.flushSoon();
  };

  /** See {@link Write}. */
  get position(): number {
    return this.#position + this.written;
  }

  /** See {@link Write}. */
  get length(): number {
    return this.#length - this.written;
  }

  /** See {@link Write}. */
  get address(): Address {
    return this.#piece!.address + this.start;
  }

  /** See {@link Write}; the same of a read. */
  get memory(): Uint8Array<ArrayBuffer> {
    const { bytes } = this.#piece!;
    // The piece is kept until the end, and with it the memory
    return this.#file!.core.kernel.lend?.(bytes) ?? bytes;
  }

  /** See {@link Write}; the same of a read. */
  get start(): number {
    return this.#offset + this.written;
  }

  /** See {@link Write}. */
  advance(count: number): void {
    this.written += count;
  }

  /** See {@link Write}; the same of a read. */
  end(res: number): void {
    const sink = this.#sink!;
    // An idle one must keep nothing from being collected, a file that was forgotten least of all
    this.#sink = this.#piece = this.#file = undefined;
    idle.push(this);
    sink.complete(res);
  }
}
