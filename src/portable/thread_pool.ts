/**
 * Operations by the functions of `node:fs` that take a callback: its own threads do the work, and
 * results come through the event loop.
 *
 * A thread that waits stops that loop. It takes operations back then, if they may be done twice,
 * which is why they work on memory of their own. A write is none of those: it may be over, and
 * what was written since must not be overwritten.
 *
 * @module
 */
import { fstat } from "node:fs";
import { EFAULT } from "../abi/errno.ts";
import type { BufferPool } from "../memory/buffer_pool.ts";
import { Aligned } from "./aligned.ts";
import type { Operation } from "./disk.ts";
import { resultOf } from "../errors/errno_of.ts";
import { readOnThread, syncOnThread, writeOnThread } from "../threads/fs_threads.ts";

/** One operation, until its callback. */
class Job {
  /** `undefined` once it was taken back. */
  operation: Operation | undefined;
  readonly #over: (job: Job) => void;
  #memory: Aligned | undefined;

  constructor(operation: Operation, slab: BufferPool, over: (job: Job) => void) {
    this.operation = operation;
    this.#over = over;
    const { kind, fd } = operation;
    if (kind === "read" || kind === "write") this.#transfer(operation, slab);
    else syncOnThread(kind, fd, this.#finish);
  }

  #transfer(operation: Operation, slab: BufferPool): void {
    const { kind, fd, position, append } = operation;
    const { bytes } = this.#memory = new Aligned(slab, operation);
    if (kind === "read") readOnThread(fd, bytes, 0, bytes.length, position, this.#finish);
    else if (!operation.gather(bytes)) queueMicrotask(() => this.#finish(-EFAULT));
    else if (!append || position === null) this.#write(position);
    else {
      fstat(fd, (error, stats) => error ? this.#finish(resultOf(error)) : this.#write(stats.size));
    }
  }

  #write(position: number | null): void {
    const { bytes } = this.#memory!;
    writeOnThread(this.operation!.fd, bytes, 0, bytes.length, position, this.#written);
  }

  // A write is never taken back, so its operation is there.
  readonly #written = (res: number): void => {
    const { fd, durable } = this.operation!;
    if (durable === undefined || res < 0) this.#finish(res);
    else syncOnThread(durable, fd, (synced) => this.#finish(synced < 0 ? synced : res));
  };

  readonly #finish = (res: number): void => {
    const { operation } = this;
    this.#over(this);
    if (res > 0 && operation?.kind === "read") res = this.#memory!.scatter(operation, res);
    this.#memory?.free();
    operation?.done(res);
  };
}

/** What the pool of the runtime has under way. */
export class ThreadPool {
  readonly #slab: BufferPool;
  readonly #jobs = new Set<Job>();

  /** @param slab Whose memory it works on */
  constructor(slab: BufferPool) {
    this.#slab = slab;
  }

  /** Takes an operation over. */
  launch(operation: Operation): void {
    this.#jobs.add(new Job(operation, this.#slab, (job) => this.#jobs.delete(job)));
  }

  /** Takes an operation back that may be done twice; what the pool makes of it is dropped. */
  takeBack(): Operation | undefined {
    for (const job of this.#jobs) {
      const { operation } = job;
      if (operation === undefined || operation.kind === "write") continue;
      // The bytes of a stream come only once
      if (operation.kind === "read" && operation.position === null) continue;
      job.operation = undefined;
      return operation;
    }
    return undefined;
  }
}
