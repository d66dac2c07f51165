import type { Kernel } from "../../src/kernel.ts";
import { bare, decorate, wordsAt } from "./decorated_kernel.ts";
import { real } from "./real_kernel.ts";

/** A kernel, and how often it was asked to take requests. */
export interface CountingKernel {
  readonly kernel: Kernel;
  /** The number of requests of each io_submit. */
  readonly submitted: number[];
}

/** The real kernel, counted. */
export function counting(): CountingKernel {
  const submitted: number[] = [];
  const kernel = decorate({
    io_submit(ctx_id, nr, iocbpp) {
      submitted.push(nr);
      return real.io_submit(ctx_id, nr, iocbpp);
    },
  });
  return { kernel, submitted };
}

/**
 * The real kernel without what is optional: the memory that stands in for the user's comes from it,
 * and each piece of it is noted.
 */
export function allocating(): { readonly kernel: Kernel; readonly allocated: number[] } {
  const allocated: number[] = [];
  const kernel = bare();
  return {
    allocated,
    kernel: {
      ...kernel,
      files: real.files,
      allocate(byteLength) {
        allocated.push(byteLength);
        return kernel.allocate(byteLength);
      },
    },
  };
}

/**
 * The real kernel, but it can accept requests without doing anything yet, as a slow disk does:
 * what it is told to hold back it performs when it is told to go on.
 */
export class SlowKernel {
  /** To make a context with. */
  readonly kernel: Kernel;
  /** Whether requests are held back from now on. */
  holding: boolean = false;
  #held: { ctx_id: number; iocbpp: number; nr: number }[] = [];

  constructor() {
    this.kernel = decorate({
      io_submit: (ctx_id, nr, iocbpp) => {
        if (!this.holding) return real.io_submit(ctx_id, nr, iocbpp);
        // A copy of the pointers: the iocbs themselves stay as they are until their events
        const { address, buffer } = real.allocate(8 * nr);
        new BigUint64Array(buffer).set(wordsAt(iocbpp, nr));
        this.#held.push({ ctx_id, iocbpp: address, nr });
        return nr;
      },
    });
  }

  /** How many requests are held back. */
  get held(): number {
    return this.#held.reduce((sum, { nr }) => sum + nr, 0);
  }

  /** Performs what was held back, and all that comes. */
  release(): void {
    this.holding = false;
    for (const { ctx_id, nr, iocbpp } of this.#held.splice(0)) {
      const accepted = real.io_submit(ctx_id, nr, iocbpp);
      if (accepted !== nr) throw new Error(`io_submit took ${accepted} of ${nr}`);
    }
  }
}
