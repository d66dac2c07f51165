/**
 * Transfers by the functions of `node:fs` that take a callback: the runtime's own threads do the
 * work, and the result arrives through the event loop as the kernel would give it.
 *
 * @module
 */
import { fdatasync, fstat, fsync, fsyncSync, read, readv, write, writev } from "node:fs";
import { resultOf } from "../errors/errno_of.ts";
import { queueMicrotask } from "../timers.ts";

/** No descriptor is as high. */
const NO_FILE = 2 ** 31 - 1;

/**
 * Receives a result: bytes or `-errno`; 0 for a sync. Never called before the function that it was
 * given to has returned.
 */
export type Settle = (res: number) => void;

/** What `node:fs` calls at the end. */
export type Callback = (error: Error | null, count?: number) => void;

/** Has `node:fs` give a result to `settle`. */
export function callbackOf(settle: Settle): Callback {
  return (error, count = 0) => settle(error ? resultOf(error) : count);
}

/**
 * Moves bytes of `memory` from `start` on; `position` is `null` for a stream, and for the
 * descriptor's own position.
 *
 * @param callback From {@link callbackOf}
 */
type TransferOnThread = (
  fd: number,
  memory: Uint8Array,
  start: number,
  length: number,
  position: number | null,
  callback: Callback,
) => void;

/** Reads into `memory`. */
export const readOnThread: TransferOnThread = (fd, memory, start, length, position, callback) => {
  try {
    read(fd, memory, start, length, position, callback);
  } catch (error) {
    refused(callback, error);
  }
};

/** Writes from `memory`. */
export const writeOnThread: TransferOnThread = (fd, memory, start, length, position, callback) => {
  try {
    write(fd, memory, start, length, position, callback);
  } catch (error) {
    refused(callback, error);
  }
};

/** Moves several pieces of memory, one behind the other. */
export type VectorOnThread = (
  fd: number,
  memories: readonly Uint8Array[],
  position: number | null,
  settle: Settle,
) => void;

/** Reads into several pieces of memory. */
export const readvOnThread: VectorOnThread = (fd, memories, position, settle) =>
  begin(settle, (callback) => readv(fd, memories, position, callback));

/** Writes from several pieces of memory. */
export const writevOnThread: VectorOnThread = (fd, memories, position, settle) =>
  begin(settle, (callback) => writev(fd, memories, position, callback));

/** Flushes the written data of a file, and its metadata too unless `kind` is `"fdatasync"`. */
export function syncOnThread(kind: "fsync" | "fdatasync", fd: number, settle: Settle): void {
  const sync = kind === "fsync" ? fsync : fdatasync;
  begin(settle, (callback) => sync(fd, callback));
}

/**
 * Whether the runtime refuses to sync any descriptor, as Node does under `--permission`: what it
 * permits does not depend on the file.
 */
export function threadsRefuseSyncs(): boolean {
  try {
    fsyncSync(NO_FILE);
    return false;
  } catch (error) {
    return (error as { code?: unknown }).code === "ERR_ACCESS_DENIED";
  }
}

/** Asks how long a regular file is. */
export function lengthOnThread(fd: number, settle: Settle): void {
  begin(settle, (callback) => fstat(fd, (error, stats) => callback(error, stats?.size)));
}

function begin(settle: Settle, call: (callback: Callback) => void): void {
  const callback = callbackOf(settle);
  try {
    call(callback);
  } catch (error) {
    refused(callback, error);
  }
}

/** The runtime rejects some arguments before a thread has seen them: a result like any other. */
function refused(callback: Callback, error: unknown): void {
  queueMicrotask(() => callback(error as Error));
}
