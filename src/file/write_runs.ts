/**
 * Writes that the threads of `node:fs` make, those that follow one another together.
 *
 * Linux lets one write at a time through the page cache into a file (inode_lock in
 * ext4_buffered_write_iter, fs/ext4/file.c, and its like). Threads that wait for each other there
 * take the processors from the event loop. So what begins where one ends that is under way waits
 * for it, and goes with all that follow in one call.
 *
 * @module
 */
import { fdatasync, write, writev } from "node:fs";
import { IOVEC_SIZE, writeIovec } from "../abi/iovec.ts";
import { RWF_DSYNC } from "../abi/rw_flags.ts";
import { resultOf } from "../errors/errno_of.ts";
import type { Address } from "../kernel.ts";
import type { Piece } from "../memory/slab.ts";
import type { OpenFile } from "./open_file.ts";
import { beginInTurn, cameBack, type Task } from "./per_turn.ts";

/** The most writes of one call. */
const MOST = 64;
/** No write is added to a call that has so many bytes. */
const ENOUGH_BYTES = 1 << 21;

/** A write, or what is left of it. */
export interface Write {
  /** RWF_DSYNC or 0. */
  readonly rwFlags: number;
  /** Where its first byte goes. */
  readonly position: number;
  /** Bytes, not 0. */
  readonly length: number;
  /** Where they lie. */
  readonly address: Address;
  /** They are in it, from `start` on. */
  readonly memory: Uint8Array<ArrayBuffer>;
  /** See {@link Write.memory}. */
  readonly start: number;
  /** How many bytes before them are written already. */
  readonly written: number;
  /** So many more are written. */
  advance(count: number): void;
  /**
   * It is over.
   *
   * @param res Bytes, or `-errno`
   */
  end(res: number): void;
}

/** The writes of one file. */
export class WriteRuns {
  readonly #file: OpenFile;
  /** By the position behind the last one. */
  readonly #runs = new Map<number, Run>();

  /** @param file Whose writes */
  constructor(file: OpenFile) {
    this.#file = file;
  }

  /** Has a write made by other threads. */
  add(write: Write): void {
    const { position: start, length } = write;
    // What is appended has no position but 0, and follows on what was appended before it
    const end = this.#file.append ? start : start + length;
    const run = this.#runs.get(start);
    if (run !== undefined && run.rwFlags === write.rwFlags) {
      this.#runs.delete(start);
      run.push(write, end);
      this.#runs.set(end, run);
    } else {
      const first = new Run(this.#file, write, end);
      this.#runs.set(end, first);
      beginInTurn(first);
    }
  }

  /** Nothing is left of a run. One that ends where it does is followed no more, which costs little. */
  remove(run: Run): void {
    this.#runs.delete(run.end);
  }
}

/** Writes of which each begins where the one before it ends. */
class Run implements Task {
  /** See {@link Write.rwFlags}: the same for all. */
  readonly rwFlags: number;
  /** The position behind the last one. */
  end: number;
  readonly #file: OpenFile;
  #waiting: Write[];
  /** What the threads have. */
  #sent: Write[] = [];
  /** How many of them are written. */
  #whole = 0;
  /** How many more are written in part: 0 or 1. */
  #cut = 0;
  /** How many of those that wait go one by one. */
  #alone = 0;

  constructor(file: OpenFile, first: Write, end: number) {
    this.#file = file;
    this.rwFlags = first.rwFlags;
    this.#waiting = [first];
    this.end = end;
  }

  /** Adds one to those that wait. */
  push(write: Write, end: number): void {
    this.#waiting.push(write);
    this.end = end;
  }

  /** See {@link Task}. */
  begin(): void {
    this.#sent = this.#waiting.splice(0, this.#portion());
    this.#whole = this.#cut = 0;
    const { fd, core: { kernel, slab } } = this.#file;
    if (kernel.pwritev === undefined) return this.#write();
    let vector: Piece;
    try {
      vector = slab.take(this.#sent.length * IOVEC_SIZE);
    } catch {
      // No memory, and others hold theirs until these are written
      return this.#write();
    }
    this.#describe(vector);
    const { position } = this.#sent[0]!;
    const over = (count: number): void => {
      slab.give(vector);
      if (count >= 0) this.#moved(null, count);
      else if (this.#sent.length > 1) this.#separate();
      // What went wrong is what the second attempt says
      else this.#write();
    };
    kernel.pwritev(fd, vector.address, this.#sent.length, position).then(over, () => over(-1));
  }

  #portion(): number {
    if (this.#alone > 0) {
      this.#alone--;
      return 1;
    }
    let count = 0;
    for (let bytes = 0; count < this.#waiting.length && count < MOST; count++) {
      if (bytes >= ENOUGH_BYTES) break;
      bytes += this.#waiting[count]!.length;
    }
    return count;
  }

  #describe({ bytes }: Piece): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (const [index, { address, length }] of this.#sent.entries()) {
      writeIovec(view, index * IOVEC_SIZE, address, length);
    }
  }

  #write(): void {
    const { fd } = this.#file;
    try {
      const { position, memory, start, length } = this.#sent[0]!;
      // In some runtimes writev copies, and O_DIRECT wants memory as it is
      if (this.#sent.length === 1) write(fd, memory, start, length, position, this.#moved);
      else writev(fd, this.#sent.map(bytesOf), position, this.#moved);
    } catch (error) {
      // Arguments that the runtime refuses. Nobody is told before he knows that it has begun
      queueMicrotask(() => this.#moved(error as Error, 0));
    }
  }

  readonly #moved = (error: Error | null, count: number): void => {
    cameBack();
    if (error === null && count > 0) this.#advance(count);
    else if (this.#sent.length > 1) this.#separate();
    else {
      this.#whole = 1;
      const { written } = this.#sent[0]!;
      this.#over(written === 0 && error !== null ? resultOf(error) : written);
    }
  };

  /** They go one by one, so that each meets its own error. */
  #separate(): void {
    this.#alone = this.#sent.length;
    this.#over();
  }

  #advance(count: number): void {
    for (let left = count; left > 0;) {
      const write = this.#sent[this.#whole]!;
      const { length } = write;
      write.advance(Math.min(left, length));
      // Nothing says why the rest was not written: the next attempt does
      if (left < length) this.#cut = 1;
      else this.#whole++;
      left -= length;
    }
    this.#alone += this.#cut;
    if ((this.rwFlags & RWF_DSYNC) === 0) this.#over();
    else fdatasync(this.#file.fd, this.#synced);
  }

  readonly #synced = (error: Error | null): void => {
    cameBack();
    if (error === null) return this.#over();
    // The kernel says it once: also to one that is written in part
    this.#whole += this.#cut;
    this.#alone -= this.#cut;
    this.#over(resultOf(error));
  };

  /**
   * Those that are written are over; what was sent in vain goes once more, before all that wait.
   *
   * @param res Their result, if it is not what is written of them
   */
  #over(res?: number): void {
    const over = this.#sent.splice(0, this.#whole);
    if (this.#sent.length > 0) this.#waiting = this.#sent.concat(this.#waiting);
    this.#sent = [];
    if (this.#waiting.length > 0) beginInTurn(this);
    else this.#file.writes.remove(this);
    for (const write of over) write.end(res ?? write.written);
    // Their sinks may have asked for more
    this.#file.pump.flushSoon();
  }
}

function bytesOf({ memory, start, length }: Write): Uint8Array {
  return length === memory.length ? memory : memory.subarray(start, start + length);
}
