import assert from "node:assert/strict";
import { setTimeout } from "node:timers";
import { IOCB_FLAGS, IOCB_SIZE } from "../../src/abi/iocb.ts";
import type { Kernel } from "../../src/kernel.ts";
import { decorate } from "./decorated_kernel.ts";
import { real } from "./real_kernel.ts";

/** A kernel that keeps requests to itself for a while, as a disk does, and notes their flags. */
export class LateKernel {
  /** `aio_flags` of each request. */
  readonly flags: number[] = [];
  /** How many requests each io_submit has handed over. */
  readonly submitted: number[] = [];
  /** For how many milliseconds requests are held back; those that 0 meets are prompt. */
  delay = 0;
  /** How many are held back. */
  held = 0;
  readonly kernel: Kernel = decorate({
    io_submit: (ctx_id, nr, iocbpp) => {
      this.submitted.push(nr);
      const pointers = [...new BigUint64Array(real.view(iocbpp, 8 * nr))];
      for (const pointer of pointers) {
        const iocb = new DataView(real.view(Number(pointer), IOCB_SIZE));
        this.flags.push(iocb.getUint32(IOCB_FLAGS, true));
      }
      if (this.delay === 0) return real.io_submit(ctx_id, nr, iocbpp);
      this.held += nr;
      // The array of pointers is used again at once; what it points to is not.
      const list = real.allocate(8 * nr);
      new BigUint64Array(list.buffer, 0, nr).set(pointers);
      setTimeout(() => {
        this.held -= nr;
        assert.equal(real.io_submit(ctx_id, nr, list.address), nr);
        list.free();
      }, this.delay);
      return nr;
    },
  });
}
