/**
 * Who does the transfers of an open file, and what becomes of what comes short.
 *
 * @module
 */
import { EAGAIN, ECANCELED, EINVAL, EIO, ENOSYS, EOPNOTSUPP, EPERM } from "../abi/errno.ts";
import { IOCB_CMD_PREAD, IOCB_CMD_PWRITE } from "../abi/opcodes.ts";
import { RWF_NOWAIT } from "../abi/rw_flags.ts";
import {
  callbackOf,
  lengthOnThread,
  readOnThread,
  type VectorOnThread,
} from "../threads/fs_threads.ts";
import { threadQuota } from "../threads/quota.ts";
import { now } from "../timers.ts";
import { CacheMisses } from "./cache_misses.ts";
import { CoalescedWrites } from "./coalesced_writes.ts";
import { type Route, type RoutedFile, type Routes, routesOf } from "./route.ts";
import { CURRENT_POSITION, NO_ADDRESS, type Transfer } from "./transfer.ts";

/** What a call answers that is not known here. */
const UNKNOWN_CALL: readonly number[] = [EINVAL, ENOSYS, EOPNOTSUPP, EPERM];

/** The routes of one file. */
export class Router {
  readonly file: RoutedFile;
  /** Chosen with the first transfer: the question costs a call, and some files have no transfer. */
  #routes: Routes | undefined = undefined;
  #hasThreads: boolean | undefined = undefined;
  /** How O_DIRECT reads what the page cache may have yet to write. */
  #cachedReads: Route = "ringNoWait";
  #cachedStart = 0;
  #cachedEnd = 0;
  /** Whether reads that io_submit does not make can ask the page cache first: set with the first. */
  #asksCache: boolean | undefined = undefined;
  /** How many reads the threads have. */
  #onThreads = 0;
  readonly #misses = new CacheMisses(this);
  readonly #coalesced = new CoalescedWrites(this);

  /** @param file Whose transfers they are */
  constructor(file: RoutedFile) {
    this.file = file;
  }

  /** Whether io_submit waits for the disk with writes, so that the threads make them. */
  get writesOnThreads(): boolean {
    return (this.#routes ??= routesOf(this.file)).writes === "threads";
  }

  /**
   * Whether the threads may be given transfers in the user's own memory: not with O_DIRECT, which
   * wants it aligned; not of a stream, for which they might wait for ever; and not in a simulation,
   * which does not see what they do.
   */
  get hasThreads(): boolean {
    return this.#hasThreads ??= !this.file.wantsAlignedMemory && !this.file.isStream &&
      !this.#isSimulated;
  }

  /**
   * Whether the threads make a write in the user's own memory, whose address nobody needs: not where
   * the runtime's writes have to be replaced.
   */
  writesInPlace(position: number): boolean {
    if (!this.hasThreads || this.file.core.files.pwritev !== undefined) return false;
    return position === CURRENT_POSITION || this.writesOnThreads;
  }

  /** Only the disk of a simulation has positions of its own. */
  get #isSimulated(): boolean {
    return this.file.core.files.newPosition !== undefined;
  }

  /**
   * Begins a transfer, or what is left of it. What goes to the kernel is sent when the event loop
   * of the context is asked for it.
   *
   * @param onThread Whether a read in memory that has no address goes to the threads at once
   * @throws {RangeError} If there is no memory
   */
  begin(transfer: Transfer, onThread = false): void {
    const { file } = this;
    const { opcode, position, nbytes, address } = transfer;
    const { reads, writes } = this.#routes ??= routesOf(file);
    transfer.fd = file.fd;
    // The rest of a transfer may take another route than its beginning: one on which EAGAIN is an
    // error.
    transfer.rwFlags &= ~RWF_NOWAIT;
    transfer.tries = 0;
    transfer.missed = false;
    let route: Route;
    if (opcode === IOCB_CMD_PREAD || opcode === IOCB_CMD_PWRITE) {
      const isCached = position < this.#cachedEnd && position + nbytes > this.#cachedStart;
      const inRing = position !== CURRENT_POSITION && address !== NO_ADDRESS;
      if (!inRing && !onThread && opcode === IOCB_CMD_PREAD) return this.#readNow(transfer);
      if (!inRing) route = "threads";
      else if (opcode === IOCB_CMD_PWRITE) route = writes;
      else route = isCached ? this.#cachedReads : reads;
    } else route = "ring";
    transfer.route = route;
    switch (route) {
      case "ring":
        return file.core.submission.queue(transfer);
      case "ringCopies":
        return file.loop.budget.queue(transfer);
      case "ringNoWait":
        transfer.rwFlags |= RWF_NOWAIT;
        // With O_DIRECT a device moves the bytes; else io_submit copies what the page cache has.
        return (file.direct ? file.core.submission : file.loop.budget).queue(transfer);
      case "threads":
        return this.sendToThreads(transfer);
    }
  }

