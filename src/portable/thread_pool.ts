/**
 * The disk that is there: `node:fs`, whose own threads do the work.
 *
 * Operations are handed to the pool when the code that submitted them is done, and until then are
 * this thread's to do: one that waits in io_getevents does them itself, as the kernel of the seed
 * does with its run list. The results of what the pool has come through the event loop, which
 * stands still meanwhile; so the waiting thread does those operations again that bear it, which
 * is why the pool works on memory of its own. A write is none of those: it may be over, and what
 * was written since must not be overwritten.
 *
 * @module
 */
import {
  fdatasync,
  fdatasyncSync,
  fstat,
  fstatSync,
  fsync,
  fsyncSync,
  read,
  readSync,
  write,
  writeSync,
} from "node:fs";
import { clearTimeout, setTimeout } from "node:timers";
import { EFAULT, EFBIG } from "../abi/errno.ts";
import type { Kernel } from "../kernel.ts";
import { type Piece, Slab } from "../memory/slab.ts";
import { PAGE_SIZE } from "./address_space.ts";
import type { Disk, Operation } from "./disk.ts";
import { errnoOf } from "./errno_of.ts";

type Callback = (error: Error | null, count?: number) => void;

/** One operation in the pool; used again for others. */
interface Job {
  /** `undefined` once a waiting thread has done it. */
  operation: Operation | undefined;
  piece: Piece | undefined;
  bytes: Uint8Array;
  readonly moved: Callback;
  readonly synced: Callback;
}

const NO_BYTES = new Uint8Array(0);
/** Numbers are exact up to here, and no file is as long. */
const LAST_POSITION = Number.MAX_SAFE_INTEGER;
/** A timer of the event loop takes no more milliseconds. */
const LONGEST_TIMER = 2 ** 31 - 1;

interface Alarm {
  readonly time: number;
  readonly action: () => void;
}

/** See {@link Disk}. */
export class ThreadPool implements Disk {
  readonly #slab: Slab;
  /** This thread's, from `#first` on. */
  #pending: Operation[] = [];
  #first = 0;
  #scheduled = false;
  readonly #inPool = new Set<Job>();
  readonly #spare: Job[] = [];
  /** Writes to the end of a file, which have to find it first: one at a time. */
  #appending = false;
  readonly #appends: Job[] = [];
  #alarms: Alarm[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param kernel Whose memory it works on */
  constructor(kernel: Kernel) {
    this.#slab = new Slab(kernel);
  }

  queue(operation: Operation): void {
    this.#pending.push(operation);
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(this.#launchAll);
  }

  readonly #launchAll = (): void => {
    this.#scheduled = false;
    const pending = this.#pending;
    const first = this.#first;
    this.#pending = [];
    this.#first = 0;
    for (let index = first; index < pending.length; index++) this.#launch(pending[index]!);
  };

  #launch(operation: Operation): void {
    const { kind, fd } = operation;
    const job = this.#spare.pop() ?? this.#makeJob();
    job.operation = operation;
    this.#inPool.add(job);
    if (kind === "fsync") return fsync(fd, job.synced);
    if (kind === "fdatasync") return fdatasync(fd, job.synced);
    const res = this.#prepare(operation, job);
    if (res !== undefined) return queueMicrotask(() => this.#over(job, res));
    if (kind === "read") {
      return read(fd, job.bytes, 0, operation.length, operation.position, job.moved);
    }
    if (!operation.append) return this.#write(job, operation.position);
    this.#appends.push(job);
    this.#appendNext();
  }

