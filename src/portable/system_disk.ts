/**
 * The disk that is there: the files of `node:fs`.
 *
 * An operation is handed to other threads when the code that submitted it is done. Until then it
 * is this thread's to do: one that waits in io_getevents does it itself, as the kernel of the seed
 * does with its run list.
 *
 * Who the others are: worker threads over shared memory, as soon as there is enough work to start
 * them for; they can be waited for. Until they are there, and where a runtime or its permissions
 * refuse them, the pool of `node:fs`. Streams are always the pool's: a read that waits for the
 * other end would hold a worker for ever.
 *
 * @module
 */
import { fdatasyncSync, fstatSync, fsyncSync, readSync, writeSync } from "node:fs";
import { EFAULT } from "../abi/errno.ts";
import type { Kernel } from "../kernel.ts";
import { BufferPool } from "../memory/buffer_pool.ts";
import { Alarms } from "./alarms.ts";
import { Aligned, trivialResult } from "./aligned.ts";
import type { Disk, Operation } from "./disk.ts";
import { resultOf } from "../errors/errno_of.ts";
import { ThreadPool } from "./thread_pool.ts";
import { workers } from "./worker_pool.ts";

/** So many reads are given to the pool of `node:fs` before threads are started for more. */
const FEW = 64;

/** See {@link Disk}. */
export class SystemDisk implements Disk {
  readonly #slab: BufferPool;
  readonly #pool: ThreadPool;
  readonly #alarms = new Alarms();
  /** This thread's, from `#first` on. */
  #pending: Operation[] = [];
  #first = 0;
  #scheduled = false;
  #launched = 0;

  /** @param kernel Whose memory it works on */
  constructor(kernel: Kernel) {
    this.#slab = new BufferPool(kernel);
    this.#pool = new ThreadPool(this.#slab);
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
    workers().flush();
  };

  #launch(operation: Operation): void {
    const res = trivialResult(operation);
    this.#launched++;
    if (res !== undefined) operation.done(res);
    else if (this.#suitsWorkers(operation)) workers().launch(operation, this.#refused);
    else this.#pool.launch(operation);
  }

  readonly #refused = (operation: Operation): void => {
    this.queue(operation);
  };

  #suitsWorkers({ kind, fd, position }: Operation): boolean {
    if (position === null && (kind === "read" || kind === "write")) return false;
    // What may not be done twice has to be where it can be waited for, whatever it costs
    const patient = kind === "write";
    return (patient || this.#launched > FEW) && workers().ready(fd, patient);
  }

  // For a thread that waits

  advance(until: number): boolean {
    if (this.#alarms.ring() || workers().harvest()) return true;
    const operation = this.#next() ?? this.#pool.takeBack();
    if (operation !== undefined) {
      operation.done(trivialResult(operation) ?? this.#perform(operation));
      return true;
    }
    if (workers().busy === 0) {
      const { next } = this.#alarms;
      if (next === Infinity || next > until) return false;
      // What happens then may be what the thread waits for
      this.sleep(next);
      return true;
    }
    workers().sleep(Math.min(until, this.#alarms.next) - this.now());
    return true;
  }

  #next(): Operation | undefined {
    if (this.#first === this.#pending.length) return undefined;
    const operation = this.#pending[this.#first++];
    if (this.#first === this.#pending.length) this.#pending.length = this.#first = 0;
    return operation;
  }

  #perform(operation: Operation): number {
    const { kind, fd } = operation;
    try {
      if (kind === "read" || kind === "write") return this.#transfer(operation);
      if (kind === "fsync") fsyncSync(fd);
      else fdatasyncSync(fd);
      return 0;
    } catch (error) {
      return resultOf(error);
    }
  }

  #transfer(operation: Operation): number {
    const { kind, fd, position, append, durable } = operation;
    const memory = new Aligned(this.#slab, operation);
    const { bytes } = memory;
    try {
      if (kind === "read") {
        return memory.scatter(operation, readSync(fd, bytes, 0, bytes.length, position));
      }
      if (!operation.gather(bytes)) return -EFAULT;
      const end = append && position !== null ? fstatSync(fd).size : position;
      const count = writeSync(fd, bytes, 0, bytes.length, end);
      if (durable === "fsync") fsyncSync(fd);
      if (durable === "fdatasync") fdatasyncSync(fd);
      return count;
    } finally {
      memory.free();
    }
  }

  // The clock

  now(): number {
    return performance.now();
  }

  sleep(until: number): void {
    const left = Math.min(until, this.#alarms.next) - this.now();
    if (left > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, left);
    this.#alarms.ring();
  }

  at(time: number, action: () => void): void {
    this.#alarms.add(time, action);
  }

  // A disk that is there has faults of its own

  submitFault(): number {
    return 0;
  }

  waitFault(): boolean {
    return false;
  }
}
