/**
 * Operations by the threads of `node:fs`, whose results arrive through the event loop.
 *
 * A thread that waits stops that loop. It then takes back operations that may be done twice, which
 * is why each works on memory of its own. A write may not: it may be complete already, and must not
 * overwrite what was written since.
 *
 * @module
 */
import { fstat } from "node:fs";
import { EFAULT } from "../abi/errno.ts";
import { resultOf } from "../errors/errno_of.ts";
import type { FileOperation } from "../threads/file_operation.ts";
import { readOnThread, syncOnThread, writeOnThread } from "../threads/fs_threads.ts";
import { Aligned } from "./aligned.ts";

/** One operation, until its result arrives. */
class ThreadJob {
  /** `undefined` once it was taken back. */
  operation: FileOperation | undefined;
  readonly #jobs: Set<ThreadJob>;
  #memory: Aligned | undefined;

  constructor(operation: FileOperation, jobs: Set<ThreadJob>) {
    this.operation = operation;
    this.#jobs = jobs.add(this);
    const { kind, fd } = operation;
    if (kind === "read" || kind === "write") this.#transfer(operation);
    else syncOnThread(kind, fd, this.#finish);
  }

  #transfer(operation: FileOperation): void {
    const { kind, fd, position } = operation;
    const { bytes } = this.#memory = new Aligned(operation);
    if (kind === "read") readOnThread(fd, bytes, 0, bytes.length, position, this.#finish);
    else this.#gather(operation, bytes);
  }

  #gather(operation: FileOperation, bytes: Uint8Array): void {
    const { fd, position, append } = operation;
    if (!operation.gather(bytes)) return queueMicrotask(() => this.#finish(-EFAULT));
    if (!append || position === null) return this.#write(operation, bytes, position);
    fstat(fd, (error, stats) => {
      if (error) this.#finish(resultOf(error));
      else this.#write(operation, bytes, stats.size);
    });
  }

  #write({ fd, durable }: FileOperation, bytes: Uint8Array, position: number | null): void {
    writeOnThread(fd, bytes, 0, bytes.length, position, (res) => {
      if (durable === undefined || res < 0) this.#finish(res);
      else syncOnThread(durable, fd, (synced) => this.#finish(synced < 0 ? synced : res));
    });
  }

  readonly #finish = (res: number): void => {
    const { operation } = this;
    this.#jobs.delete(this);
    if (res > 0 && operation?.kind === "read") res = this.#memory!.scatter(operation, res);
    this.#memory?.free();
    operation?.done(res);
  };
}

/** The operations that the threads of `node:fs` have. */
export class ThreadPool {
  readonly #jobs = new Set<ThreadJob>();

  /** Takes an operation over. */
  launch(operation: FileOperation): void {
    new ThreadJob(operation, this.#jobs);
  }

  /** Takes back an operation that may be done twice; its first result is dropped. */
  takeBack(): FileOperation | undefined {
    for (const job of this.#jobs) {
      const { operation } = job;
      if (operation === undefined || operation.kind === "write") continue;
      // The bytes of a stream come only once.
      if (operation.kind === "read" && operation.position === null) continue;
      job.operation = undefined;
      return operation;
    }
    return undefined;
  }
}
