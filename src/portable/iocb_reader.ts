/**
 * Reads the iocbs of the program, and makes requests of them.
 *
 * @module
 */
import nodeProcess from "node:process";
import { EBADF, EFAULT, EINVAL, EOPNOTSUPP, EPERM } from "../abi/errno.ts";
import * as layout from "../abi/iocb.ts";
import * as ioprio from "../abi/ioprio.ts";
import { UIO_MAXIOV } from "../abi/iovec.ts";
import * as opcodes from "../abi/opcodes.ts";
import { POLLERR, POLLHUP } from "../abi/poll.ts";
import * as rwFlags from "../abi/rw_flags.ts";
import { readInt64, readUint64 } from "../abi/words.ts";
import type { Address } from "../kernel.ts";
import type { OperationKind } from "../threads/file_operation.ts";
import { PAGE_SIZE, type Span, USER_END } from "./address_space.ts";
import { Eventfd } from "./eventfd.ts";
import type { PortableFile } from "./file.ts";
import { type Kiocb, NO_MEMORY } from "./kiocb.ts";
import type { Process } from "./process.ts";
import { aio_rw_vect_retry } from "./rw_retry.ts";

/** The most that one request moves: INT_MAX less a part of a page. */
const MAX_RW_COUNT = 0x7ffff000;
const UPPER = 2 ** 32;
/** The last position; no number is equal to it. */
const INT64_MAX = 2n ** 63n - 1n;
const { RWF_APPEND, RWF_NOAPPEND } = rwFlags;
/** DSYNC and SYNC are done by a sync behind the write; HIPRI and NOSIGNAL change nothing here. */
const KNOWN_FLAGS = RWF_APPEND | RWF_NOAPPEND | rwFlags.RWF_DSYNC | rwFlags.RWF_SYNC |
  rwFlags.RWF_HIPRI | rwFlags.RWF_NOSIGNAL;

/** What is done by the disk, by opcode: all but a poll. */
const KINDS: Readonly<Record<number, OperationKind>> = {
  [opcodes.IOCB_CMD_PREAD]: "read",
  [opcodes.IOCB_CMD_PREADV]: "read",
  [opcodes.IOCB_CMD_PWRITE]: "write",
  [opcodes.IOCB_CMD_PWRITEV]: "write",
  [opcodes.IOCB_CMD_FSYNC]: "fsync",
  [opcodes.IOCB_CMD_FDSYNC]: "fdatasync",
};

/** Reads one iocb at a time: the program stands still meanwhile. */
export class IocbReader {
  readonly #process: Process;
  /** The iocb lies in these words, from `#first` on. */
  #words = new Uint32Array(0);
  #first = 0;

  constructor(process: Process) {
    this.#process = process;
  }

