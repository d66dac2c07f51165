/**
 * Transfers by the functions of `node:fs` that take a callback: the runtime's own threads do the
 * work, and the result arrives through the event loop as the kernel would give it.
 *
 * A runtime that has no descriptor to spare may refuse a write while one of its threads uses the
 * file. It is made again when an asynchronous fstat, which is never refused, has had its turn.
 * Meanwhile what is begun on the same descriptor waits behind it, or it could be overtaken for ever.
 *
 * @module
 */
import { fdatasync, fstat, fsync, fsyncSync, read, readv, write, writev } from "node:fs";
import { isBusy, resultOf } from "../errors/errno_of.ts";
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

/**
 * Has `node:fs` give a result to `settle`.
 *
 * @param again Called in place of it where a write was not made: it is to be made {@link whenFree}
 */
export function callbackOf(settle: Settle, again?: () => void): Callback {
  return (error, count = 0) => {
    if (error && again !== undefined && isBusy(error)) again();
    else settle(error ? resultOf(error) : count);
  };
}

/** By descriptor, what waits until the runtime is through with the file. */
const waiting = new Map<number, (() => void)[]>();

/** Whether what is begun on a descriptor has to wait. */
export function isAwaited(fd: number): boolean {
  return waiting.size > 0 && waiting.has(fd);
}

/** Calls `action` when the calls that the runtime makes for a file by now have been made. */
export function whenFree(fd: number, action: () => void): void {
  const actions = waiting.get(fd);
  if (actions !== undefined) return void actions.push(action);
  const all = [action];
  waiting.set(fd, all);
  // One at a time for each file: two would keep it busy for each other for ever.
  fstat(fd, () => {
    waiting.delete(fd);
    for (const each of all) each();
  });
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
  if (isAwaited(fd)) {
    return whenFree(fd, () => readOnThread(fd, memory, start, length, position, callback));
  }
  try {
    read(fd, memory, start, length, position, callback);
  } catch (error) {
    refused(callback, error);
  }
};

/** Writes from `memory`. */
export const writeOnThread: TransferOnThread = (fd, memory, start, length, position, callback) => {
  if (isAwaited(fd)) {
    return whenFree(fd, () => writeOnThread(fd, memory, start, length, position, callback));
  }
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
  begin(fd, settle, (callback) => readv(fd, memories, position, callback));

/** Writes from several pieces of memory. */
export const writevOnThread: VectorOnThread = (fd, memories, position, settle) =>
  begin(fd, settle, (callback) => writev(fd, memories, position, callback));

/** Flushes the written data of a file, and its metadata too unless `kind` is `"fdatasync"`. */
export function syncOnThread(kind: "fsync" | "fdatasync", fd: number, settle: Settle): void {
  const sync = kind === "fsync" ? fsync : fdatasync;
  begin(fd, settle, (callback) => sync(fd, callback));
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
  begin(fd, settle, (callback) => fstat(fd, (error, stats) => callback(error, stats?.size)));
}

function begin(fd: number, settle: Settle, call: (callback: Callback) => void): void {
  const again = () => whenFree(fd, () => begin(fd, settle, call));
  if (isAwaited(fd)) return again();
  const callback = callbackOf(settle, again);
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
