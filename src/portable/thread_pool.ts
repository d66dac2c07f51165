/**
 * Operations by the threads of `node:fs`, whose results arrive through the event loop.
 *
 * A thread that waits stops that loop. It then takes back operations that may be done twice, which
 * is why each works on memory of its own. A write may not: it may be complete already, and must not
 * overwrite what was written since.
 *
 * @module
 */
import { fstat, type Stats } from "node:fs";
import { EAGAIN, EBADF, EFAULT } from "../abi/errno.ts";
import { resultOf } from "../errors/errno_of.ts";
import { checkIdentity, isSameFile } from "../threads/file_identity.ts";
import type { FileOperation } from "../threads/file_operation.ts";
import {
  callbackOf,
  isAwaited,
  readOnThread,
  syncOnThread,
  whenFree,
  writeOnThread,
} from "../threads/fs_threads.ts";
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
    const { kind, fd, position, append, durable } = operation;
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
    const write = (start: number | null): void => {
      const again = () => this.#whenFree(operation, finish, () => write(start));
      if (isAwaited(fd)) again();
      else writeOnThread(fd, bytes, 0, bytes.length, start, callbackOf(written, again));
    };
    if (!append || position === null) return write(position);
    this.#look(operation, finish, ({ size }) => write(size));
  }

  /** Syncs, and has `finish` called with `res`, or with an error. */
  #sync(
    operation: FileOperation,
    kind: "fsync" | "fdatasync",
    res: number,
    finish: (res: number) => void,
  ): void {
    const { fd, identity } = operation;
    syncOnThread(kind, fd, (synced) => {
      // The sync of another file makes nothing of this one durable.
      const errno = synced < 0 ? synced : checkIdentity(fd, identity);
      if (errno === -EAGAIN) this.#look(operation, finish, () => finish(res));
      else finish(errno || res);
    });
  }

  /** Asks for the file of an operation; if it is not that any more, `finish` gets the error. */
  #look(
    { fd, identity }: FileOperation,
    finish: (res: number) => void,
    found: (stats: Stats) => void,
  ): void {
    fstat(fd, (error, stats) => {
      if (error) finish(resultOf(error));
      else if (isSameFile(stats, identity)) found(stats);
      else finish(-EBADF);
    });
  }

  /** As the function of this name, but if the file is another by then, `finish` gets the error. */
  #whenFree(operation: FileOperation, finish: (res: number) => void, action: () => void): void {
    const { fd, identity } = operation;
    whenFree(fd, () => {
      const errno = checkIdentity(fd, identity);
      if (errno === 0) action();
      else if (errno === -EAGAIN) this.#whenFree(operation, finish, action);
      else finish(errno);
    });
  }

  #finish(job: ThreadJob, res: number): void {
    this.#jobs.delete(job);
    job.operation?.done(res);
  }

  /**
   * Takes back an operation that may be done twice; its first result is dropped.
   *
   * @param suits Whether the operation can be done now
   */
  takeBack(suits: (operation: FileOperation) => boolean): FileOperation | undefined {
    for (const job of this.#jobs) {
      const { operation } = job;
      if (operation === undefined || operation.kind === "write") continue;
      // The bytes of a stream come only once.
      if (operation.kind === "read" && operation.position === null) continue;
      if (!suits(operation)) continue;
      job.operation = undefined;
      return operation;
    }
    return undefined;
  }
}
