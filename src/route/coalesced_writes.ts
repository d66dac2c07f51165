/**
 * Writes that the threads of `node:fs` make, those that follow one another together.
 *
 * Linux lets one write at a time through the page cache into a file (inode_lock in
 * ext4_buffered_write_iter, fs/ext4/file.c, and its like). Threads that wait for each other there
 * take the processors from the event loop. So a write that begins where another ends that is under
 * way waits for it, and is made in one call with all that follow.
 *
 * @module
 */
import { EFAULT, EINVAL } from "../abi/errno.ts";
import { IOVEC_SIZE, writeIovec } from "../abi/iovec.ts";
import { RWF_DSYNC } from "../abi/rw_flags.ts";
import type { PooledBuffer } from "../memory/buffer_pool.ts";
import {
  type Callback,
  callbackOf,
  syncOnThread,
  whenFree,
  writeOnThread,
  writevOnThread,
} from "../threads/fs_threads.ts";
import { threadQuota, type ThreadTask } from "../threads/quota.ts";
import { queueMicrotask } from "../timers.ts";
import { ENOUGH_BYTES_PER_CALL, WRITES_PER_CALL } from "../tuning.ts";
import type { Router } from "./router.ts";
import { CURRENT_POSITION, type Transfer } from "./transfer.ts";

/** The writes of one file that its threads make. */
export class CoalescedWrites {
  readonly #router: Router;
  /** By the position behind the last write. */
  readonly #runs = new Map<number, Run>();
  /** One that is over, for the next write that follows on none. */
  #idle: Run | undefined = undefined;

  /** @param router Of the file */
  constructor(router: Router) {
    this.#router = router;
  }

  /** Has a write made by the threads. */
  add(write: Transfer): void {
    const { position: start, nbytes } = write;
    // What is appended, or goes to the current position, follows on what was written there before.
    const isPlaced = !this.#router.file.append && start !== CURRENT_POSITION;
    const end = isPlaced ? start + nbytes : start;
    const run = this.#runs.get(start);
    if (run !== undefined && run.rwFlags === write.rwFlags) {
      this.#runs.delete(start);
      run.push(write, end);
      this.#runs.set(end, run);
    } else {
      const first = this.#idle ?? new Run(this.#router, this.#over);
      this.#idle = undefined;
      first.rwFlags = write.rwFlags;
      first.push(write, end);
      this.#runs.set(end, first);
      // A call to a thread that stands in for `node:fs` costs much, and its memory is pinned. The
      // threads of `node:fs` take the memory of the caller, who may detach it any time: no waiting.
      if (this.#router.file.core.files.pwritev !== undefined) first.beginSoon();
      else threadQuota.begin(first);
    }
  }

  readonly #over = (run: Run): void => {
    this.#runs.delete(run.end);
    this.#idle = run;
  };
}

/** Writes of which each begins where the one before it ends, by {@link Transfer.next}. */
class Run implements ThreadTask {
  /** RWF_DSYNC or 0, the same for all. */
  rwFlags = 0;
  /** The position behind the last write. */
  end = 0;
  readonly #router: Router;
  readonly #over: (run: Run) => void;
  #first: Transfer | undefined = undefined;
  #last: Transfer | undefined = undefined;
  /** How many, from the first on, the threads have. */
  #sent = 0;
  /** How many of them are written. */
  #whole = 0;
  /** How many more are written in part: 0 or 1. */
  #partial = 0;
  /** How many of those that wait are written one by one. */
  #separate = 0;

  constructor(router: Router, over: (run: Run) => void) {
    this.#router = router;
    this.#over = over;
  }

