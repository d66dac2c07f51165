import { AIO_RING_HEADER_SIZE, AIO_RING_MAGIC } from "../src/abi/aio_ring.ts";
import { IO_EVENT_SIZE } from "../src/abi/io_event.ts";
import { IOCB_DATA, IOCB_NBYTES } from "../src/abi/iocb.ts";
import type { Address, Allocation, Kernel } from "../src/kernel.ts";

const PAGE = 4096;
const HEADER_WORDS = AIO_RING_HEADER_SIZE / 4;
const EVENT_WORDS = IO_EVENT_SIZE / 4;

interface Region {
  start: Address;
  words: Uint32Array<ArrayBuffer>;
}

/**
 * A kernel that has done everything at once and touches no memory: what is left is what the
 * library itself costs. One context; no waiting, no cancelling.
 */
export class NullKernel implements Kernel {
  readonly #regions: Region[] = [];
  #next: Address = PAGE;
  #ring: Region | undefined;
  #nr = 0;

  io_setup(nr_events: number, ctxp: BigUint64Array): number {
    this.#nr = 4 * nr_events;
    const { address } = this.allocate(AIO_RING_HEADER_SIZE + IO_EVENT_SIZE * this.#nr);
    this.#ring = this.#find(address);
    this.#ring.words.set([0, this.#nr, 0, 0, AIO_RING_MAGIC, 1, 0, AIO_RING_HEADER_SIZE]);
    ctxp[0] = BigInt(address);
    return 0;
  }

  io_destroy(): number {
    return 0;
  }

  io_submit(_ctx_id: number, nr: number, iocbpp: Address): number {
    const { start, words } = this.#find(iocbpp);
    const ring = this.#ring!.words;
    let tail = ring[3]!;
    for (let index = 0; index < nr; index++) {
      const iocb = (words[(iocbpp - start) / 4 + 2 * index]! - start) / 4;
      const event = HEADER_WORDS + EVENT_WORDS * tail;
      ring[event] = words[iocb + IOCB_DATA / 4]!;
      ring[event + 4] = words[iocb + IOCB_NBYTES / 4]!;
      if (++tail === this.#nr) tail = 0;
    }
    ring[3] = tail;
    return nr;
  }

  io_cancel(): number {
    throw new Error("Cannot cancel: everything is done already");
  }

  io_getevents(): number {
    throw new Error("Cannot wait: everything is in the ring already");
  }

  io_pgetevents(): number {
    return this.io_getevents();
  }

  allocate(byteLength: number): Allocation {
    const address = this.#next;
    const size = Math.ceil(byteLength / PAGE) * PAGE;
    const buffer = new ArrayBuffer(size);
    this.#next += size;
    this.#regions.push({ start: address, words: new Uint32Array(buffer) });
    return { address, buffer, free: () => {} };
  }

  view(address: Address): ArrayBuffer {
    return this.#find(address).words.buffer;
  }

  addressOf(): Address {
    return PAGE;
  }

  #find(address: Address): Region {
    const found = this.#regions.find(({ start, words }) =>
      address >= start && address < start + words.byteLength
    );
    if (found === undefined) throw new Error(`Nothing is at address ${address}`);
    return found;
  }
}
