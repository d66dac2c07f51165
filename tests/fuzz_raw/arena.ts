import { AIO_SIGSET_SIZE, IOCB_SIZE, IOVEC_SIZE, type Kernel } from "../../src/syscalls.ts";
import type { Random } from "../support/random.ts";

const REGION = 1 << 16;
/** What a call may write to; the rest of a region stays zero, so that what runs over finds 0. */
const USED = 4096;
/** For the iovecs of one iocb. */
const VECTORS = 512;
const EVENTS = 1 << 18;
const DATA = 1 << 20;

/** A part of the memory that belongs to the fuzzer. */
export interface Region {
  readonly address: number;
  readonly buffer: ArrayBuffer;
  readonly bytes: Uint8Array;
}

/**
 * Memory that the kernel may be told to use. Each kind of struct has a region of its own: where a
 * request reads data to, no call looks for pointers.
 */
export class Arena {
  readonly control: Region;
  readonly pointers: Region;
  readonly iocbs: Region;
  readonly vectors: Region;
  readonly events: Region;
  readonly data: Region;
  #misaligned = 0;

  constructor(kernel: Kernel) {
    const region = (byteLength: number): Region => {
      const { address, buffer } = kernel.allocate(byteLength);
      return { address, buffer, bytes: new Uint8Array(buffer) };
    };
    this.control = region(REGION);
    this.pointers = region(REGION);
    this.iocbs = region(REGION);
    this.vectors = region(REGION);
    this.events = region(EVENTS);
    this.data = region(DATA);
  }

  /** Lays out pointers, zeros behind them; the address of the first. */
  layPointers(addresses: readonly number[], misaligned: number): number {
    const { address, buffer, bytes } = this.pointers;
    bytes.fill(0, 0, USED);
    const view = new DataView(buffer);
    for (const [index, pointer] of addresses.entries()) {
      view.setBigUint64(misaligned + 8 * index, BigInt.asUintN(64, BigInt(pointer)), true);
    }
    return address + misaligned;
  }

  /** A clean place for an iocb, clear of the others of this call; its offset in the region. */
  iocbPlace(index: number, misaligned: number): number {
    const start = index * 2 * IOCB_SIZE;
    this.iocbs.bytes.fill(0, start, start + 2 * IOCB_SIZE);
    return start + misaligned;
  }

  /**
   * Begins a call: its iovec arrays all lie equally far from a multiple of 16, so that one that is
   * said to be longer than it is runs into others, and never into halves of them.
   */
  clearVectors(misaligned: number): void {
    this.#misaligned = misaligned;
    this.vectors.bytes.fill(0, 0, USED);
  }

  /** Lays out the iovecs of one iocb, at most 31; the address of the first. */
  layVectors(
    index: number,
    parts: readonly (readonly [address: number, length: number])[],
  ): number {
    const { address, buffer } = this.vectors;
    const view = new DataView(buffer);
    const start = index * VECTORS + this.#misaligned;
    for (const [number, [base, length]] of parts.entries()) {
      const place = start + IOVEC_SIZE * number;
      view.setBigUint64(place, BigInt.asUintN(64, BigInt(base)), true);
      view.setBigUint64(place + 8, BigInt.asUintN(64, BigInt(length)), true);
    }
    return address + start;
  }

  /** Writes a short timespec; its address. */
  layTimeout(nanoseconds: number, misaligned: number): number {
    const view = new DataView(this.control.buffer);
    view.setBigInt64(misaligned, 0n, true);
    view.setBigInt64(misaligned + 8, BigInt(nanoseconds), true);
    return this.control.address + misaligned;
  }

  /** Writes an __aio_sigset, sound or not; its address. */
  laySigset(sigmask: number, size: number, misaligned: number): number {
    const view = new DataView(this.control.buffer);
    const place = 256 + misaligned;
    view.setBigUint64(place, BigInt.asUintN(64, BigInt(sigmask)), true);
    view.setBigUint64(place + AIO_SIGSET_SIZE / 2, BigInt(size), true);
    return this.control.address + place;
  }

  /** A piece of the data, of any alignment. */
  dataPiece(random: Random): readonly [address: number, length: number] {
    const unit = random.pick([1, 512, 4096]);
    const length = unit * random.below(65536 / unit + 1);
    const start = unit * random.below((DATA - length) / unit + 1);
    return [this.data.address + start, length];
  }
}
