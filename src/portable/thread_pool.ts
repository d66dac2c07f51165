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
import { EBADF, EFAULT } from "../abi/errno.ts";
import { resultOf } from "../errors/errno_of.ts";
import { isOpen, isSameFile } from "../threads/file_identity.ts";
import type { FileOperation } from "../threads/file_operation.ts";
import { callbackOf, readOnThread, syncOnThread, writeOnThread } from "../threads/fs_threads.ts";
import { queueMicrotask } from "../timers.ts";
import { Aligned } from "./aligned.ts";

/** What the threads have; its operation is `undefined` once it was taken back. */
interface ThreadJob {
  operation: FileOperation | undefined;
}

/** The operations that the threads of `node:fs` have. */
export class ThreadPool {
  readonly #jobs = new Set<ThreadJob>();

  /** Takes an operation over. */
  launch(operation: FileOperation): void {
    const job: ThreadJob = { operation };
    this.#jobs.add(job);
    const { kind } = operation;
    if (kind === "read" || kind === "write") return this.#transfer(operation, job);
    this.#sync(operation, kind, 0, (res) => this.#finish(job, res));
  }

  #transfer(operation: FileOperation, job: ThreadJob): void {
    const { kind, fd, identity, position, append, durable } = operation;
    const memory = new Aligned(operation);
    const { bytes } = memory;
    const finish = (res: number) => {
      if (res > 0 && job.operation?.kind === "read") res = memory.scatter(operation, res);
      memory.free();
      this.#finish(job, res);
    };
    if (kind === "read") {
      return readOnThread(fd, bytes, 0, bytes.length, position, callbackOf(finish));
    }
    if (!operation.gather(bytes)) return queueMicrotask(() => finish(-EFAULT));
    const written = (res: number) => {
      if (durable === undefined || res < 0) finish(res);
      else this.#sync(operation, durable, res, finish);
    };
    const write = (start: number | null) =>
      writeOnThread(fd, bytes, 0, bytes.length, start, callbackOf(written));
    if (!append || position === null) return write(position);
    fstat(fd, (error, stats) => {
      if (error) finish(resultOf(error));
      else if (isSameFile(stats, identity)) write(stats.size);
      else finish(-EBADF);
    });
  }

  /** Syncs, and has `finish` called with `res`, or with an error. */
  #sync(
    { fd, identity }: FileOperation,
    kind: "fsync" | "fdatasync",
    res: number,
    finish: (res: number) => void,
  ): void {
    syncOnThread(kind, fd, (synced) => {
      if (synced < 0) finish(synced);
      // The sync of another file makes nothing of this one durable.
      else finish(isOpen(fd, identity) ? res : -EBADF);
    });
  }

  #finish(job: ThreadJob, res: number): void {
    this.#jobs.delete(job);
    job.operation?.done(res);
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
