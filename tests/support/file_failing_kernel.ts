import { EIO } from "../../src/abi/errno.ts";
import { IO_EVENT_OBJ, IO_EVENT_RES, IO_EVENT_SIZE } from "../../src/abi/io_event.ts";
import { IOCB_LIO_OPCODE, IOCB_NBYTES, IOCB_OFFSET, IOCB_SIZE } from "../../src/abi/iocb.ts";
import { IOCB_CMD_PREAD } from "../../src/abi/opcodes.ts";
import type { Kernel } from "../../src/kernel.ts";
import { bytesAt, decorate, wordsAt } from "./decorated_kernel.ts";
import { real } from "./real_kernel.ts";

/** A read as the kernel got it. */
export interface SeenRead {
  readonly position: number;
  readonly length: number;
}

/**
 * The kernel of the machine, but which reads fail with EIO is up to the test; and each read is
 * noted. For contexts that have `reap: "syscall"`: the events in the ring are the machine's.
 */
export class FailingKernel {
  /** To make a context with. */
  readonly kernel: Kernel;
  /** All reads, in their order. */
  readonly reads: SeenRead[] = [];
  /** The iocbs of reads that are to fail. */
  readonly #failing = new Set<bigint>();

  /** @param fails Whether a read fails; it is `nth` of all, from 0 */
  constructor(fails: (read: SeenRead, nth: number) => boolean) {
    this.kernel = decorate({
      io_submit: (ctx_id, nr, iocbpp) => {
        // All of them, or none: what is refused would be noted twice.
        for (const iocb of wordsAt(iocbpp, nr)) this.#note(iocb, fails);
        const accepted = real.io_submit(ctx_id, nr, iocbpp);
        if (accepted !== nr) throw new Error(`io_submit took ${accepted} of ${nr}`);
        return accepted;
      },
      io_getevents: (ctx_id, min_nr, nr, events, timeout) => {
        const count = real.io_getevents(ctx_id, min_nr, nr, events, timeout);
        for (let i = 0; i < count; i++) this.#change(events + i * IO_EVENT_SIZE);
        return count;
      },
    });
  }

  #note(iocb: bigint, fails: (read: SeenRead, nth: number) => boolean): void {
    this.#failing.delete(iocb);
    const view = viewAt(Number(iocb), IOCB_SIZE);
    if (view.getUint16(IOCB_LIO_OPCODE, true) !== IOCB_CMD_PREAD) return;
    const read = {
      position: Number(view.getBigInt64(IOCB_OFFSET, true)),
      length: Number(view.getBigUint64(IOCB_NBYTES, true)),
    };
    if (fails(read, this.reads.length)) this.#failing.add(iocb);
    this.reads.push(read);
  }

  #change(event: number): void {
    const view = viewAt(event, IO_EVENT_SIZE);
    if (!this.#failing.has(view.getBigUint64(IO_EVENT_OBJ, true))) return;
    view.setBigInt64(IO_EVENT_RES, BigInt(-EIO), true);
  }
}

function viewAt(address: number, byteLength: number): DataView {
  const { buffer, byteOffset } = bytesAt(address, byteLength);
  return new DataView(buffer, byteOffset, byteLength);
}
