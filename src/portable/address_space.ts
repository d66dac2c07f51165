/**
 * The memory of a process of the portable kernel: ArrayBuffers at addresses of their own.
 *
 * @module
 */
import { readUint64 } from "../abi/words.ts";
import type { Address, Allocation } from "../kernel.ts";

/** Bytes of a page; what addresses of memory are multiples of. */
export const PAGE_SIZE = 4096;

/** Where user space ends: memory at or above gives EFAULT at once. */
export const USER_END: number = 2 ** 47 - PAGE_SIZE;

const LOW_START = 0x10000;
const LOW_END = 2 ** 32;
const HIGH_START = 2 ** 44;

/** One ArrayBuffer at its address. */
interface Region {
  readonly start: Address;
  readonly end: Address;
  /** The memory; `undefined` once it was collected or detached. */
  memory(): ArrayBuffer | undefined;
}

/**
 * A part of memory. There are as many bytes as {@link lengthOf} says: the memory may have been
 * freed, or have become shorter.
 */
export interface Span {
  /** All of the buffer: to make a view of each part would cost as much as all the rest. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Where the part begins in `bytes`. */
  readonly offset: number;
  /** How long it was. */
  readonly length: number;
}

/** How many bytes of a part are there still: all or none. */
export function lengthOf({ bytes, offset, length }: Span): number {
  return offset + length <= bytes.length ? length : 0;
}

/**
 * Addresses are given out upwards and never again, with a free page between any two pieces, so
 * that an access beyond the end of one is a fault and not a hit of another.
 */
export class AddressSpace {
  /** By address. */
  readonly #regions: Region[] = [];
  #nextLow = LOW_START;
  #nextHigh = HIGH_START;
  /** What the last access of each kind hit; its memory is known to be there while it has a length. */
  #located: Region | undefined;
  #locatedBytes = new Uint8Array(0);
  #spanned: Region | undefined;
  #spannedBytes = new Uint8Array(0);
  readonly #registered = new WeakMap<ArrayBuffer, Address>();
  readonly #collected = new FinalizationRegistry<Region>((region) => this.#remove(region));
  /** Where {@link AddressSpace.locate} found the memory. */
  view: DataView<ArrayBuffer> = new DataView(new ArrayBuffer(0));
  /** The byte of {@link AddressSpace.view} that lies at the address. */
  offset: number = 0;
  /** All whole words of {@link AddressSpace.view}. */
  words: Uint32Array<ArrayBuffer> = new Uint32Array(0);

  /**
   * Zeroed memory.
   *
   * @param byteLength Bytes
   * @param low Whether the address must fit 32 bits
   * @throws {RangeError} If `byteLength` is not a positive integer, or memory is used up
   */
  allocate(byteLength: number, low: boolean = false): Allocation {
    if (!Number.isSafeInteger(byteLength) || byteLength < 1) {
      throw new RangeError(
        `Cannot allocate memory: \`byteLength\` must be a positive integer: current value is ${byteLength}`,
      );
    }
    const buffer = new ArrayBuffer(byteLength);
    const region = this.#insert(byteLength, low, () => present(buffer));
    const free = () => {
      this.#remove(region);
      detach(buffer);
    };
    return { address: region.start, buffer, free };
  }

  /** The address of a buffer, which it gets at the first call; its memory stays its owner's. */
  addressOf(buffer: ArrayBuffer): Address {
    const known = this.#registered.get(buffer);
    if (known !== undefined) return known;
    const weak = new WeakRef(buffer);
    const memory = () => present(weak.deref());
    const region = this.#insert(Math.max(1, buffer.byteLength), false, memory);
    this.#registered.set(buffer, region.start);
    this.#collected.register(buffer, region);
    return region.start;
  }

  /**
   * The memory at an address, as the ArrayBuffer that it is.
   *
   * @throws {RangeError} Unless `address` is where memory begins, and there are as many bytes
   */
  buffer(address: Address, byteLength: number): ArrayBuffer {
    const region = this.#find(address);
    const buffer = region?.memory();
    if (region === undefined || buffer === undefined || buffer.byteLength < byteLength) {
      throw new RangeError(`Cannot view memory: ${byteLength} bytes at ${address} are not mapped`);
    }
    // JavaScript has no buffer that is a part of another
    if (region.start !== address) {
      throw new RangeError(
        `Cannot view memory: the portable kernel has views on whole allocations only, and ${address} is inside one that begins at ${region.start}`,
      );
    }
    return buffer;
  }

