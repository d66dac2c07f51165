/**
 * The life of an operation.
 *
 * ```
 *  new ──┬──> waiting ──┬──> queued ──> submitted ──┬──> done
 *        └──────────────┘                  │        │
 *         (a slot is free)                 └──> cancelled, lost
 * ```
 *
 * | state | where it is | who owns its memory |
 * | --- | --- | --- |
 * | `NEW` | being filled in, held by the copy budget, or with the threads of `node:fs` | the operation |
 * | `WAITING` | in the {@link Backlog}, as all slots are taken; it moves to a slot, oldest first | of a context the user: a bounce buffer is taken with the slot; of a file the operation |
 * | `QUEUED` | in a slot: its iocb is written and stands in the pointer array | pinned: memory from `allocate` is referenced by the operation, all other memory has a bounce buffer, to which a write is copied |
 * | `SUBMITTED` | io_submit accepted the iocb | the kernel, and nothing but the event ends that |
 * | `CANCELLED` | as `SUBMITTED`; io_cancel has accepted it | the kernel, until the event |
 * | `LOST` | as `SUBMITTED`; a poll that was to end, and io_cancel was refused: nothing waits for it any more | the kernel, until the event or io_destroy |
 * | `DONE` | the event was reaped; the slot is free again. A transfer of a file that was not cached is tried again from here, or is with the threads | what a read brought to a bounce buffer is copied out, and the buffer goes back to its pool |
 *
 * What cuts it short:
 *
 * | | `WAITING` | `QUEUED` | `SUBMITTED` | `DONE` |
 * | --- | --- | --- | --- | --- |
 * | `cancel` | completes as -ECANCELED | completes as -ECANCELED | a poll: io_cancel, and its event counts as -ECANCELED; anything else goes on | `false` |
 * | an abort (files) | as `cancel` | as `cancel` | the promise rejects, memory and slot stay taken until the event | the promise rejects at once; the memory is given back when a thread that has it returns, or when it is its turn to be tried again |
 * | closing the context | is sent and waited for; a poll is cancelled | the same | is waited for; a poll is cancelled | is dropped, unless a loop is under way, which takes it |
 * | refused by io_submit | – | completes with that error; the operations behind it go on | – | – |
 * | an abort or closing, and io_cancel is refused | as `cancel`; what finds no free slot completes as -ECANCELED when the context is closed | as `cancel` | a poll is lost: its promise rejects, its slot stays taken, and closing the context completes it as -ECANCELED by io_destroy | – |
 * | EAGAIN of io_submit | – | stays queued, and is sent again after the next event | – | – |
 *
 * @module
 */
import type { Address } from "../kernel.ts";

/** See the table of this module. */
export const NEW = 0;
/** See the table of this module. */
export const WAITING = 1;
/** See the table of this module. */
export const QUEUED = 2;
/** See the table of this module. */
export const SUBMITTED = 3;
/** See the table of this module. */
export const CANCELLED = 4;
/** See the table of this module. */
export const LOST = 5;
/** See the table of this module. */
export const DONE = 6;

/** A state of an {@link Operation}. */
export type State = 0 | 1 | 2 | 3 | 4 | 5 | 6;

/** One request of the kernel, from the call to its result. Owns what the kernel borrows. */
export abstract class Operation {
  /** IOCB_CMD_*. */
  opcode = 0;
  /** The file descriptor. */
  fd = -1;
  /** What `aio_buf` is to be: the memory, the iovecs, or the mask of a poll. */
  address: Address = 0;
  /** What `aio_nbytes` is to be: bytes, or the number of iovecs. */
  nbytes = 0;
  /** Position in the file, in bytes. */
  position = 0;
  /** RWF_*. */
  rwFlags = 0;
  /** See the table of this module. */
  state: State = NEW;
  /** By which it can be cancelled; tickets are given in the order of the queue. */
  ticket = 0;
  /** Whether its memory is pinned before it is queued, so that nothing is to be done with a slot. */
  declare readonly isPinned: boolean;
  /** Which slot it has, from `QUEUED` on. */
  slot = 0;
  /** Set by an abort: what has begun goes on to its end, and nothing more of it begins. */
  stopped = false;

  /**
   * Called when it gets a slot, unless it {@link Operation.isPinned}: takes what the kernel is to
   * borrow.
   *
   * @returns 0, or the `-errno` that it completes with
   * @throws {RangeError} If there is no memory for a bounce buffer
   */
  pin(): number {
    return 0;
  }

  /**
   * Called once, when its result is known: while events are reaped, so it must not throw and must
   * not wait.
   *
   * @param res Bytes, the mask of a poll, or `-errno`
   */
  abstract complete(res: number): void;
}

// On the prototypes, as it is the same for all of a class: an operation has enough fields of its own.
(Operation.prototype as { isPinned: boolean }).isPinned = false;
