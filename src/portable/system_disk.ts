/**
 * The disk of the machine: the files of `node:fs`.
 *
 * An operation is handed to other threads once the code that submitted it has returned. Until then
 * it is this thread's to do: a thread that waits in io_getevents does it itself, as the kernel of
 * Linux 3.4 does with its run list.
 *
 * The other threads are workers over shared memory, started as soon as there is enough work for
 * them; this thread can wait for their results. Until they have started, and where the runtime or
 * its permissions refuse them, they are the threads of `node:fs`. Streams always go to the latter,
 * as a read that waits for the other end would block a worker for ever.
 *
 * A request holds its file in the kernel. Here there is only a number, so whoever does an operation
 * looks first whether the number still belongs to the file. Where a runtime has no descriptor to
 * spare, it may be unable to tell while another thread uses the file: -EAGAIN, and the operation
 * waits for that thread.
 *
 * @module
 */
import { fdatasyncSync, fstatSync, fsyncSync, readSync, writeSync } from "node:fs";
import { EAGAIN, EFAULT } from "../abi/errno.ts";
import { resultOf } from "../errors/errno_of.ts";
import { Queue } from "../queue.ts";
import { READS_BEFORE_WORKERS } from "../tuning.ts";
import { Once } from "../once.ts";
import { now, queueMicrotask } from "../timers.ts";
import { checkIdentity, type FileIdentity } from "../threads/file_identity.ts";
import type { FileOperation } from "../threads/file_operation.ts";
import { isAwaited, threadsRefuseSyncs, whenFree } from "../threads/fs_threads.ts";
import { workers } from "../threads/worker_pool.ts";
import { Alarms } from "./alarms.ts";
import { Aligned, trivialResult } from "./aligned.ts";
import type { Disk } from "./disk.ts";
import { ThreadPool } from "./thread_pool.ts";

/** As when kaio was loaded; see timers.ts. */
const { wait } = Atomics;

/** See {@link Disk}. */
export class SystemDisk implements Disk {
  /** See {@link Disk.refusesSyncs}. */
  readonly refusesSyncs: boolean = threadsRefuseSyncs();
  readonly #pool = new ThreadPool();
  readonly #alarms = new Alarms();
  /** Not handed to other threads yet. */
  readonly #pending = new Queue<FileOperation>();
  readonly #launching = new Once(queueMicrotask, () => this.#launchAll());
  #launched = 0;
  /** The file that was last seen to be open: no other code runs while operations are launched. */
  #seen: FileIdentity | undefined;

  readonly queue = (operation: FileOperation): void => {
    this.#pending.push(operation);
    this.#launching.ask();
  };

  #launchAll(): void {
    // What an operation queues when it completes here is launched in a microtask of its own.
    for (const operation of this.#pending.takeAll()) this.#launch(operation);
    this.#seen = undefined;
    workers().flush();
  }

  #launch(operation: FileOperation): void {
    const res = trivialResult(operation);
    this.#launched++;
    if (res !== undefined) return operation.done(res);
    if (this.#suitsWorkers(operation)) return workers().launch(operation, this.queue);
    const errno = isAwaited(operation.fd) ? -EAGAIN : this.#check(operation);
    if (errno === 0) this.#pool.launch(operation);
    else if (errno === -EAGAIN) this.#queueLater(operation);
    else operation.done(errno);
  }

  #check({ fd, identity }: FileOperation): number {
    if (identity === this.#seen) return 0;
    const errno = checkIdentity(fd, identity);
    if (errno === 0) this.#seen = identity;
    return errno;
  }

  /** The runtime cannot tell whether the file is open before its threads are through with it. */
  #queueLater(operation: FileOperation): void {
    whenFree(operation.fd, () => this.queue(operation));
  }

  #suitsWorkers({ kind, fd, position }: FileOperation): boolean {
    if (position === null && (kind === "read" || kind === "write")) return false;
    // A write may not be done twice, so it has to be where a thread can wait for it.
    const patient = kind === "write";
    return (patient || this.#launched > READS_BEFORE_WORKERS) && workers().ready(fd, patient);
  }

  // For a thread that waits.

  advance(until: number): boolean {
    if (this.#alarms.ring() || workers().harvest()) return true;
    const operation = this.#pending.shift() ?? this.#pool.takeBack(isFree);
    if (operation !== undefined) {
      this.#doNow(operation);
      return true;
    }
    const { next } = this.#alarms;
    if (workers().busy > 0) workers().sleep(Math.min(until, next) - this.now());
    // What the alarm does may be what the thread waits for.
    else if (next < Infinity && next <= until) this.sleep(next);
    else return false;
    return true;
  }

  #doNow(operation: FileOperation): void {
    const res = trivialResult(operation);
    if (res !== undefined) return operation.done(res);
    const errno = checkIdentity(operation.fd, operation.identity);
    if (errno === -EAGAIN) this.#queueLater(operation);
    else operation.done(errno || this.#perform(operation));
  }

  #perform(operation: FileOperation): number {
    const { kind, fd } = operation;
    try {
      if (kind === "read" || kind === "write") return this.#transfer(operation);
      return sync(kind, fd);
    } catch (error) {
      return resultOf(error);
    }
  }

  #transfer(operation: FileOperation): number {
    const { kind, fd, position, append, durable } = operation;
    const memory = new Aligned(operation);
    const { bytes } = memory;
    try {
      if (kind === "read") {
        return memory.scatter(operation, readSync(fd, bytes, 0, bytes.length, position));
      }
      if (!operation.gather(bytes)) return -EFAULT;
      const end = append && position !== null ? fstatSync(fd).size : position;
      const count = writeSync(fd, bytes, 0, bytes.length, end);
      if (durable !== undefined) sync(durable, fd);
      return count;
    } finally {
      memory.free();
    }
  }

  // The clock.

  now(): number {
    return now();
  }

  sleep(until: number): void {
    const left = Math.min(until, this.#alarms.next) - this.now();
    if (left > 0) wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, left);
    this.#alarms.ring();
  }

  at(time: number, action: () => void): void {
    this.#alarms.add(time, action);
  }
}

/** Whether the runtime can do an operation on this thread, or tell at once that it cannot be done. */
function isFree({ fd, identity }: FileOperation): boolean {
  return checkIdentity(fd, identity) !== -EAGAIN;
}

function sync(kind: "fsync" | "fdatasync", fd: number): number {
  if (kind === "fsync") fsyncSync(fd);
  else fdatasyncSync(fd);
  return 0;
}