  /**
   * The page cache is about to get these bytes. A read with O_DIRECT makes it write them, and would
   * wait for that in io_submit. One range is remembered: what is written next begins with a read of
   * it, or lies apart from it.
   */
  writesCached(start: number, end: number): void {
    this.#cachedStart = start;
    this.#cachedEnd = end;
  }

  /** Has the kernel read again what the page cache did not have. */
  tryAgain(read: Transfer): void {
    read.tries++;
    this.file.loop.budget.queue(read);
  }

  /**
   * A transfer has its result, of the kernel or of a thread. Decides what follows from one that would
   * have had to wait, from a short read or write, and from a read that failed.
   */
  finished(transfer: Transfer, res: number): void {
    // Nothing expects its bytes after an abort, so its memory need not stay taken.
    if (transfer.stopped) return transfer.settle(-ECANCELED);
    const { opcode } = transfer;
    const reads = opcode === IOCB_CMD_PREAD;
    if (transfer.route === "ringNoWait" && this.#mustWait(transfer, res, reads)) return;
    if (res >= 0 && (reads || opcode === IOCB_CMD_PWRITE)) {
      transfer.advance(res);
      const short = res > 0 && transfer.done < transfer.enough;
      if (short && this.#goesOn(transfer, reads)) return;
      res = transfer.done;
    } else if (res === -EIO && reads && this.#readsAgain) return this.#readAgain(transfer);
    // The position has moved by what was read, and the bytes must not be lost.
    else if (reads && transfer.done > 0 && !transfer.isWhole && !this.file.direct) {
      res = transfer.done;
    }
    transfer.settle(res);
  }

  /** Whether a healthy disk may fail a read; a simulated one fails none by itself. */
  get #readsAgain(): boolean {
    const { direct, isRegular } = this.file;
    return direct && isRegular && !this.#isSimulated;
  }

  /**
   * A read with O_DIRECT has failed with EIO, perhaps on a healthy disk: it is made once more, and no
   * further than to the end of the file.
   *
   * Space that XFS has reserved for bytes in the page cache, and not yet allocated, makes the kernel
   * refuse every direct read that touches it (`iomap_dio_iter`, fs/iomap/direct-io.c). A read first
   * writes what is dirty in its range, which allocates the space of that. But where a write through
   * the page cache extends a file, XFS reserves more than it needs, and where a direct write follows
   * (since Linux 6.10), it allocates its own blocks and leaves the rest reserved: behind the end,
   * where nothing is dirty, until the file is written further or closed.
   *
   * Before the end nothing stays reserved that is not dirty. So a second failure is the result,
   * unless the file became shorter meanwhile, and this read went beyond its end as well.
   */
  #readAgain(read: Transfer): void {
    const { fd, alignment: { readOffset } } = this.file;
    lengthOnThread(fd, (length) => {
      // A read behind the end is of no bytes, so the least one will do to find that.
      const left = Math.max(1, Math.ceil((length - read.position) / readOffset)) * readOffset;
      const nbytes = Math.min(read.nbytes, left);
      if (read.stopped) read.settle(-ECANCELED);
      else if (length < 0 || (read.retried && nbytes === read.nbytes)) read.settle(-EIO);
      else {
        read.retried = true;
        read.nbytes = nbytes;
        this.begin(read);
      }
      this.file.loop.send();
    });
  }

  /** Whether a transfer that was not to wait would have had to: it is done in another way then. */
  #mustWait(transfer: Transfer, res: number, reads: boolean): boolean {
    const missing = res === -EAGAIN;
    if (!this.file.direct) this.file.loop.budget.recordMiss(missing);
    if (missing && reads && !this.file.direct) {
      this.#misses.add(transfer);
      return true;
    }
    if (transfer.tries > 0) this.#misses.found();
    if (res === -EOPNOTSUPP) this.#giveUpNoWait(reads);
    else if (!missing) return false;
    this.sendToThreads(transfer);
    return true;
  }

