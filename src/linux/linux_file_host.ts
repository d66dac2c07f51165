/**
 * What open files ask of Linux.
 *
 * @module
 */
import type { LibcCall } from "../../ffi/runtime.ts";
import type { Native } from "../../ffi/native.ts";
import { type Architecture, SYS_fcntl } from "../abi/syscall_numbers.ts";
import { checkWord } from "../check.ts";
import type { Blocking, DirectAlignment, FileHost } from "../file_host.ts";
import type { Allocation } from "../kernel.ts";
import { bufferOf, byteLengthOf, byteOffsetOf } from "../memory/intrinsics.ts";
import { Statx } from "./statx.ts";

/** Asks for the seals of a file: only files in memory can have any. See fcntl(2). */
const F_GET_SEALS = 1034;

/** See {@link FileHost}. */
export class LinuxFileHost implements FileHost {
  readonly #native: Native;
  readonly #statx: Statx;
  readonly #fcntl: LibcCall;
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
    this.#statx = new Statx(native, architecture, allocate);
    this.#fcntl = native.syscall(SYS_fcntl[architecture], 3);
    this.seek = native.lseek;
    if (native.pwritev !== undefined) this.pwritev = native.pwritev;
    if (native.fsCopies) this.alias = aliasesOf(native);
  }

  /** See {@link FileHost.blocksFor}. */
  blocksFor(fd: number): Blocking {
    // A look at the inode: no other file system is asked, so none can make the call wait.
    return this.#fcntl(fd, F_GET_SEALS, 0) >= 0 ? "copy" : "disk";
  }

  /** See {@link FileHost.directAlignment}. */
  directAlignment(fd: number): DirectAlignment | undefined {
    checkWord("statx", "fd", fd);
    return this.#statx.directAlignment(fd);
  }

  /** See {@link FileHost.fallocate}. */
  fallocate(fd: number, position: number, byteLength: number): Promise<number> {
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
