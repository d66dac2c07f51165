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
import { fdatasync, fstat, fsync, read, write } from "node:fs";
import { EFAULT } from "../abi/errno.ts";
import type { Slab } from "../memory/slab.ts";
import { Aligned } from "./aligned.ts";
import type { Operation } from "./disk.ts";
import { resultOf } from "../errors/errno_of.ts";

/** One operation, until its callback. */
class Job {
  /** `undefined` once it was taken back. */
  operation: Operation | undefined;
  readonly #over: (job: Job) => void;
  #memory: Aligned | undefined;

  constructor(operation: Operation, slab: Slab, over: (job: Job) => void) {
    this.operation = operation;
    this.#over = over;
    if (operation.kind === "fsync") fsync(operation.fd, this.#synced(0));
    else if (operation.kind === "fdatasync") fdatasync(operation.fd, this.#synced(0));
    else this.#transfer(operation, slab);
  }

  #transfer(operation: Operation, slab: Slab): void {
    const { kind, fd, position, append } = operation;
    const { bytes } = this.#memory = new Aligned(slab, operation);
    if (kind === "read") read(fd, bytes, 0, bytes.length, position, this.#moved);
    else if (!operation.gather(bytes)) queueMicrotask(() => this.#finish(-EFAULT));
    else if (!append || position === null) this.#write(position);
    else {
      fstat(fd, (error, stats) => error ? this.#finish(resultOf(error)) : this.#write(stats.size));
    }
  }

  #write(position: number | null): void {
    const { bytes } = this.#memory!;
    write(this.operation!.fd, bytes, 0, bytes.length, position, this.#moved);
  }

  readonly #moved = (error: Error | null, count: number): void => {
    if (error) return this.#finish(resultOf(error));
    const { operation } = this;
    if (operation?.durable === "fsync") fsync(operation.fd, this.#synced(count));
    else if (operation?.durable === "fdatasync") fdatasync(operation.fd, this.#synced(count));
    else this.#finish(count);
  };

  #synced(count: number): (error: Error | null) => void {
    return (error) => this.#finish(error ? resultOf(error) : count);
  }

  #finish(res: number): void {
    const { operation } = this;
    this.#over(this);
    if (res > 0 && operation?.kind === "read") res = this.#memory!.scatter(operation, res);
    this.#memory?.free();
    operation?.done(res);
  }
}

/** What the pool of the runtime has under way. */
export class ThreadPool {
  readonly #slab: Slab;
  readonly #jobs = new Set<Job>();

  /** @param slab Whose memory it works on */
  constructor(slab: Slab) {
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