  #write(job: Job, position: number | null): void {
    write(job.operation!.fd, job.bytes, 0, job.bytes.length, position, job.moved);
  }

  /** The end is found and written to by one at a time, or two would find the same. */
  #appendNext(): void {
    if (this.#appending || this.#appends.length === 0) return;
    this.#appending = true;
    const job = this.#appends.shift()!;
    fstat(job.operation!.fd, (error, stats) => {
      if (error) this.#over(job, errnoOf(error));
      else this.#write(job, job.operation!.position === null ? null : stats.size);
    });
  }

  /** Takes memory that is aligned as the program's own; a result where there is nothing to do. */
  #prepare(operation: Operation, job: Pick<Job, "piece" | "bytes">): number | undefined {
    const { kind, length, position, address } = operation;
    if (length === 0) return 0;
    if (position !== null && position > LAST_POSITION - length) return kind === "read" ? 0 : -EFBIG;
    const skip = address % PAGE_SIZE;
    job.piece = this.#slab.take(skip + length);
    job.bytes = job.piece.bytes.subarray(skip, skip + length);
    if (kind === "write" && !operation.gather(job.bytes)) return -EFAULT;
    return undefined;
  }

  #makeJob(): Job {
    const job: Job = {
      operation: undefined,
      piece: undefined,
      bytes: NO_BYTES,
      moved: (error, count) => this.#moved(job, error, count!),
      synced: (error) =>
        this.#over(job, error ? errnoOf(error) : (job.piece ? job.bytes.length : 0)),
    };
    return job;
  }

  #moved(job: Job, error: Error | null, count: number): void {
    const { operation } = job;
    if (error) return this.#over(job, errnoOf(error));
    if (operation?.durable === undefined) return this.#over(job, count);
    job.bytes = job.bytes.subarray(0, count);
    if (operation.durable === "fsync") fsync(operation.fd, job.synced);
    else fdatasync(operation.fd, job.synced);
  }

  /** The pool is done with a job. */
  #over(job: Job, res: number): void {
    const { operation, bytes } = job;
    this.#inPool.delete(job);
    job.operation = undefined;
    if (operation?.append) {
      this.#appending = false;
      this.#appendNext();
    }
    if (operation?.kind === "read" && res > 0 && !operation.scatter(bytes.subarray(0, res))) {
      res = -EFAULT;
    }
    this.#release(job);
    this.#spare.push(job);
    operation?.done(res);
  }

  #release(job: Pick<Job, "piece" | "bytes">): void {
    if (job.piece !== undefined) this.#slab.give(job.piece);
    job.piece = undefined;
    job.bytes = NO_BYTES;
  }

  // For a thread that waits

  advance(until: number): boolean {
    if (this.#ring()) return true;
    const operation = this.#next() ?? this.#takeOver();
    if (operation === undefined) return false;
    // The first is done in any case: who asks again and again without waiting gets on as well
    operation.done(this.#perform(operation));
    void until;
    return true;
  }

  #next(): Operation | undefined {
    if (this.#first === this.#pending.length) return undefined;
    const operation = this.#pending[this.#first++];
    if (this.#first === this.#pending.length) this.#pending.length = this.#first = 0;
    return operation;
  }

  /** Takes an operation from the pool that may be done twice; its result there is dropped. */
  #takeOver(): Operation | undefined {
    for (const job of this.#inPool) {
      const { operation } = job;
      if (operation === undefined || operation.kind === "write") continue;
      // Bytes of a stream come only once
      if (operation.kind === "read" && operation.position === null) continue;
      job.operation = undefined;
      return operation;
    }
    return undefined;
  }

  #perform(operation: Operation): number {
    const job: Pick<Job, "piece" | "bytes"> = { piece: undefined, bytes: NO_BYTES };
    try {
      return this.#performWith(operation, job);
    } catch (error) {
      return errnoOf(error);
    } finally {
      this.#release(job);
    }
  }

  #performWith(operation: Operation, job: Pick<Job, "piece" | "bytes">): number {
    const { kind, fd, append, durable } = operation;
    if (kind === "fsync") fsyncSync(fd);
    if (kind === "fdatasync") fdatasyncSync(fd);
    if (kind === "fsync" || kind === "fdatasync") return 0;
    const res = this.#prepare(operation, job);
    if (res !== undefined) return res;
    const { bytes } = job;
    if (kind === "read") {
      const count = readSync(fd, bytes, 0, bytes.length, operation.position);
      return operation.scatter(bytes.subarray(0, count)) ? count : -EFAULT;
    }
    const position = append && operation.position !== null
      ? fstatSync(fd).size
      : operation.position;
    const count = writeSync(fd, bytes, 0, bytes.length, position);
    if (durable === "fsync") fsyncSync(fd);
    if (durable === "fdatasync") fdatasyncSync(fd);
    return count;
  }

  // The clock

  now(): number {
    return performance.now();
  }

  sleep(until: number): void {
    const next = Math.min(until, this.#alarms[0]?.time ?? Infinity);
    const left = next - this.now();
    if (left > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, left);
    this.#ring();
  }

  at(time: number, action: () => void): void {
    this.#alarms.push({ time, action });
    this.#alarms.sort((a, b) => a.time - b.time);
    this.#setTimer();
  }

  /** Does what its time has come for. */
  #ring(): boolean {
    const now = this.now();
    const due = this.#alarms.filter(({ time }) => time <= now);
    if (due.length === 0) return false;
    this.#alarms = this.#alarms.filter(({ time }) => time > now);
    for (const { action } of due) action();
    this.#setTimer();
    return true;
  }

  #setTimer(): void {
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    this.#timer = undefined;
    const next = this.#alarms[0];
    if (next === undefined) return;
    const left = Math.min(LONGEST_TIMER, Math.max(0, next.time - this.now()));
    this.#timer = setTimeout(() => {
      this.#ring();
      this.#setTimer();
    }, left);
  }

  // A disk that is there has faults of its own

  submitFault(): number {
    return 0;
  }

  waitFault(): boolean {
    return false;
  }
}