  /** Adds a write behind those that wait. */
  push(write: Transfer, end: number): void {
    if (this.#last === undefined) this.#first = write;
    else this.#last.next = write;
    this.#last = write;
    this.end = end;
  }

  /** Begins when the current JavaScript has finished, with all that it has to write here. */
  beginSoon(): void {
    queueMicrotask(this.#beginNow);
  }

  readonly #beginNow = (): void => threadQuota.begin(this);

  /** See {@link ThreadTask}. */
  begin(): void {
    this.#sent = this.#portion();
    this.#whole = this.#partial = 0;
    const { files, pool } = this.#router.file.core;
    if (files.pwritev === undefined) return this.#write();
    let vector: PooledBuffer;
    try {
      vector = pool.take(this.#sent * IOVEC_SIZE);
    } catch {
      // There is no memory, and others keep theirs until these are written.
      return this.#write();
    }
    this.#describe(vector);
    const over = (count: number): void => {
      pool.give(vector);
      // The second attempt says what went wrong; of several writes each makes its own.
      if (count >= 0 || this.#sent > 1) this.#moved(count);
      else this.#write();
    };
    const { fd } = this.#router.file;
    files.pwritev(fd, vector.address, this.#sent, this.#first!.position).then(over, () => over(-1));
  }

  /** How many go to a thread at once. */
  #portion(): number {
    if (this.#separate > 0) {
      this.#separate--;
      return 1;
    }
    let count = 0;
    let bytes = 0;
    for (let write = this.#first; write !== undefined; write = write.next) {
      if (count === WRITES_PER_CALL || bytes >= ENOUGH_BYTES_PER_CALL) break;
      count++;
      bytes += write.nbytes;
    }
    return count;
  }

  #describe({ bytes }: PooledBuffer): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let write = this.#first!;
    for (let index = 0; index < this.#sent; index++, write = write.next!) {
      writeIovec(view, index * IOVEC_SIZE, write.address, write.nbytes);
    }
  }

  #write(): void {
    const { fd } = this.#router.file;
    const first = this.#first!;
    const { nbytes } = first;
    const position = first.position === CURRENT_POSITION ? null : first.position;
    if (this.#sent > 1) {
      let memories: Uint8Array[];
      try {
        memories = this.#memories();
      } catch {
        // The memory of one was detached while it waited: only that one is to fail.
        return this.#moved(-EFAULT);
      }
      return writevOnThread(fd, memories, position, this.#moved);
    }
    // Not a writev of one: in some runtimes that copies, and O_DIRECT wants memory as it is.
    const start = first.offset + first.done;
    writeOnThread(fd, this.#router.memoryOf(first), start, nbytes, position, this.#written);
  }

  #memories(): Uint8Array[] {
    const memories: Uint8Array[] = [];
    let write = this.#first!;
    for (; memories.length < this.#sent; write = write.next!) {
      const memory = this.#router.memoryOf(write);
      const start = write.offset + write.done;
      const isAll = write.nbytes === memory.length;
      memories.push(isAll ? memory : memory.subarray(start, start + write.nbytes));
    }
    return memories;
  }

  readonly #moved = (res: number): void => {
    threadQuota.returned();
    if (res > 0) this.#advance(res);
    else if (this.#sent > 1) this.#writeSeparately();
    else {
      this.#whole = 1;
      const { done } = this.#first!;
      this.#settle(done === 0 ? res : done);
    }
  };

  /** Made once, as most writes are alone. */
  readonly #written: Callback = callbackOf(
    this.#moved,
    () => whenFree(this.#router.file.fd, () => this.#write()),
  );

  /** They are written one by one, so that each meets its own error. */
  #writeSeparately(): void {
    this.#separate = this.#sent;
    this.#settle();
  }

  #advance(count: number): void {
    let write = this.#first!;
    for (let left = count; left > 0; write = write.next!) {
      const { nbytes } = write;
      write.advance(Math.min(left, nbytes));
      // Nothing says why the rest was not written: the next attempt does.
      if (left < nbytes) this.#partial = 1;
      else this.#whole++;
      left -= nbytes;
    }
    this.#separate += this.#partial;
    if ((this.rwFlags & RWF_DSYNC) === 0) this.#settle();
    else {
      threadQuota.continued();
      syncOnThread("fdatasync", this.#router.file.fd, this.#synced);
    }
  }

  readonly #synced = (res: number): void => {
    threadQuota.returned();
    // A device that cannot be synced, as /dev/null, has nothing to lose; see fdatasync(2).
    const isNeedless = res === -EINVAL && !this.#router.file.isRegular;
    if (res >= 0 || isNeedless) return this.#settle();
    // The kernel says it once, so it is also the result of a write that was made in part.
    this.#whole += this.#partial;
    this.#separate -= this.#partial;
    this.#settle(res);
  };

  /**
   * Settles what is written; what was sent in vain is sent once more, before all that wait.
   *
   * @param res The result, if it is not what is written of each
   */
  #settle(res?: number): void {
    const { loop } = this.#router.file;
    let write = this.#first;
    let left = this.#whole;
    // This run goes on, perhaps with other writes, before these are told.
    for (let count = left; count > 0; count--) this.#first = this.#first!.next;
    if (this.#first !== undefined) threadQuota.begin(this);
    else {
      this.#last = undefined;
      this.#over(this);
    }
    for (; left > 0; left--) {
      const { next } = write!;
      // Else one that is collected late would keep all that came after it.
      write!.next = undefined;
      write!.settle(res ?? write!.done);
      write = next;
    }
    // What the results led to is to be sent.
    loop.send();
  }
}
