import type { Kernel } from "../../src/kernel.ts";
import { linux } from "./real_kernel.ts";

/**
 * The real kernel, with some of its calls replaced. Contexts on it share nothing with others: each
 * kernel object has a pool of its own.
 *
 * @param calls What is replaced
 */
export function decorate(calls: Partial<Kernel>): Required<Kernel> {
  return { ...bare(), ...optional(), ...calls } as Required<Kernel>;
}

/** The real kernel without anything that is optional. */
export function bare(): Kernel {
  return {
    io_setup: (nr_events, ctxp) => linux.io_setup(nr_events, ctxp),
    io_destroy: (ctx_id) => linux.io_destroy(ctx_id),
    io_submit: (ctx_id, nr, iocbpp) => linux.io_submit(ctx_id, nr, iocbpp),
    io_cancel: (ctx_id, iocb, result) => linux.io_cancel(ctx_id, iocb, result),
    io_getevents: (...args) => linux.io_getevents(...args),
    io_pgetevents: (...args) => linux.io_pgetevents(...args),
    allocate: (byteLength) => linux.allocate(byteLength),
    view: (address, byteLength) => linux.view(address, byteLength),
  };
}

function optional(): Partial<Kernel> {
  return {
    addressOf: (buffer) => linux.addressOf(buffer),
    wakeup: (wake) => linux.wakeup(wake),
    directAlignment: (fd) => linux.directAlignment(fd),
    limits: () => linux.limits(),
  };
}

/** Reads the iocbs that an io_submit hands over: the offset in them, 64 bits each. */
export function submittedWords(nr: number, iocbpp: number, byteOffset: number): number[] {
  const pointers = new BigUint64Array(linux.view(iocbpp, 8 * nr));
  return [...pointers].map((pointer) =>
    Number(new BigUint64Array(linux.view(Number(pointer) + byteOffset, 8))[0])
  );
}
