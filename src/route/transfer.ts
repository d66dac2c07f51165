/**
 * One transfer of an open file.
 *
 * @module
 */
import { Operation } from "../context/operation.ts";
import type { ThreadTask } from "../threads/quota.ts";
import type { Route } from "./route.ts";
import type { Router } from "./router.ts";

/** The position of a transfer at the descriptor's own, which it moves. */
export const CURRENT_POSITION = -1;

/** The address of a transfer whose memory only the threads of `node:fs` are given. */
export const NO_ADDRESS = 0;

/** A file that has a router. */
export interface TransferredFile {
  readonly router: Router;
}

/**
 * An operation of an open file: its {@link Router} decides who does it, and continues it where it
 * comes short. `address`, `nbytes` and `position` are those of what is left to do.
 */
export abstract class Transfer extends Operation implements ThreadTask {
  /** What it is a transfer of: at another time perhaps of another file. */
  protected file: TransferredFile;
  /** Bytes moved so far. */
  done = 0;
  /** A transfer that has moved so many bytes is not short. */
  enough = 0;
  /** The memory: referenced until the end, which is what pins it. */
  bytes: Uint8Array<ArrayBuffer> | undefined = undefined;
  /** Where in {@link Transfer.bytes} it begins, or began before some were moved. */
  offset = 0;
  /** Whether it brings fewer bytes only at the end of the file; else also before an error. */
  declare readonly isWhole: boolean;
  /** How it is done now; see {@link Route}. */
  route: Route = "ring";
  /** Whether it is a read that has failed, and is made once more. */
  retried = false;
  /** How often it was tried again after it was missing in the page cache. */
  tries = 0;
  /** Whether it is on a thread as one of the {@link CacheMisses}. */
  missed = false;
  /** The one behind it, among the {@link CoalescedWrites}. */
  next: Transfer | undefined = undefined;

  constructor(file: TransferredFile) {
    super();
    this.file = file;
  }

  override complete(res: number): void {
    this.file.router.finished(this, res);
  }

  /** See {@link ThreadTask}: of a read. */
  begin(): void {
    this.file.router.readOnThread(this);
  }

  /** Counts bytes that were moved. */
  advance(count: number): void {
    this.done += count;
    if (this.address !== NO_ADDRESS) this.address += count;
    this.nbytes -= count;
    if (this.position !== CURRENT_POSITION) this.position += count;
  }

  /**
   * Called once, when all is done that will be. It must not throw, and must not wait.
   *
   * @param res Bytes of the whole transfer, the mask of a poll, or `-errno`
   */
  abstract settle(res: number): void;
}

// Its memory is known before it has a slot.
(Transfer.prototype as { isPinned: boolean }).isPinned = true;
(Transfer.prototype as { isWhole: boolean }).isWhole = true;

/** What settles a promise. */
export interface Settles<R> {
  /** Fulfils it. */
  resolve: (result: R) => void;
  /** Rejects it. */
  reject: (reason: unknown) => void;
}

// A closure for each promise would take its memory, and that of the variables it is made over.
let settles: Settles<never> | undefined;

function keep(resolve: (result: never) => void, reject: (reason: unknown) => void): void {
  settles!.resolve = resolve;
  settles!.reject = reject;
}

/** Makes a promise, and gives both its ends to `operation`. */
export function promiseOf<R>(operation: Settles<R>): Promise<R> {
  settles = operation as unknown as Settles<never>;
  // The executor is called before the constructor returns.
  const promise = new Promise<unknown>(keep as unknown as () => void);
  settles = undefined;
  return promise as Promise<R>;
}
