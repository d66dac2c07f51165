import { writeSync } from "node:fs";
import { EOPNOTSUPP } from "../../src/abi/errno.ts";
import {
  IOCB_FILDES,
  IOCB_LIO_OPCODE,
  IOCB_NBYTES,
  IOCB_RW_FLAGS,
  IOCB_SIZE,
} from "../../src/abi/iocb.ts";
import { IOCB_CMD_PREAD, IOCB_CMD_PWRITE } from "../../src/abi/opcodes.ts";
import { RWF_NOWAIT } from "../../src/abi/rw_flags.ts";
import type { FileHost } from "../../src/file_host.ts";
import type { Kernel } from "../../src/kernel.ts";
import { decorate, decorateFiles } from "./decorated_kernel.ts";
import { Fifo } from "./fifo.ts";
import { real } from "./real_kernel.ts";
import { BLOCK } from "./temp.ts";

const PIPE_SIZE = 65536;

/** A request as the kernel got it. */
export interface Seen {
  readonly opcode: number;
  readonly rwFlags: number;
  readonly length: number;
}

/** How much of a read or write can be done without waiting. */
export type Cached = "all" | "half" | "nothing" | "unsupported";

/**
 * The kernel of the machine, but what can be done without waiting is up to the test; and each
 * request is noted.
 */
export class ColdKernel implements Disposable {
  /** To make a context with. */
  readonly kernel: Kernel;
  /** All requests, in their order. */
  readonly seen: Seen[] = [];
  /** How many requests each io_submit handed over. */
  readonly batches: number[] = [];
  /** Asked for each read and write that must not wait. */
  cached: (nth: number) => Cached;
  readonly #empty = new Fifo();
  readonly #full = new Fifo();
  #asked = 0;

  /**
   * @param cached Says what is cached
   * @param files Replaces what open files ask of the machine
   */
  constructor(cached: (nth: number) => Cached, files: Partial<FileHost> = {}) {
    this.cached = cached;
    writeSync(this.#full.writeFd, new Uint8Array(PIPE_SIZE));
    this.kernel = decorate({
      files: decorateFiles({ blocksFor: () => "disk", ...files }),
      io_submit: (ctx_id, nr, iocbpp) => this.#submit(ctx_id, nr, iocbpp),
    });
  }

  /** How many reads and writes were to be made without waiting. */
  get attempts(): number {
    return this.seen.filter(({ rwFlags }) => (rwFlags & RWF_NOWAIT) !== 0).length;
  }

  #submit(ctx_id: number, nr: number, iocbpp: number): number {
    const pointers = new BigUint64Array(real.view(iocbpp, 8 * nr));
    const iocbs = [...pointers].map((at) => new DataView(real.view(Number(at), IOCB_SIZE)));
    const restore: (() => void)[] = [];
    let count = 0;
    for (const iocb of iocbs) {
      const seen = {
        opcode: iocb.getUint16(IOCB_LIO_OPCODE, true),
        rwFlags: iocb.getUint32(IOCB_RW_FLAGS, true),
        length: Number(iocb.getBigUint64(IOCB_NBYTES, true)),
      };
      const hurried = (seen.rwFlags & RWF_NOWAIT) !== 0;
      const cached = hurried ? this.cached(this.#asked) : "all";
      // Refused like the kernel refuses: those before it go on, and it is the first of the next
      if (cached === "unsupported" && count > 0) break;
      if (hurried) this.#asked++;
      this.seen.push(seen);
      if (cached === "unsupported") return -EOPNOTSUPP;
      count++;
      const fd = iocb.getInt32(IOCB_FILDES, true);
      // A pipe that is empty, or full, and not to block is what answers EAGAIN for certain
      if (cached === "nothing") {
        const pipe = seen.opcode === IOCB_CMD_PREAD ? this.#empty.fd : this.#full.writeFd;
        iocb.setInt32(IOCB_FILDES, pipe, true);
        iocb.setUint32(IOCB_RW_FLAGS, 0, true);
      }
      if (cached === "half") {
        const block = seen.opcode === IOCB_CMD_PWRITE ? BLOCK : 1;
        const half = Math.min(Math.ceil(seen.length / 2 / block) * block, seen.length);
        iocb.setBigUint64(IOCB_NBYTES, BigInt(half), true);
      }
      restore.push(() => {
        iocb.setInt32(IOCB_FILDES, fd, true);
        iocb.setUint32(IOCB_RW_FLAGS, seen.rwFlags, true);
        iocb.setBigUint64(IOCB_NBYTES, BigInt(seen.length), true);
      });
    }
    this.batches.push(count);
    const accepted = real.io_submit(ctx_id, count, iocbpp);
    // The kernel has copied them
    for (const undo of restore) undo();
    if (accepted !== count) throw new Error(`io_submit took ${accepted} of ${count}`);
    return accepted;
  }

  [Symbol.dispose](): void {
    this.#empty[Symbol.dispose]();
    this.#full[Symbol.dispose]();
  }
}
