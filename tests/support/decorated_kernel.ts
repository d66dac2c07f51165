import type { FileHost } from "../../src/file_host.ts";
import type { Address, Kernel } from "../../src/kernel.ts";
import { real } from "./real_kernel.ts";

/**
 * The real kernel, with some of its calls replaced. Contexts on it share nothing with others: each
 * kernel object has a pool of its own.
 *
 * @param calls What is replaced
 */
export function decorate(calls: Partial<Kernel>): Kernel {
  return { ...bare(), ...optional(), ...calls };
}

/** Memory that requests may lie in, as it was made. */
const memory: { address: Address; buffer: WeakRef<ArrayBuffer> }[] = [];

function note(address: Address, buffer: ArrayBuffer): void {
  memory.push({ address, buffer: new WeakRef(buffer) });
}

/** The real kernel without anything that is optional. */
export function bare(): Kernel {
  return {
    io_setup: (nr_events, ctxp) => real.io_setup(nr_events, ctxp),
    io_destroy: (ctx_id) => real.io_destroy(ctx_id),
    io_submit: (ctx_id, nr, iocbpp) => real.io_submit(ctx_id, nr, iocbpp),
    io_cancel: (ctx_id, iocb, result) => real.io_cancel(ctx_id, iocb, result),
    io_getevents: (...args) => real.io_getevents(...args),
    io_pgetevents: (...args) => real.io_pgetevents(...args),
    allocate(byteLength) {
      const allocation = real.allocate(byteLength);
      note(allocation.address, allocation.buffer);
      return allocation;
    },
    view: (address, byteLength) => real.view(address, byteLength),
  };
}

function optional(): Partial<Kernel> {
  return {
    addressOf(buffer) {
      const address = real.addressOf(buffer);
      note(address, buffer);
      return address;
    },
    wakeup: (wake) => real.wakeup(wake),
    limits: () => real.limits(),
    files: decorateFiles({}),
  };
}

/**
 * What open files ask of the machine, with some of its members replaced.
 *
 * @param members What is replaced
 */
export function decorateFiles(members: Partial<FileHost>): FileHost {
  const { files } = real;
  return {
    blocksFor: (fd) => files.blocksFor(fd),
    ...files.directAlignment && { directAlignment: (fd) => files.directAlignment!(fd) },
    ...files.endsEarly && { endsEarly: true },
    ...files.readNow && { readNow: (...args) => files.readNow!(...args) },
    ...files.seek && { seek: files.seek },
    ...files.alias && { alias: (bytes) => files.alias!(bytes) },
    ...files.pwritev && { pwritev: (...args) => files.pwritev!(...args) },
    ...files.fallocate && { fallocate: (...args) => files.fallocate!(...args) },
    ...members,
  };
}

/**
 * Bytes that a decorated kernel was given the address of. Not every kernel can show the middle of
 * memory as a buffer of its own.
 */
export function bytesAt(address: Address, byteLength: number): Uint8Array<ArrayBuffer> {
  for (const { address: start, buffer } of memory) {
    const bytes = buffer.deref();
    if (bytes === undefined || address < start) continue;
    const offset = address - start;
    if (offset + byteLength <= bytes.byteLength) return new Uint8Array(bytes, offset, byteLength);
  }
  throw new RangeError(`Cannot find memory: no allocation has it: ${address}`);
}

/** 64-bit words that a decorated kernel was given the address of. */
export function wordsAt(address: Address, count: number): BigUint64Array {
  const { buffer, byteOffset } = bytesAt(address, 8 * count);
  return new BigUint64Array(buffer, byteOffset, count);
}

/** Reads the iocbs that an io_submit hands over: the offset in them, 64 bits each. */
export function submittedWords(nr: number, iocbpp: number, byteOffset: number): number[] {
  return [...wordsAt(iocbpp, nr)].map((pointer) =>
    Number(wordsAt(Number(pointer) + byteOffset, 1)[0])
  );
}
