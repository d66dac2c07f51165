/**
 * The alignments of a file opened with O_DIRECT.
 *
 * @module
 */
import type { Native } from "../../ffi/native.ts";
import type { LibcCall } from "../../ffi/runtime.ts";
import { type Architecture, SYS_statx } from "../abi/syscall_numbers.ts";
import type { DirectAlignment } from "../file_host.ts";
import type { Allocation } from "../kernel.ts";

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

/** See statx(2). */
export class Statx {
  readonly #call: LibcCall;
  readonly #allocate: () => Allocation;
  #result: Allocation | undefined;

  /**
   * @param native The runtime's FFI
   * @param architecture Whose system call number is used
   * @param allocate Gives the memory for the result, at the first use
   */
  constructor(native: Native, architecture: Architecture, allocate: () => Allocation) {
    this.#call = native.syscall(SYS_statx[architecture], 5);
    this.#allocate = allocate;
  }

  /** The alignments, or `undefined` where the file system does not report them. */
  directAlignment(fd: number): DirectAlignment | undefined {
    const { address, buffer } = this.#result ??= this.#allocate();
    const mask = STATX_DIOALIGN | STATX_DIO_READ_ALIGN;
    if (this.#call(fd, address + STATX_SIZE, AT_EMPTY_PATH, mask, address) < 0) return undefined;
    const statx = new DataView(buffer);
    const reported = statx.getUint32(STX_MASK, true);
    const offset = statx.getUint32(STX_DIO_OFFSET_ALIGN, true);
    // 0 means that the file does not support O_DIRECT.
    if ((reported & STATX_DIOALIGN) === 0 || offset === 0) return undefined;
    return {
      memory: statx.getUint32(STX_DIO_MEM_ALIGN, true),
      offset,
      readOffset: (reported & STATX_DIO_READ_ALIGN) === 0
        ? offset
        : statx.getUint32(STX_DIO_READ_OFFSET_ALIGN, true) || offset,
    };
  }
}
