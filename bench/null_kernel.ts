import { AIO_RING_HEADER_SIZE, AIO_RING_MAGIC } from "../src/abi/aio_ring.ts";
import { IO_EVENT_SIZE } from "../src/abi/io_event.ts";
import { IOCB_DATA, IOCB_NBYTES } from "../src/abi/iocb.ts";
import type { Address, Allocation, Kernel } from "../src/kernel.ts";

/** Each allocation has so many addresses of its own, so that an address tells which one it is in. */
const REGION = 2 ** 32;
const HEADER_WORDS = AIO_RING_HEADER_SIZE / 4;
const EVENT_WORDS = IO_EVENT_SIZE / 4;

/**
 * A kernel that has done everything at once and touches no memory: what is left is what the
 * library itself costs. One context; no waiting, no cancelling.
 */
export class NullKernel implements Kernel {
  /** The allocations; nothing is at address 0. */
  readonly #regions = [new Uint32Array(0)];
  #ring = this.#regions[0]!;
  #nr = 0;

  io_setup(nr_events: number, ctxp: BigUint64Array): number {
    this.#nr = 4 * nr_events;
    const { address } = this.allocate(AIO_RING_HEADER_SIZE + IO_EVENT_SIZE * this.#nr);
    this.#ring = this.#regionOf(address);
    this.#ring.set([0, this.#nr, 0, 0, AIO_RING_MAGIC, 1, 0, AIO_RING_HEADER_SIZE]);
    ctxp[0] = BigInt(address);
    return 0;
  }

  io_destroy(): number {
    return 0;
  }

  io_submit(_ctx_id: number, nr: number, iocbpp: Address): number {
    const words = this.#regionOf(iocbpp);
    const ring = this.#ring;
    let tail = ring[3]!;
    for (let index = 0; index < nr; index++) {
      const iocb = words[iocbpp % REGION / 4 + 2 * index]! / 4;
      const event = HEADER_WORDS + EVENT_WORDS * tail;
      ring[event] = words[iocb + IOCB_DATA / 4]!;
      ring[event + 4] = words[iocb + IOCB_NBYTES / 4]!;
      if (++tail === this.#nr) tail = 0;
    }
    ring[3] = tail;
    return nr;
  }

  readonly io_cancel = refuse;
  readonly io_getevents = refuse;
  readonly io_pgetevents = refuse;

  allocate(byteLength: number): Allocation {
    const words = new Uint32Array(Math.ceil(byteLength / 4));
    const address = REGION * (this.#regions.push(words) - 1);
    return { address, buffer: words.buffer, free: () => {} };
  }

  view(address: Address): ArrayBuffer {
    return this.#regionOf(address).buffer;
  }

  addressOf(): Address {
    return REGION;
  }

  #regionOf(address: Address): Uint32Array<ArrayBuffer> {
    return this.#regions[Math.floor(address / REGION)]!;
  }
}

function refuse(): number {
  throw new Error("Cannot wait or cancel: everything is done and in the ring already");
}
