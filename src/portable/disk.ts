/**
 * What is under the portable kernel: it reads, writes and syncs files.
 *
 * @module
 */
import type { DirectAlignment, FilePosition } from "../file_host.ts";
import type { FileOperation } from "../threads/file_operation.ts";

/** A part of the work of a request. */
export interface DiskOperation extends FileOperation {
  /** An object that identifies the context of the request; none for the synchronous path. */
  readonly context: object | undefined;
}

/** Does operations: by other threads, or in a simulation. */
export interface Disk {
  /** Takes an operation over. Returns at once. */
  queue(operation: DiskOperation): void;
  /**
   * Makes progress for a thread that waits, during which the event loop stands still.
   *
   * @param until When the wait ends, by {@link Disk.now}
   * @returns `false` if nothing could be done
   */
  advance(until: number): boolean;
  /** The clock, in milliseconds. */
  now(): number;
  /**
   * Blocks the thread, as there is nothing to do before `until`.
   *
   * @param until By {@link Disk.now}
   */
  sleep(until: number): void;
  /** Calls `action` when the clock says `time`, from the event loop or from a thread that waits. */
  at(time: number, action: () => void): void;
  /**
   * Draws a fault for the next request of an io_submit. A real disk has only faults of its own.
   *
   * @param context The context of the request
   * @returns `-errno`, or 0 for none
   */
  submitFault?(context: object): number;
  /** Draws whether a signal ends the wait that begins now. */
  waitFault?(): boolean;
  /** Whether it may not sync a descriptor, because the runtime permits that only to its FileHandle. */
  readonly refusesSyncs?: boolean;
  /**
   * The current position of a file that was just opened. Only a disk has it that transfers without
   * a position would miss.
   */
  newPosition?(): FilePosition;
  /** Where transfers with O_DIRECT may begin and end; without it a file asks for whole pages. */
  readonly alignment?: DirectAlignment;
}
