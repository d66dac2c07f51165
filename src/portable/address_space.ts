/**
 * The memory of a process of the portable kernel: ArrayBuffers at addresses of their own.
 *
 * @module
 */
import { PAGE_SIZE } from "../abi/page.ts";
import { shown } from "../abi/shown.ts";
import { readUint64 } from "../abi/words.ts";
import type { Address, Allocation } from "../kernel.ts";

/** The end of user space: memory from here on is EFAULT at once. */
export const USER_END: number = 2 ** 47 - PAGE_SIZE;

/** Whether memory ends before the end of user space; it need not be mapped. */
export function access_ok(address: Address, byteLength: number): boolean {
  return address + byteLength <= USER_END;
}

/** One ArrayBuffer at its address. */
interface Region {
  readonly start: Address;
  readonly end: Address;
  /** The memory, empty once it was detached; `undefined` once it was collected. */
  memory(): ArrayBuffer | undefined;
}

/** A region with its memory, which has a length while it is available. */
interface Hit {
  readonly region: Region;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/**
 * A part of memory. {@link lengthOf} says how long it is now: the memory may have been freed, or
 * have become shorter.
 */
export interface Span {
  /** All of the buffer: making a view of each part would cost as much as all the rest. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Where the part begins in `bytes`. */
  readonly offset: number;
  /** How long it was. */
  readonly length: number;
}

/** How many bytes of a part are still available: all or none. */
export function lengthOf({ bytes, offset, length }: Span): number {
  return offset + length <= bytes.length ? length : 0;
}

/**
 * The memory of one process. Addresses are given out upwards and never again, with a free page
 * between any two buffers, so that an access beyond the end of a buffer is a fault.
 */
export class AddressSpace {
  /** By address. */
  readonly #regions: Region[] = [];
  /** Where the next buffer goes: of 32-bit programs, and of all others. */
  readonly #low = { next: 0x10000, end: 2 ** 32 };
  readonly #high = { next: 2 ** 44, end: USER_END };
  /** What the last access of each kind has hit. */
  #located: Hit | undefined;
  #spanned: Hit | undefined;
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
        `Cannot allocate memory: \`byteLength\` must be a positive integer: current value is ${
          shown(byteLength)
        }`,
      );
    }
    const buffer = new ArrayBuffer(byteLength);
    const region = this.#insert(byteLength, low, () => buffer);
    const free = () => {
      this.#remove(region);
      // Empties every view of the buffer, which its owner may have detached.
      if (buffer.byteLength > 0) buffer.transfer(0);
    };
    return { address: region.start, buffer, free };
  }

  /** The address of a buffer, which it gets at the first call. Its memory remains its owner's. */
  addressOf(buffer: ArrayBuffer): Address {
    const known = this.#registered.get(buffer);
    if (known !== undefined) return known;
    const weak = new WeakRef(buffer);
    const region = this.#insert(Math.max(1, buffer.byteLength), false, () => weak.deref());
    this.#registered.set(buffer, region.start);
    this.#collected.register(buffer, region);
    return region.start;
  }

  /**
   * The memory at an address, as the ArrayBuffer that it is.
   *
   * @throws {RangeError} Unless a buffer of at least `byteLength` bytes begins at `address`
   */
  buffer(address: Address, byteLength: number): ArrayBuffer {
    const hit = this.#hit(address);
    if (hit === undefined || hit.bytes.length < byteLength) {
      throw new RangeError(`Cannot view memory: ${byteLength} bytes at ${address} are not mapped`);
    }
    // JavaScript has no buffer that is a part of another.
    if (hit.region.start !== address) {
      throw new RangeError(
        `Cannot view memory: the portable kernel has views on whole allocations only, and ${address} is inside one that begins at ${hit.region.start}`,
      );
    }
    return hit.bytes.buffer;
  }

  /**
   * Looks memory up for a short access.
   *
   * @returns Whether all of it is available; then {@link AddressSpace.view} and `offset` lead to it
   */
  locate(address: Address, byteLength: number): boolean {
    let hit = this.#located;
    // The words of a resizable buffer have the length that it had.
    const same = hit !== undefined && this.words.length === hit.bytes.length >>> 2;
    if (hit === undefined || !same || !isIn(hit, address)) {
      hit = this.#located = this.#hit(address);
      if (hit === undefined) return false;
      this.view = new DataView(hit.bytes.buffer);
      this.words = new Uint32Array(hit.bytes.buffer, 0, hit.bytes.length >>> 2);
    }
    this.offset = address - hit.region.start;
    return this.offset + byteLength <= hit.bytes.length;
  }

  /** An entry of an array of pointers; -1 if its memory is missing. */
  pointer(array: Address, index: number, compat: boolean): number {
    const size = compat ? 4 : 8;
    if (!this.locate(array + size * index, size)) return -1;
    const { offset, words } = this;
    if (compat) return this.view.getUint32(offset, true);
    if (offset % 4 !== 0) return readUint64(this.view, offset);
    // In one of the runtimes this costs a fraction of a DataView.
    return words[offset / 4 + 1]! * 2 ** 32 + words[offset / 4]!;
  }

  /** Copies words to an address; `false` if the memory is missing. */
  copyOut(address: Address, words: Int32Array, first: number, count: number): boolean {
    if (!this.locate(address, 4 * count)) return false;
    for (let word = 0; word < count; word++) {
      this.view.setInt32(this.offset + 4 * word, words[first + word]!, true);
    }
    return true;
  }

  /**
   * The bytes from an address on.
   *
   * @returns At most `byteLength` bytes, fewer if the memory ends before; `undefined` for none
   */
  span(address: Address, byteLength: number): Span | undefined {
    let hit = this.#spanned;
    if (hit === undefined || !isIn(hit, address)) hit = this.#spanned = this.#hit(address);
    if (hit === undefined) return undefined;
    const { bytes, region } = hit;
    const offset = address - region.start;
    if (offset >= bytes.length) return undefined;
    return { bytes, offset, length: Math.min(byteLength, bytes.length - offset) };
  }

  #insert(byteLength: number, low: boolean, memory: Region["memory"]): Region {
    const size = Math.ceil(byteLength / PAGE_SIZE) * PAGE_SIZE;
    const range = low ? this.#low : this.#high;
    const start = range.next;
    if (start + size > range.end) {
      throw new RangeError("Cannot allocate memory: no address is left");
    }
    range.next += size + PAGE_SIZE;
    const region: Region = { start, end: start + byteLength, memory };
    this.#regions.splice(this.#place(start), 0, region);
    return region;
  }

  #remove(region: Region): void {
    const place = this.#place(region.start);
    if (this.#regions[place] === region) this.#regions.splice(place, 1);
    if (this.#located?.region === region) this.#located = undefined;
    if (this.#spanned?.region === region) this.#spanned = undefined;
  }

  #hit(address: Address): Hit | undefined {
    const region = this.#regions[this.#place(address + 1) - 1];
    const buffer = region?.memory();
    if (region === undefined || !buffer?.byteLength || address >= region.end) return undefined;
    return { region, bytes: new Uint8Array(buffer) };
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

/** Whether an access hits the same region again, and its memory is still available. */
function isIn({ region, bytes }: Hit, address: Address): boolean {
  return address >= region.start && address < region.end && bytes.length > 0;
}
