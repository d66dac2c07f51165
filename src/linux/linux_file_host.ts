/**
 * What open files ask of Linux.
 *
 * @module
 */
import type { LibcCall } from "../../ffi/runtime.ts";
import type { Native } from "../../ffi/native.ts";
import { EMFILE, ENOMEM } from "../abi/errno.ts";
import { IOVEC_SIZE, writeIovec } from "../abi/iovec.ts";
import {
  type Architecture,
  SYS_fcntl,
  SYS_preadv2,
  SYS_statx,
  SYS_uname,
} from "../abi/syscall_numbers.ts";
import { checkWord } from "../check.ts";
import type { Blocking, DirectAlignment, FileHost } from "../file_host.ts";
import type { Allocation } from "../kernel.ts";
import { bufferOf, byteLengthOf, byteOffsetOf } from "../memory/intrinsics.ts";
import { threadHasDescriptors } from "../threads/descriptors.ts";
import { threadsRefuseSyncs } from "../threads/fs_threads.ts";

/** Asks for the seals of a file: only files in memory can have any. See fcntl(2). */
const F_GET_SEALS = 1034;

const AT_EMPTY_PATH = 0x1000;
/** Linux 6.1 and later. */
const STATX_DIOALIGN = 0x2000;
/** Linux 6.14 and later. */
const STATX_DIO_READ_ALIGN = 0x20000;

// Offsets in `struct statx`; see include/uapi/linux/stat.h.
const STX_MASK = 0;
const STX_DIO_MEM_ALIGN = 152;
const STX_DIO_OFFSET_ALIGN = 156;
const STX_DIO_READ_OFFSET_ALIGN = 180;
/** The size of `struct statx`; an empty path stands right behind it, in zeroed memory. */
const STATX_SIZE = 256;

/** Where `release` stands in `struct utsname`, and its length; see uname(2). */
const UTS_RELEASE = 130;
const UTS_LENGTH = 65;

/**
 * See {@link FileHost.endsEarly}.
 *
 * @param release The release of Linux, as "5.10.0-8-amd64"
 */
export function endsReadsEarly(release: string): boolean {
  return /^5\.(9|10)\b/.test(release);
}

/** See {@link FileHost}. */
export class LinuxFileHost implements FileHost {
  readonly #native: Native;
  readonly #fcntl: LibcCall;
  readonly #statx: LibcCall;
  readonly #preadv2: LibcCall;
  readonly #uname: LibcCall;
  #endsEarly: boolean | undefined;
  /** Gives the memory for the result of statx, at the first use. */
  readonly #allocate: () => Allocation;
  #result: Allocation | undefined;
  /** The last answer. */
  #alignment: DirectAlignment | undefined;
  /** The iovec of {@link LinuxFileHost.readNow}, and a view of it. */
  #iovec: Allocation | undefined;
  #iovecView: DataView | undefined;
  /** See {@link FileHost.syncsBy}. */
  readonly syncsBy: FileHost["syncsBy"] = threadsRefuseSyncs() ? "request" : undefined;
  /** See {@link FileHost.seek}. */
  readonly seek: NonNullable<FileHost["seek"]>;
  /** See {@link FileHost.pwritev}. */
  readonly pwritev?: NonNullable<FileHost["pwritev"]>;
  /** See {@link FileHost.alias}. */
  readonly alias?: NonNullable<FileHost["alias"]>;

  /**
   * @param native The runtime's FFI
   * @param architecture Whose system call numbers are used
   * @param allocate Gives a page of memory
   */
  constructor(native: Native, architecture: Architecture, allocate: () => Allocation) {
    this.#native = native;
    this.#fcntl = native.syscall(SYS_fcntl[architecture], 3);
    this.#statx = native.syscall(SYS_statx[architecture], 5);
    this.#uname = native.syscall(SYS_uname[architecture], 1);
    this.#preadv2 = native.syscall(SYS_preadv2[architecture], 6);
    this.#allocate = allocate;
    this.seek = native.lseek;
    if (native.pwritev !== undefined) this.pwritev = native.pwritev;
    if (native.fsCopies) this.alias = aliasesOf(native);
  }

