/**
 * From an iocb of the program to a request of the kernel. See io_submit_one of fs/aio.c.
 *
 * @module
 */
import { EBADF, EFAULT, EINVAL, EOPNOTSUPP, EPERM } from "../abi/errno.ts";
import {
  IOCB_BUF,
  IOCB_DATA,
  IOCB_FILDES,
  IOCB_FLAGS,
  IOCB_KEY,
  IOCB_LIO_OPCODE,
  IOCB_NBYTES,
  IOCB_OFFSET,
  IOCB_RESERVED2,
  IOCB_RESFD,
  IOCB_RW_FLAGS,
  IOCB_SIZE,
} from "../abi/iocb.ts";
import {
  IOPRIO_CLASS_IDLE,
  IOPRIO_CLASS_NONE,
  IOPRIO_CLASS_RT,
  IOPRIO_CLASS_SHIFT,
} from "../abi/ioprio.ts";
import { UIO_MAXIOV } from "../abi/iovec.ts";
import {
  IOCB_CMD_FDSYNC,
  IOCB_CMD_FSYNC,
  IOCB_CMD_POLL,
  IOCB_CMD_PREAD,
  IOCB_CMD_PREADV,
  IOCB_CMD_PWRITE,
  IOCB_CMD_PWRITEV,
  IOCB_FLAG_IOPRIO,
  IOCB_FLAG_RESFD,
} from "../abi/opcodes.ts";
import { POLLERR, POLLHUP } from "../abi/poll.ts";
import {
  RWF_APPEND,
  RWF_DSYNC,
  RWF_HIPRI,
  RWF_NOAPPEND,
  RWF_NOSIGNAL,
  RWF_SYNC,
} from "../abi/rw_flags.ts";
import { readInt64, readUint64 } from "../abi/words.ts";
import type { Address } from "../kernel.ts";
import { type AddressSpace, lengthOf, PAGE_SIZE, type Span, USER_END } from "./address_space.ts";
import { Eventfd } from "./eventfd.ts";
import { retryAfter, type Waiter } from "./file.ts";
import type { Files } from "./files.ts";
import { EIOCBQUEUED, EIOCBRETRY, type Kiocb, NO_MEMORY } from "./kiocb.ts";
import type { Behaviour } from "./release.ts";

/** The most that one request moves: INT_MAX less a part of a page. */
const MAX_RW_COUNT = 0x7ffff000;
const UPPER = 2 ** 32;
/** The last position: it has no number of its own. */
const INT64_MAX = 2n ** 63n - 1n;
/** DSYNC and SYNC are done by a sync behind the write; the others change nothing here. */
const KNOWN_FLAGS = RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_APPEND | RWF_NOAPPEND | RWF_NOSIGNAL;

/** What {@link Importer} works with. */
export interface ImportState {
  readonly space: AddressSpace;
  readonly files: Files;
  readonly behaviour: Behaviour;
  /** Whether real-time priorities are permitted. */
  privileged(): boolean;
  /** Runs a request again. */
  readonly kick: (request: Kiocb) => void;
  /** Delivers a result. */
  readonly complete: (request: Kiocb, res: number) => void;
}

/** Reads iocbs, checks them, and makes requests ready to be run. */
export class Importer {
  readonly #state: ImportState;
  /** Where the iocb that is looked at is, from `#first` on. The program stands still meanwhile. */
  #words = new Uint32Array(0);
  #first = 0;
  /** For one that no array of words leads to. */
  readonly #copy = new Uint32Array(IOCB_SIZE / 4);

  constructor(state: ImportState) {
    this.#state = state;
  }

  /**
   * Takes an iocb over from the program, and checks what concerns no file.
   *
   * @returns 0 or `-errno`
   */
  take(iocb: Address): number {
    const { space, behaviour } = this.#state;
    if (!space.locate(iocb, IOCB_SIZE)) return -EFAULT;
    if (space.offset % 4 === 0) {
      this.#words = space.words;
      this.#first = space.offset / 4;
    } else this.#takeCopy(space);
    if (this.#uint64(IOCB_RESERVED2) !== 0) return -EINVAL;
    // Before there were flags, the word had to be 0
    if (!behaviour.pollAndFlags && this.#uint32(IOCB_RW_FLAGS) !== 0) return -EINVAL;
    return this.#int64(IOCB_NBYTES) < 0 ? -EINVAL : 0;
  }

  #takeCopy({ view, offset }: AddressSpace): void {
    const words = this.#words = this.#copy;
    this.#first = 0;
    for (let word = 0; word < words.length; word++) {
      words[word] = view.getUint32(offset + 4 * word, true);
    }
  }

  #uint32(byteOffset: number): number {
    return this.#words[this.#first + byteOffset / 4]!;
  }