  /**
   * Reads an iocb, and checks what does not depend on the file.
   *
   * @returns 0 or `-errno`
   */
  read(iocb: Address): number {
    const { space, machine: { today } } = this.#process;
    if (!space.locate(iocb, layout.IOCB_SIZE)) return -EFAULT;
    const { offset, view, words } = space;
    const aligned = offset % 4 === 0;
    this.#first = aligned ? offset / 4 : 0;
    this.#words = aligned
      ? words
      : new Uint32Array(view.buffer.slice(offset, offset + layout.IOCB_SIZE));
    if (this.#uint64(layout.IOCB_RESERVED2) !== 0) return -EINVAL;
    // Before there were flags, the word had to be 0.
    if (!today && this.#uint32(layout.IOCB_RW_FLAGS) !== 0) return -EINVAL;
    return this.#int64(layout.IOCB_NBYTES) < 0 ? -EINVAL : 0;
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

  /** The file of the iocb; `undefined` if there is none. */
  get file(): PortableFile | undefined {
    return this.#process.machine.files.get(this.#uint32(layout.IOCB_FILDES));
  }

  /**
   * Fills a request from the iocb, writes the key back, and checks what is asked of the file: the
   * second half of `io_submit_one`.
   *
   * @param compat Whether iovecs are those of a 32-bit program
   * @returns 0, and the request is ready to run; or `-errno`
   */
  prepare(request: Kiocb, compat: boolean): number {
    const { space, machine: { files } } = this.#process;
    request.fd = this.#uint32(layout.IOCB_FILDES);
    const file = files.get(request.fd);
    if (file === undefined) return -EBADF;
    request.file = file;
    if ((this.#uint32(layout.IOCB_FLAGS) & opcodes.IOCB_FLAG_RESFD) !== 0) {
      const eventfd = files.get(this.#uint32(layout.IOCB_RESFD));
      if (eventfd === undefined) return -EBADF;
      if (!(eventfd instanceof Eventfd)) return -EINVAL;
      request.eventfd = eventfd;
    }
    // KIOCB_KEY, for io_cancel.
    if (!space.locate(request.iocb + layout.IOCB_KEY, 4)) return -EFAULT;
    if (space.offset % 4 === 0) space.words[space.offset / 4] = 0;
    else space.view.setUint32(space.offset, 0, true);
    request.dataLow = this.#uint32(layout.IOCB_DATA);
    request.dataHigh = this.#uint32(layout.IOCB_DATA + 4);
    // The lower half of the word; the upper half is the priority.
    request.opcode = this.#uint32(layout.IOCB_LIO_OPCODE) & 0xffff;
    request.rwFlags = this.#uint32(layout.IOCB_RW_FLAGS);
    return this.#aio_setup_iocb(request, compat);
  }

  #aio_setup_iocb(request: Kiocb, compat: boolean): number {
    const { opcode, rwFlags } = request;
    const kind = KINDS[opcode];
    if (kind !== undefined) request.kind = kind;
    if (kind === "read" || kind === "write") return this.#setupTransfer(request, compat);
    // Syncs and polls came after the kernel with retries, and move no bytes.
    const unused = this.#uint64(layout.IOCB_NBYTES) === 0 && this.#uint64(layout.IOCB_OFFSET) === 0;
    if (!this.#process.machine.today || !unused || rwFlags !== 0) return -EINVAL;
    request.writes = false;
    if (opcode === opcodes.IOCB_CMD_POLL) return this.#aio_poll(request);
    return kind === undefined ? -EINVAL : this.#aio_fsync(request);
  }

  #setupTransfer(request: Kiocb, compat: boolean): number {
    const { file, rwFlags, opcode } = request;
    const { today } = this.#process.machine;
    const writes = request.writes = request.kind === "write";
    let errno = today ? this.#checkFlags(rwFlags) : 0;
    if (errno !== 0) return errno;
    if (!(writes ? file.writable : file.readable)) return -EBADF;
    if ((writes ? file.write : file.read) === undefined) return -EINVAL;
    request.append = writes && (rwFlags & RWF_APPEND) !== 0;
    // A transfer that came short is continued by the kernel with retries, and to a blocking pipe.
    request.continues = writes
      ? !today || file.writesWhole === true
      : !today && file.resumesReads === true;
    request.start = this.#int64(layout.IOCB_OFFSET);
    errno = opcode === opcodes.IOCB_CMD_PREADV || opcode === opcodes.IOCB_CMD_PWRITEV
      ? this.#aio_setup_vectored_rw(request, compat)
      : this.#aio_setup_single_vector(request);
    if (errno !== 0) return errno;
    if (request.start < 0 || this.#passesEnd(request)) return -EINVAL;
    request.retry = aio_rw_vect_retry;
    return 0;
  }

  #checkFlags(flags: number): number {
    if ((this.#uint32(layout.IOCB_FLAGS) & opcodes.IOCB_FLAG_IOPRIO) !== 0) {
      const errno = checkPriority(this.#uint32(layout.IOCB_LIO_OPCODE) >>> 16);
      if (errno !== 0) return errno;
    }
    if ((flags & ~KNOWN_FLAGS) !== 0) return -EOPNOTSUPP;
    return (flags & RWF_APPEND) !== 0 && (flags & RWF_NOAPPEND) !== 0 ? -EINVAL : 0;
  }

  /** Whether a transfer would end beyond the last position. */
  #passesEnd({ start, total }: Kiocb): boolean {
    if (start + total <= Number.MAX_SAFE_INTEGER) return false;
    const word = this.#first + layout.IOCB_OFFSET / 4;
    const exact = (BigInt(this.#words[word + 1]!) << 32n) + BigInt(this.#words[word]!);
    return exact + BigInt(total) > INT64_MAX;
  }

  #aio_setup_single_vector(request: Kiocb): number {
    const address = this.#uint64(layout.IOCB_BUF);
    const total = Math.min(this.#uint64(layout.IOCB_NBYTES), MAX_RW_COUNT);
    if (address + total > USER_END) return -EFAULT;
    request.address = address;
    request.total = total;
    const span = total === 0 ? undefined : this.#process.space.span(address, total);
    request.vector = span === undefined ? NO_MEMORY : [span];
    return 0;
  }

  /** See also iovec_from_user of lib/iov_iter.c. */
  #aio_setup_vectored_rw(request: Kiocb, compat: boolean): number {
    const { space } = this.#process;
    const address = this.#uint64(layout.IOCB_BUF);
    // The number of iovecs is cut to an unsigned int.
    const count = this.#uint32(layout.IOCB_NBYTES);
    if (count > UIO_MAXIOV) return -EINVAL;
    const size = compat ? 8 : 16;
    const iovecs: [Address, number][] = [];
    for (let index = 0; index < count; index++) {
      if (!space.locate(address + size * index, size)) return -EFAULT;
      const { view, offset } = space;
      const base = compat ? view.getUint32(offset, true) : readUint64(view, offset);
      const length = compat ? view.getInt32(offset + 4, true) : readInt64(view, offset + 8);
      if (length < 0) return -EINVAL;
      iovecs.push([base, length]);
    }
    const vector: Span[] = [];
    let total = 0;
    // A transfer ends where memory is missing: what lies behind is not reached.
    let reached = true;
    for (const [base, length] of iovecs) {
      const wanted = Math.min(length, MAX_RW_COUNT - total);
      // A single iovec is cut before it is checked, several are not. See import_ubuf.
      if (base + (count === 1 ? wanted : length) > USER_END) return -EFAULT;
      total += wanted;
      if (!reached || wanted === 0) continue;
      const span = space.span(base, wanted);
      if (span !== undefined) vector.push(span);
      reached = span?.length === wanted;
    }
    request.vector = vector;
    request.address = alignmentOf(iovecs);
    request.total = total;
    return 0;
  }

  /** Counterpart of `aio_fsync` and `aio_fdsync`. */
  #aio_fsync(request: Kiocb): number {
    const { file } = request;
    if (this.#uint64(layout.IOCB_BUF) !== 0 || file.sync === undefined) return -EINVAL;
    request.retry = () => file.sync!(request);
    return 0;
  }

  #aio_poll(request: Kiocb): number {
    const { file } = request;
    const mask = this.#uint64(layout.IOCB_BUF);
    if (mask > 0xffff || file.poll === undefined) return -EINVAL;
    const wanted = mask | POLLERR | POLLHUP;
    // A file without a wait queue must be ready at once.
    if (file.waiters === undefined && (file.poll() & wanted) === 0) return -EINVAL;
    // The mask of the wake-up is the result as it is, with what was not asked for: aio_poll_wake.
    let woken = 0;
    const suits = (mask: number) => {
      if (mask !== 0 && (mask & wanted) === 0) return false;
      woken = mask;
      return true;
    };
    request.writes = false;
    request.retry = () =>
      woken || file.poll!() & wanted || file.waiters!.retryAfter(request, suits);
    return 0;
  }
}

/**
 * The pieces of a vector are moved as one. O_DIRECT is to take or refuse that one as it would the
 * pieces, of which it looks at each that does not follow the last.
 *
 * @returns Where the one must begin, as far as alignment is concerned
 */
function alignmentOf(iovecs: readonly (readonly [Address, number])[]): Address {
  const pieces = iovecs.filter(([, length]) => length > 0);
  const first = pieces[0]?.[0] ?? 0;
  let end = first;
  let edges: number | undefined;
  for (const [base, length] of pieces) {
    if (base !== end) edges = (edges ?? first) | end | base;
    end = base + length;
  }
  if (edges === undefined) return first;
  const unaligned = (edges | end) & (PAGE_SIZE - 1);
  // Across the end of a page, as the kernel takes whatever lies within one.
  return unaligned === 0 ? 0 : PAGE_SIZE - (unaligned & -unaligned);
}

/** See ioprio_check_cap of block/ioprio.c, and IOPRIO_PRIO_LEVEL. */
function checkPriority(priority: number): number {
  const ioClass = priority >> ioprio.IOPRIO_CLASS_SHIFT;
  if (ioClass > ioprio.IOPRIO_CLASS_IDLE) return -EINVAL;
  // Asked for only where it matters, as one runtime wants a permission for it.
  if (ioClass === ioprio.IOPRIO_CLASS_RT && nodeProcess.getuid?.() !== 0) return -EPERM;
  // The bits between class and level are hints.
  const level = priority & 7;
  return ioClass === ioprio.IOPRIO_CLASS_NONE && level !== 0 ? -EINVAL : 0;
}
