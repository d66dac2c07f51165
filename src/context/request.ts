/**
 * The life of a request.
 *
 * ```
 *  waiting ──> queued ──> submitted ──> completed ──> delivered
 * ```
 *
 * - **waiting**: all slots are taken. The request is an entry of the {@link Backlog}, and moves to
 *   a slot, oldest first, as soon as one is free.
 * - **queued**: it has a slot. Its iocb is written and stands in the pointer array; its memory is
 *   pinned: referenced by the slot if it came from `allocate`, else a piece of the slab stands in
 *   for it, and what a write writes has been copied there.
 * - **submitted**: io_submit accepted the iocb. From here the kernel uses the memory, and nothing
 *   but its event ends that.
 * - **completed**: the event was reaped. What a read brought to a stand-in is copied out, the
 *   stand-in goes back to the slab, the slot is free for the next request.
 * - **delivered**: a loop or a batch got the {@link Completion}, or the {@link Sink} was called.
 *
 * What cuts it short:
 *
 * | | waiting | queued | submitted | completed |
 * | --- | --- | --- | --- | --- |
 * | `cancel` | completes as -ECANCELED | completes as -ECANCELED | a poll: io_cancel, and its event counts as -ECANCELED; anything else: `false`, goes on | `false` |
 * | an abort (files) | as `cancel` | as `cancel` | the promise rejects, memory and slot stay taken until the event | nothing |
 * | closing the context | is sent and waited for; a poll is cancelled | the same | is waited for; a poll is cancelled | is dropped |
 * | refused by io_submit | – | completes with that error; those behind it go on | – | – |
 * | EAGAIN of io_submit | – | stays queued, and is sent again after the next event | – | – |
 *
 * @module
 */

/** One who is told of a completion directly, in place of the context's loop. */
export interface Sink {
  /**
   * Called once, while events are reaped: must not throw, and must not wait.
   *
   * @param res Bytes, mask, or `-errno`
   */
  complete(res: number): void;
}

/** Everything that is known of a request before it has a slot. */
export interface Request {
  /** IOCB_CMD_*. */
  opcode: number;
  /** The file descriptor. */
  fd: number;
  /** The user's memory, or none. */
  buffer: Uint8Array | undefined;
  /** The user's memory of a vectored request, or none. */
  buffers: readonly Uint8Array[] | undefined;
  /** Where the memory lies, if the caller knows; else 0. */
  address: number;
  /** Bytes to move; of a poll the mask. */
  length: number;
  /** Position in the file. */
  position: number;
  /** RWF_*. */
  rwFlags: number;
  /** Bytes that io_submit itself copies, holding the thread; 0 where a device moves them. */
  copied: number;
  /** The user's. */
  data: unknown;
  /** Who is told; none: the context's loop. */
  sink: Sink | undefined;
}

/** A request to be filled in: one serves for all that its owner queues, as the core copies it. */
export function blankRequest(fd: number = 0): Request {
  return {
    opcode: 0,
    fd,
    buffer: undefined,
    buffers: undefined,
    address: 0,
    length: 0,
    position: 0,
    rwFlags: 0,
    copied: 0,
    data: undefined,
    sink: undefined,
  };
}
