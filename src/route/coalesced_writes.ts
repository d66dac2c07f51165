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
import { EINVAL } from "../abi/errno.ts";
import { IOVEC_SIZE, writeIovec } from "../abi/iovec.ts";
import { RWF_DSYNC } from "../abi/rw_flags.ts";
import type { PooledBuffer } from "../memory/buffer_pool.ts";
import { syncOnThread, writeOnThread, writevOnThread } from "../threads/fs_threads.ts";
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

/** Writes of which each begins where the one before it ends. */
class Run implements ThreadTask {
  /** RWF_DSYNC or 0, the same for all. */
  rwFlags = 0;
  /** The position behind the last write. */
  end = 0;
  readonly #router: Router;
  readonly #over: (run: Run) => void;
  #waiting: Transfer[] = [];
  /** What the threads have. */
  #sent: Transfer[] = [];
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
    this.#waiting.push(write);
    this.end = end;
  }

  /** Begins when the current JavaScript has finished, with all that it has to write here. */
  beginSoon(): void {
    queueMicrotask(this.#beginNow);
  }

  readonly #beginNow = (): void => threadQuota.begin(this);

  /** See {@link ThreadTask}. */
  begin(): void {
    const count = this.#portion();
    // Most writes are alone.
    if (count === this.#waiting.length) [this.#sent, this.#waiting] = [this.#waiting, this.#sent];
    else this.#sent = this.#waiting.splice(0, count);
    this.#whole = this.#partial = 0;
    const { fd, core: { files, pool } } = this.#router.file;
    if (files.pwritev === undefined) return this.#write();
    let vector: PooledBuffer;
    try {
      vector = pool.take(this.#sent.length * IOVEC_SIZE);
    } catch {
      // There is no memory, and others keep theirs until these are written.
      return this.#write();
    }
    this.#describe(vector);
    const { position } = this.#sent[0]!;
    const over = (count: number): void => {
      pool.give(vector);
      // The second attempt says what went wrong; of several writes each makes its own.
      if (count >= 0 || this.#sent.length > 1) this.#moved(count);
      else this.#write();
    };
    files.pwritev(fd, vector.address, this.#sent.length, position).then(over, () => over(-1));
  }

  #portion(): number {
    if (this.#separate > 0) {
      this.#separate--;
      return 1;
    }
    let count = 0;
    for (let bytes = 0; count < this.#waiting.length && count < WRITES_PER_CALL; count++) {
      if (bytes >= ENOUGH_BYTES_PER_CALL) break;
      bytes += this.#waiting[count]!.nbytes;
    }
    return count;
  }

  #describe({ bytes }: PooledBuffer): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (const [index, { address, nbytes }] of this.#sent.entries()) {
      writeIovec(view, index * IOVEC_SIZE, address, nbytes);
    }
  }

  #write(): void {
    const { fd } = this.#router.file;
    const [first] = this.#sent as [Transfer];
    const { nbytes } = first;
    const position = first.position === CURRENT_POSITION ? null : first.position;
    if (this.#sent.length > 1) {
      const memories = this.#sent.map((write) => this.#bytesOf(write));
      return writevOnThread(fd, memories, position, this.#moved);
    }
    // Not a writev of one: in some runtimes that copies, and O_DIRECT wants memory as it is.
    const start = first.offset + first.done;
    writeOnThread(fd, this.#router.memoryOf(first), start, nbytes, position, this.#moved);
  }

  #bytesOf(write: Transfer): Uint8Array {
    const memory = this.#router.memoryOf(write);
    const start = write.offset + write.done;
    return write.nbytes === memory.length ? memory : memory.subarray(start, start + write.nbytes);
  }

  readonly #moved = (res: number): void => {
    threadQuota.returned();
    if (res > 0) this.#advance(res);
    else if (this.#sent.length > 1) this.#writeSeparately();
    else {
      this.#whole = 1;
      const { done } = this.#sent[0]!;
      this.#settle(done === 0 ? res : done);
    }
  };

  /** They are written one by one, so that each meets its own error. */
  #writeSeparately(): void {
    this.#separate = this.#sent.length;
    this.#settle();
  }

  #advance(count: number): void {
    for (let left = count; left > 0;) {
      const write = this.#sent[this.#whole]!;
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
    const over = this.#sent.splice(0, this.#whole);
    if (this.#sent.length > 0) this.#waiting = this.#sent.splice(0).concat(this.#waiting);
    if (this.#waiting.length > 0) threadQuota.begin(this);
    else this.#over(this);
    for (const write of over) write.settle(res ?? write.done);
    // What the results led to is to be sent.
    this.#router.file.loop.send();
  }
}