  #uint64(byteOffset: number): number {
    const word = this.#first + byteOffset / 4;
    return this.#words[word + 1]! * UPPER + this.#words[word]!;
  }

  #int64(byteOffset: number): number {
    const word = this.#first + byteOffset / 4;
    return (this.#words[word + 1]! | 0) * UPPER + this.#words[word]!;
  }

  /** Looks up the file of the iocb that was taken: -EBADF if there is none. */
  openFile(): number {
    return this.#state.files.get(this.#uint32(IOCB_FILDES)) === undefined ? -EBADF : 0;
  }

  /**
   * Fills a request from the iocb that was taken, writes the key back, and checks what is asked
   * of the file.
   *
   * @param compat Whether iovecs are those of a 32-bit program
   * @returns 0, and the request is ready to be run; or `-errno`
   */
  import(request: Kiocb, compat: boolean): number {
    const { space, files, kick } = this.#state;
    request.fd = this.#uint32(IOCB_FILDES);
    const file = files.get(request.fd);
    if (file === undefined) return -EBADF;
    request.file = file;
    if ((this.#uint32(IOCB_FLAGS) & IOCB_FLAG_RESFD) !== 0) {
      const eventfd = files.get(this.#uint32(IOCB_RESFD));
      if (eventfd === undefined) return -EBADF;
      if (!(eventfd instanceof Eventfd)) return -EINVAL;
      request.eventfd = eventfd;
    }
    // KIOCB_KEY, for io_cancel
    if (!space.locate(request.iocb + IOCB_KEY, 4)) return -EFAULT;
    if (space.offset % 4 === 0) space.words[space.offset / 4] = 0;
    else space.view.setUint32(space.offset, 0, true);
    request.dataLow = this.#uint32(IOCB_DATA);
    request.dataHigh = this.#uint32(IOCB_DATA + 4);
    // The lower half of the word; the upper is the priority
    request.opcode = this.#uint32(IOCB_LIO_OPCODE) & 0xffff;
    request.rwFlags = this.#uint32(IOCB_RW_FLAGS);
    request.onKick = kick;
    request.progressed = this.#progressed;
    switch (request.opcode) {
      case IOCB_CMD_PREAD:
      case IOCB_CMD_PREADV:
      case IOCB_CMD_PWRITE:
      case IOCB_CMD_PWRITEV:
        return this.#importTransfer(request, compat);
      case IOCB_CMD_FSYNC:
      case IOCB_CMD_FDSYNC:
        return this.#importSync(request);
      case IOCB_CMD_POLL:
        return this.#importPoll(request);
      default:
        return -EINVAL;
    }
  }

  #importTransfer(request: Kiocb, compat: boolean): number {
    const { file, writes, rwFlags } = request;
    if (this.#state.behaviour.pollAndFlags) {
      if ((this.#uint32(IOCB_FLAGS) & IOCB_FLAG_IOPRIO) !== 0) {
        const errno = this.#checkPriority(this.#uint32(IOCB_LIO_OPCODE) >>> 16);
        if (errno !== 0) return errno;
      }
      if ((rwFlags & ~KNOWN_FLAGS) !== 0) return -EOPNOTSUPP;
      if ((rwFlags & RWF_APPEND) !== 0 && (rwFlags & RWF_NOAPPEND) !== 0) return -EINVAL;
    }
    if (!(writes ? file.writable : file.readable)) return -EBADF;
    if ((writes ? file.write : file.read) === undefined) return -EINVAL;
    request.start = this.#int64(IOCB_OFFSET);
    const buffer = this.#uint64(IOCB_BUF);
    const vectored = request.opcode === IOCB_CMD_PREADV || request.opcode === IOCB_CMD_PWRITEV;
    // The number of iovecs is cut to an unsigned int
    const errno = vectored
      ? this.#importVector(request, buffer, this.#uint32(IOCB_NBYTES), compat)
      : this.#importBuffer(request, buffer, this.#uint64(IOCB_NBYTES));
    if (errno !== 0) return errno;
    if (request.start < 0 || this.#passesEnd(request)) return -EINVAL;
    request.retry = this.#transfer;
    return 0;
  }

  /** Whether a transfer would end beyond the last position that there is. */
  #passesEnd({ start, total }: Kiocb): boolean {
    if (start + total <= Number.MAX_SAFE_INTEGER) return false;
    const word = this.#first + IOCB_OFFSET / 4;
    const exact = (BigInt(this.#words[word + 1]!) << 32n) + BigInt(this.#words[word]!);
    return exact + BigInt(total) > INT64_MAX;
  }

  /** See ioprio_check_cap of block/ioprio.c, and IOPRIO_PRIO_LEVEL. */
  #checkPriority(priority: number): number {
    const ioClass = priority >> IOPRIO_CLASS_SHIFT;
    if (ioClass > IOPRIO_CLASS_IDLE) return -EINVAL;
    if (ioClass === IOPRIO_CLASS_RT && !this.#state.privileged()) return -EPERM;
    // The bits between the two are hints
    const level = priority & 7;
    return ioClass === IOPRIO_CLASS_NONE && level !== 0 ? -EINVAL : 0;
  }

  #importBuffer(request: Kiocb, address: Address, count: number): number {
    const total = Math.min(count, MAX_RW_COUNT);
    if (address + total > USER_END) return -EFAULT;
    request.address = address;
    request.total = total;
    const span = total === 0 ? undefined : this.#state.space.span(address, total);
    request.vector = span === undefined ? NO_MEMORY : [span];
    return 0;
  }

  /** See iovec_from_user of lib/iov_iter.c. */
  #importVector(request: Kiocb, address: Address, count: number, compat: boolean): number {
    const { space } = this.#state;
    if (count > UIO_MAXIOV) return -EINVAL;
    const size = compat ? 8 : 16;
    const pieces: [Address, number][] = [];
    for (let index = 0; index < count; index++) {
      if (!space.locate(address + size * index, size)) return -EFAULT;
      const { view, offset } = space;
      const base = compat ? view.getUint32(offset, true) : readUint64(view, offset);
      const length = compat ? view.getInt32(offset + 4, true) : readInt64(view, offset + 8);
      if (length < 0) return -EINVAL;
      pieces.push([base, length]);
    }
    const vector: Span[] = [];
    let total = 0;
    // Where memory is missing the transfer ends: what lies behind is not reached
    let reached = true;
    for (const [base, length] of pieces) {
      const wanted = Math.min(length, MAX_RW_COUNT - total);
      // One piece is cut before it is looked at, several are not. See import_ubuf
      if (base + (count === 1 ? wanted : length) > USER_END) return -EFAULT;
      total += wanted;
      if (!reached || wanted === 0) continue;
      const span = space.span(base, wanted);
      if (span !== undefined) vector.push(span);
      reached = span?.length === wanted;
    }
    request.vector = vector;
    request.address = pieces[0]?.[0] ?? 0;
    request.total = total;
    return 0;
  }

  #importSync(request: Kiocb): number {
    if (!this.#state.behaviour.sync) return -EINVAL;
    const { file } = request;
    const unused = this.#uint64(IOCB_BUF) === 0 && this.#uint64(IOCB_NBYTES) === 0 &&
      this.#uint64(IOCB_OFFSET) === 0 && request.rwFlags === 0;
    if (!unused || file.sync === undefined) return -EINVAL;
    request.retry = () => file.sync!(request);
    return 0;
  }

  #importPoll(request: Kiocb): number {
    if (!this.#state.behaviour.pollAndFlags) return -EINVAL;
    const { file } = request;
    const mask = this.#uint64(IOCB_BUF);
    const unused = this.#uint64(IOCB_NBYTES) === 0 && this.#uint64(IOCB_OFFSET) === 0 &&
      request.rwFlags === 0;
    if (!unused || mask > 0xffff || file.poll === undefined) return -EINVAL;
    const wanted = mask | POLLERR | POLLHUP;
    // What has no wait queue can only be ready at once. See aio_poll
    if (file.wait === undefined && (file.poll() & wanted) === 0) return -EINVAL;
    // What a waker says is the result as it is, also what was not asked for. See aio_poll_wake
    let said = 0;
    const wait = (waiter: Waiter) =>
      file.wait!((mask) => {
        if (mask !== 0 && (mask & wanted) === 0) return;
        said = mask;
        waiter(mask);
      });
    request.retry = () => {
      const ready = said || file.poll!() & wanted;
      return ready !== 0 ? ready : retryAfter(request, wait, -EIOCBRETRY);
    };
    return 0;
  }

  /** See aio_rw_vect_retry of Linux 3.4; today's kernel makes one call. */
  readonly #transfer = (request: Kiocb): number => {
    const { file, writes } = request;
    while (true) {
      const missing = this.#missing(request);
      if (missing !== 0) return this.#settle(request, missing) ?? missing;
      const res = writes ? file.write!(request) : file.read!(request);
      if (res === -EIOCBQUEUED || res === -EIOCBRETRY) return res;
      const result = this.#settle(request, res);
      if (result !== undefined) return result;
    }
  };

  /** Memory that is not there ends a transfer; -EFAULT if it has not begun. */
  #missing(request: Kiocb): number {
    if (request.total === 0) return 0;
    let there = 0;
    for (const span of request.vector) there += lengthOf(span);
    // A read at the end of a file never finds out: it is begun with what it would fault at
    const finds = there > 0 || request.writes || !request.file.positional;
    if (there <= request.moved && finds) return -EFAULT;
    request.total = Math.min(request.total, there || PAGE_SIZE);
    return 0;
  }

  /**
   * Counts what one call brought.
   *
   * @returns The result of the request; `undefined`: it goes on
   */
  #settle(request: Kiocb, res: number): number | undefined {
    const { writes, file } = request;
    const { retriesShort } = this.#state.behaviour;
    const whole = writes && file.writesWhole;
    if (!retriesShort && !whole) return res;
    if (res > 0) request.moved += res;
    if (res > 0 && request.length > 0 && (writes || file.resumesReads)) return undefined;
    if (res >= 0 || (writes && request.moved > 0)) return request.moved;
    return res;
  }

  /** The disk has done what it was asked. */
  readonly #progressed = (request: Kiocb, res: number): void => {
    const { complete } = this.#state;
    if (request.total === 0 || request.retry !== this.#transfer) return complete(request, res);
    const result = this.#settle(request, res);
    if (result !== undefined) return complete(request, result);
    // There is more to do: the next run, in its turn
    request.kick();
  };
}
