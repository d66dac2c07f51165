/**
 * What is under the portable kernel: something that does reads, writes and syncs of files.
 *
 * @module
 */
import type { Address } from "../kernel.ts";

/** What an {@link Operation} does. */
export type OperationKind = "read" | "write" | "fsync" | "fdatasync";

/** One piece of work of a request. */
export interface Operation {
  /** Whose it is: one object a context; none: the synchronous path. */
  readonly context: object | undefined;
  readonly kind: OperationKind;
  /** The file descriptor of `node:fs`. */
  readonly fd: number;
  /** In bytes; `null` where there are none: pipes, sockets, terminals. */
  readonly position: number | null;
  /** Bytes to move; 0 for a sync. */
  readonly length: number;
  /** Where the first of them lies; what its alignment is judged by. */
  readonly address: Address;
  /** Whether a write goes to the end of the file, wherever that is then. */
  readonly append: boolean;
  /** What must be on the disk before a write is over. */
  readonly durable: "fsync" | "fdatasync" | undefined;
  /**
   * Copies what a write writes.
   *
   * @param target Where to
   * @param from How many bytes of the operation lie before these
   * @returns `false`: the memory is gone
   */
  gather(target: Uint8Array, from?: number): boolean;
  /** Copies what a read brought to where it belongs; as `gather`. */
  scatter(source: Uint8Array, from?: number): boolean;
  /**
   * Told once, never before `queue` has returned.
   *
   * @param res Bytes, or `-errno`
   */
  done(res: number): void;
}

/** Does operations: in the pool of the runtime, or in a simulation. */
export interface Disk {
  /** Takes an operation over. Returns at once. */
  queue(operation: Operation): void;
  /**
   * Does something about what is queued, for a thread that waits: the event loop stands still.
   *
   * @param until When the thread will wait no longer, as {@link Disk.now} counts
   * @returns `false` where nothing could be done
   */
  advance(until: number): boolean;
  /** The clock, in milliseconds. */
  now(): number;
  /**
   * Holds the thread: there is nothing to do before `until`.
   *
   * @param until As {@link Disk.now} counts
   */
  sleep(until: number): void;
  /**
   * Calls `action` when the clock says `time`, from the event loop or from a thread that waits.
   */
  at(time: number, action: () => void): void;
  /**
   * A fault for the next request of an io_submit.
   *
   * @param context Whose request it is
   * @returns `-errno`, or 0 for none
   */
  submitFault(context: object): number;
  /** Whether a signal ends the wait that begins now. */
  waitFault(): boolean;
}