  /** See {@link FileHost.blocksFor}. */
  blocksFor(fd: number): Blocking {
    // A look at the inode: no other file system is asked, so none can make the call wait.
    return this.#fcntl(fd, F_GET_SEALS, 0) >= 0 ? "copy" : "disk";
  }

  /** See {@link FileHost.directAlignment} and statx(2). */
  directAlignment(fd: number): DirectAlignment | undefined {
    checkWord("statx", "fd", fd);
    const { address, buffer } = this.#result ??= this.#allocate();
    const mask = STATX_DIOALIGN | STATX_DIO_READ_ALIGN;
    if (this.#statx(fd, address + STATX_SIZE, AT_EMPTY_PATH, mask, address) < 0) return undefined;
    const statx = new DataView(buffer);
    const reported = statx.getUint32(STX_MASK, true);
    const offset = statx.getUint32(STX_DIO_OFFSET_ALIGN, true);
    // 0 means that the file does not support O_DIRECT.
    if ((reported & STATX_DIOALIGN) === 0 || offset === 0) return undefined;
    const memory = statx.getUint32(STX_DIO_MEM_ALIGN, true);
    const readOffset = (reported & STATX_DIO_READ_ALIGN) === 0
      ? offset
      : statx.getUint32(STX_DIO_READ_OFFSET_ALIGN, true) || offset;
    // Most files of a program lie on one file system, and each read looks at this: one object for
    // all of them stays in the caches of the processor.
    const last = this.#alignment;
    const isSame = last?.memory === memory && last.offset === offset &&
      last.readOffset === readOffset;
    return isSame ? last : this.#alignment = { memory, offset, readOffset };
  }

  /** See {@link FileHost.endsEarly}. */
  get endsEarly(): boolean {
    return this.#endsEarly ??= endsReadsEarly(this.#release());
  }

  #release(): string {
    const { address, buffer } = this.#result ??= this.#allocate();
    if (this.#uname(address) < 0) return "";
    const bytes = new Uint8Array(buffer, UTS_RELEASE, UTS_LENGTH);
    const release = String.fromCharCode(...bytes.subarray(0, bytes.indexOf(0)));
    // What statx(2) is given there is to be an empty path.
    new Uint8Array(buffer).fill(0);
    return release;
  }

  /** See {@link FileHost.readNow}. */
  readNow(
    fd: number,
    bytes: Uint8Array<ArrayBuffer>,
    start: number,
    length: number,
    position: number,
    rwFlags: number,
  ): number {
    let iovec: Allocation;
    try {
      iovec = this.#iovec ??= this.#allocate();
    } catch {
      // There is no memory left. The caller has a read under way, which a thread makes without this.
      return -ENOMEM;
    }
    const view = this.#iovecView ??= new DataView(iovec.buffer, 0, IOVEC_SIZE);
    // The address holds during the call: nothing else runs on this thread, and no other has the memory.
    const address = this.#native.addressOf(bufferOf(bytes) as ArrayBuffer) + byteOffsetOf(bytes);
    writeIovec(view, 0, address + start, length);
    return this.#preadv2(fd, iovec.address, 1, position, 0, rwFlags);
  }

  /** See {@link FileHost.fallocate}. */
  fallocate(fd: number, position: number, byteLength: number): Promise<number> {
    if (threadHasDescriptors() === false) return Promise.resolve(-EMFILE);
    return this.#native.fallocate(fd, 0, position, byteLength);
  }
}

/** See {@link FileHost.alias}. */
function aliasesOf(native: Native): NonNullable<FileHost["alias"]> {
  /** Of whole buffers. */
  const buffers = new WeakMap<ArrayBufferLike, ArrayBuffer>();
  /** Most views are used again, and a runtime may keep a list of all views on one buffer. */
  const views = new WeakMap<Uint8Array, Uint8Array<ArrayBuffer>>();
  return (bytes) => {
    let alias = views.get(bytes);
    if (alias !== undefined) return alias;
    const buffer = bufferOf(bytes) as ArrayBuffer;
    let whole = buffers.get(buffer);
    if (whole === undefined) {
      whole = native.view(native.addressOf(buffer), buffer.byteLength);
      buffers.set(buffer, whole);
    }
    alias = new Uint8Array(whole, byteOffsetOf(bytes), byteLengthOf(bytes));
    views.set(bytes, alias);
    return alias;
  };
}