  /** The file system does not know RWF_NOWAIT for such a transfer. */
  #giveUpNoWait(reads: boolean): void {
    if (!reads) this.#routes = { ...this.#routes!, writes: "threads" };
    else if (this.file.direct) this.#cachedReads = "threads";
    else this.#routes = { ...this.#routes!, reads: "threads" };
  }

  /** Continues what came short. */
  #goesOn(transfer: Transfer, reads: boolean): boolean {
    if (reads) {
      const { alignment: { readOffset }, isStream, direct } = this.file;
      // A short read that ends inside a block is the end of the file. One that ends on a block
      // boundary may not be: read on.
      if (transfer.done % readOffset !== 0 || isStream) return false;
      // A call that may wait is short where the file ends, where its reads end at a record, and
      // before what the disk cannot read: the next call says which.
      if (transfer.route === "threads" && !direct && !transfer.isWhole) return false;
      if (transfer.retried) {
        // It went no further than to the end that the file had.
        transfer.retried = false;
        transfer.nbytes = Math.ceil((transfer.enough - transfer.done) / readOffset) * readOffset;
      }
      this.begin(transfer);
    } else {
      // A short write that was not to wait has come to where it would have had to.
      if (transfer.route !== "ringNoWait") return false;
      this.sendToThreads(transfer);
    }
    return true;
  }

  /** Has it made by the threads of `node:fs`. */
  sendToThreads(transfer: Transfer): void {
    transfer.route = "threads";
    transfer.rwFlags &= ~RWF_NOWAIT;
    if (transfer.opcode === IOCB_CMD_PREAD) threadQuota.begin(transfer);
    else this.#coalesced.add(transfer);
  }

  /**
   * Reads at the current position, or into memory that has no address: on this thread what the page
   * cache has, as far as the budget goes, and the rest by a thread.
   */
  #readNow(read: Transfer): void {
    const { fd, core: { files }, loop: { budget } } = this.file;
    this.#asksCache ??= files.readNow !== undefined && !files.endsEarly && this.file.hasCache;
    // A file in memory does not know RWF_NOWAIT, and has nothing to wait for.
    const rwFlags = this.#routes!.reads === "ringCopies" ? 0 : RWF_NOWAIT;
    // Where reads are with the threads already, they do more of them at once than this thread.
    if (this.#asksCache && this.#onThreads === 0 && budget.spend(read.nbytes)) {
      read.route = "cached";
      const begun = now();
      const start = read.offset + read.done;
      const res = files.readNow!(fd, read.bytes!, start, read.nbytes, read.position, rwFlags);
      budget.recordCost(begun, res);
      budget.recordMiss(res === -EAGAIN);
      if (res >= 0) return this.finished(read, res);
      // The file system, or a seccomp filter, does not know the call: the threads do without it.
      if (UNKNOWN_CALL.includes(-res)) this.#asksCache = false;
    }
    this.sendToThreads(read);
  }

  /** Reads by a thread: the disk is waited for there. */
  readOnThread(transfer: Transfer): void {
    this.#onThreads++;
    const { position } = transfer;
    // It waited for the quota, and was aborted.
    if (transfer.stopped) {
      threadQuota.returned();
      return this.#returned(transfer, -ECANCELED);
    }
    readOnThread(
      this.file.fd,
      this.memoryOf(transfer),
      transfer.offset + transfer.done,
      transfer.nbytes,
      position === CURRENT_POSITION ? null : position,
      callbackOf((res) => {
        threadQuota.returned();
        this.#returned(transfer, res);
      }),
    );
  }

  /**
   * Whether the threads make vectored transfers in the user's own memory. A runtime whose writes have
   * to be replaced has no vectored calls either.
   */
  get hasVectors(): boolean {
    return this.hasThreads && this.file.core.files.pwritev === undefined;
  }

  /** Has a vectored transfer made by a thread, where {@link Router.hasVectors}: its result. */
  transferVector(
    call: VectorOnThread,
    memories: readonly Uint8Array[],
    position: number,
  ): Promise<number> {
    return new Promise((resolve) => {
      const settle = (res: number): void => {
        threadQuota.returned();
        resolve(res);
      };
      const at = position === CURRENT_POSITION ? null : position;
      threadQuota.begin({ begin: () => call(this.file.fd, memories, at, settle) });
    });
  }

  /** A read is back from the threads. */
  #returned(transfer: Transfer, res: number): void {
    this.#onThreads--;
    if (transfer.missed) this.#misses.returned();
    this.finished(transfer, res);
    // What the result led to, and what the misses try again, is to be sent.
    this.file.loop.send();
  }

  /** The memory of a transfer in a form that `node:fs` does not copy. */
  memoryOf({ bytes, address }: Transfer): Uint8Array<ArrayBuffer> {
    const alias = address === NO_ADDRESS ? undefined : this.file.core.files.alias?.(bytes!);
    return alias ?? bytes!;
  }
}
