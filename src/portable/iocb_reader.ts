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
import { PAGE_SIZE } from "../abi/page.ts";
import { POLLERR, POLLHUP } from "../abi/poll.ts";
import * as rwFlags from "../abi/rw_flags.ts";
import { readInt64, readUint64 } from "../abi/words.ts";
import type { Address } from "../kernel.ts";
import type { OperationKind } from "../threads/file_operation.ts";
import { access_ok, type Span } from "./address_space.ts";
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

/** Where a part of memory begins, and its bytes. */
type Iovec = readonly [base: Address, length: number];

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

  /** The file of the iocb, or `-errno`. */
  get file(): PortableFile | number {
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
    if (typeof file === "number") return file;
    request.file = file;
    if ((this.#uint32(layout.IOCB_FLAGS) & opcodes.IOCB_FLAG_RESFD) !== 0) {
      const eventfd = files.get(this.#uint32(layout.IOCB_RESFD));
      if (typeof eventfd === "number") return eventfd;
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
    const transfers = kind === "read" || kind === "write";
    // No file of the kernel with retries had asynchronous syncs, and polls came later.
    if (!this.#process.machine.today) return transfers ? this.#setup_3_4(request, compat) : -EINVAL;
    if (transfers) return this.#setup_6_18(request, compat);
    // Syncs and polls move no bytes.
    const unused = this.#uint64(layout.IOCB_NBYTES) === 0 && this.#uint64(layout.IOCB_OFFSET) === 0;
    if (!unused || rwFlags !== 0) return -EINVAL;
    request.writes = false;
    if (opcode === opcodes.IOCB_CMD_POLL) return this.#aio_poll(request);
    return kind === undefined ? -EINVAL : this.#aio_fsync(request);
  }

  /** Linux 3.4: the reads and writes of `aio_setup_iocb`, memory before what the file can do. */
  #setup_3_4(request: Kiocb, compat: boolean): number {
    const { file } = request;
    const writes = request.writes = request.kind === "write";
    if (!(writes ? file.writable : file.readable)) return -EBADF;
    // A transfer that came short is continued, but not a read of a pipe or socket.
    request.continues = writes || file.resumesReads === true;
    request.start = this.#int64(layout.IOCB_OFFSET);
    const errno = isVectored(request)
      ? this.#aio_setup_vectored_rw(request, compat)
      : this.#aio_setup_single_vector(request);
    if (errno !== 0) return errno;
    if ((writes ? file.write : file.read) === undefined) return -EINVAL;
    request.retry = aio_rw_vect_retry;
    return 0;
  }

  /** Linux 6.18: `aio_read` and `aio_write`, with `aio_prep_rw` and `aio_setup_rw`. */
  #setup_6_18(request: Kiocb, compat: boolean): number {
    const { file, rwFlags } = request;
    const writes = request.writes = request.kind === "write";
    let errno = this.#checkFlags(rwFlags);
    if (errno !== 0) return errno;
    if (!(writes ? file.writable : file.readable)) return -EBADF;
    if ((writes ? file.write : file.read) === undefined) return -EINVAL;
    request.append = writes && (rwFlags & RWF_APPEND) !== 0;
    // A write that came short is continued to a blocking pipe.
    request.continues = writes && file.writesWhole === true;
    request.start = this.#int64(layout.IOCB_OFFSET);
    errno = isVectored(request) ? this.#import_iovec(request, compat) : this.#import_ubuf(request);
    if (errno !== 0) return errno;
    errno = this.#rw_verify_area(request, request.total);
    request.retry = aio_rw_vect_retry;
    return errno;
  }

  #checkFlags(flags: number): number {
    if ((this.#uint32(layout.IOCB_FLAGS) & opcodes.IOCB_FLAG_IOPRIO) !== 0) {
      const errno = checkPriority(this.#uint32(layout.IOCB_LIO_OPCODE) >>> 16);
      if (errno !== 0) return errno;
    }
    if ((flags & ~KNOWN_FLAGS) !== 0) return -EOPNOTSUPP;
    return (flags & RWF_APPEND) !== 0 && (flags & RWF_NOAPPEND) !== 0 ? -EINVAL : 0;
  }

  /** Refuses a transfer before the first position, or that would end beyond the last. */
  #rw_verify_area({ start }: Kiocb, length: number): number {
    if (start < 0) return -EINVAL;
    if (start + length <= Number.MAX_SAFE_INTEGER) return 0;
    const word = this.#first + layout.IOCB_OFFSET / 4;
    const exact = (BigInt(this.#words[word + 1]!) << 32n) + BigInt(this.#words[word]!);
    return exact + BigInt(length) > INT64_MAX ? -EINVAL : 0;
  }

  /** Linux 3.4: all of the memory is checked, and only then is the transfer cut. */
  #aio_setup_single_vector(request: Kiocb): number {
    const address = this.#uint64(layout.IOCB_BUF);
    const length = this.#uint64(layout.IOCB_NBYTES);
    if (!access_ok(address, length)) return -EFAULT;
    const errno = this.#rw_verify_area(request, length);
    if (errno === 0) this.#setSpan(request, address, Math.min(length, MAX_RW_COUNT));
    return errno;
  }

  /** Linux 6.18: the transfer is cut before its memory is checked. */
  #import_ubuf(request: Kiocb): number {
    const address = this.#uint64(layout.IOCB_BUF);
    const length = Math.min(this.#uint64(layout.IOCB_NBYTES), MAX_RW_COUNT);
    if (!access_ok(address, length)) return -EFAULT;
    this.#setSpan(request, address, length);
    return 0;
  }

  /** Linux 3.4, with `rw_copy_check_uvector`: the iovecs are copied first, then checked in turn. */
  #aio_setup_vectored_rw(request: Kiocb, compat: boolean): number {
    const address = this.#uint64(layout.IOCB_BUF);
    const count = this.#uint64(layout.IOCB_NBYTES);
    if (count > UIO_MAXIOV) return -EINVAL;
    const iovecs: Iovec[] = [];
    for (let index = 0; index < count; index++) {
      const iovec = this.#iovec(address, index, compat);
      if (iovec === undefined) return -EFAULT;
      iovecs.push(iovec);
    }
    for (const [base, length] of iovecs) {
      if (length < 0) return -EINVAL;
      if (!access_ok(base, length)) return -EFAULT;
    }
    this.#setSpans(request, iovecs);
    return this.#rw_verify_area(request, request.total);
  }

  /** Linux 6.18, with `iovec_from_user`: each length is checked when it is read, memory last. */
  #import_iovec(request: Kiocb, compat: boolean): number {
    const address = this.#uint64(layout.IOCB_BUF);
    // The number of iovecs is cut to an unsigned int.
    const count = this.#uint32(layout.IOCB_NBYTES);
    if (count > UIO_MAXIOV) return -EINVAL;
    const iovecs: Iovec[] = [];
    for (let index = 0; index < count; index++) {
      const iovec = this.#iovec(address, index, compat);
      if (iovec === undefined) return -EFAULT;
      if (iovec[1] < 0) return -EINVAL;
      iovecs.push(iovec);
    }
    for (const [base, length] of iovecs) {
      // A single iovec is cut before it is checked, several are not. See import_ubuf.
      const checked = count === 1 ? Math.min(length, MAX_RW_COUNT) : length;
      if (!access_ok(base, checked)) return -EFAULT;
    }
    this.#setSpans(request, iovecs);
    return 0;
  }

  /** Reads an iovec of the program; `undefined` if its memory is missing. */
  #iovec(array: Address, index: number, compat: boolean): Iovec | undefined {
    const { space } = this.#process;
    const size = compat ? 8 : 16;
    if (!space.locate(array + size * index, size)) return undefined;
    const { view, offset } = space;
    return compat
      ? [view.getUint32(offset, true), view.getInt32(offset + 4, true)]
      : [readUint64(view, offset), readInt64(view, offset + 8)];
  }

  #setSpan(request: Kiocb, address: Address, length: number): void {
    const span = length === 0 ? undefined : this.#process.space.span(address, length);
    request.vector = span === undefined ? NO_MEMORY : [span];
    request.address = address;
    request.total = length;
  }

  /** Gives a request its memory, cut where one request moves no more. */
  #setSpans(request: Kiocb, iovecs: readonly Iovec[]): void {
    const { space } = this.#process;
    const vector: Span[] = [];
    let total = 0;
    // A transfer ends where memory is missing: what lies behind is not reached.
    let reached = true;
    for (const [base, length] of iovecs) {
      const wanted = Math.min(length, MAX_RW_COUNT - total);
      total += wanted;
      if (!reached || wanted === 0) continue;
      const span = space.span(base, wanted);
      if (span !== undefined) vector.push(span);
      reached = span?.length === wanted;
    }
    request.vector = vector;
    request.address = alignmentOf(iovecs);
    request.total = total;
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
      // It is as good as complete, and cannot be cancelled any more.
      request.cancel = undefined;
      woken = mask;
      return true;
    };
    request.writes = false;
    request.retry = () =>
      woken || file.poll!() & wanted || file.waiters!.retryAfter(request, suits);
    return 0;
  }
}

function isVectored({ opcode }: Kiocb): boolean {
  return opcode === opcodes.IOCB_CMD_PREADV || opcode === opcodes.IOCB_CMD_PWRITEV;
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