  /**
   * Looks memory up for a short access.
   *
   * @returns Whether all of it is there; then {@link AddressSpace.view} and `offset` lead to it
   */
  locate(address: Address, byteLength: number): boolean {
    let region = this.#located;
    if (
      region === undefined || address < region.start || address >= region.end ||
      this.#locatedBytes.length === 0 || this.words.length !== this.#locatedBytes.length >>> 2
    ) {
      region = this.#find(address);
      const buffer = region?.memory();
      if (region === undefined || buffer === undefined) return false;
      this.#located = region;
      this.#locatedBytes = new Uint8Array(buffer);
      this.view = new DataView(buffer);
      this.words = new Uint32Array(buffer, 0, buffer.byteLength >>> 2);
    }
    this.offset = address - region.start;
    return this.offset + byteLength <= this.#locatedBytes.length;
  }

  /** The 64-bit word at an address, as a number that may be rounded; -1 where there is none. */
  uint64(address: Address): number {
    if (!this.locate(address, 8)) return -1;
    const { offset, words } = this;
    if (offset % 4 !== 0) return readUint64(this.view, offset);
    // A fraction of the cost of a DataView in one of the runtimes
    return words[offset / 4 + 1]! * 2 ** 32 + words[offset / 4]!;
  }

  /**
   * The bytes from an address on.
   *
   * @returns At most `byteLength` of them, fewer where the memory ends; `undefined` for none
   */
  span(address: Address, byteLength: number): Span | undefined {
    let region = this.#spanned;
    if (
      region === undefined || address < region.start || address >= region.end ||
      this.#spannedBytes.length === 0
    ) {
      region = this.#find(address);
      const buffer = region?.memory();
      if (region === undefined || buffer === undefined) return undefined;
      this.#spanned = region;
      this.#spannedBytes = new Uint8Array(buffer);
    }
    const bytes = this.#spannedBytes;
    const offset = address - region.start;
    if (offset >= bytes.length) return undefined;
    return { bytes, offset, length: Math.min(byteLength, bytes.length - offset) };
  }

  #insert(byteLength: number, low: boolean, memory: Region["memory"]): Region {
    const size = Math.ceil(byteLength / PAGE_SIZE) * PAGE_SIZE;
    const start = low ? this.#nextLow : this.#nextHigh;
    if (start + size > (low ? LOW_END : USER_END)) {
      throw new RangeError("Cannot allocate memory: no address is left");
    }
    if (low) this.#nextLow += size + PAGE_SIZE;
    else this.#nextHigh += size + PAGE_SIZE;
    const region: Region = { start, end: start + byteLength, memory };
    this.#regions.splice(this.#place(start), 0, region);
    return region;
  }

  #remove(region: Region): void {
    const place = this.#place(region.start);
    if (this.#regions[place] === region) this.#regions.splice(place, 1);
    if (this.#located === region) this.#located = undefined;
    if (this.#spanned === region) this.#spanned = undefined;
  }

  #find(address: Address): Region | undefined {
    const region = this.#regions[this.#place(address + 1) - 1];
    if (region === undefined || !(address >= region.start && address < region.end)) {
      return undefined;
    }
    return region;
  }

  /** How many regions begin below `address`. */
  #place(address: Address): number {
    let low = 0;
    let high = this.#regions.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#regions[middle]!.start < address) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** The buffer, if it is there and was not detached. */
function present(buffer: ArrayBuffer | undefined): ArrayBuffer | undefined {
  return buffer === undefined || buffer.byteLength === 0 ? undefined : buffer;
}

/** Empties every view of a buffer, unless it is one that cannot be detached. */
function detach(buffer: ArrayBuffer): void {
  if (buffer.byteLength > 0) structuredClone(buffer, { transfer: [buffer] });
}
