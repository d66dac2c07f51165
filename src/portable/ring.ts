/**
 * The completion ring, from the side of the kernel.
 *
 * @module
 */
import * as header from "../abi/aio_ring.ts";
import { EFAULT } from "../abi/errno.ts";
import { IO_EVENT_SIZE } from "../abi/io_event.ts";
import { PAGE_SIZE } from "../abi/page.ts";
import type { Address, Allocation } from "../kernel.ts";
import type { AddressSpace } from "./address_space.ts";
import type { Kiocb } from "./kiocb.ts";

/** As when kaio was loaded; see timers.ts. */
const { load, store } = Atomics;

const UPPER = 2 ** 32;
const HEAD = header.AIO_RING_HEAD_OFFSET / 4;
const TAIL = header.AIO_RING_TAIL_OFFSET / 4;
const HEADER_WORDS = header.AIO_RING_HEADER_SIZE / 4;
const EVENT_WORDS = IO_EVENT_SIZE / 4;

/** Head and tail never meet, so one place stays free. The kernel leaves a second one, so we do. */
const OVERLAP = 2;

/** How many events fit the whole pages that are needed for `events` of them. */
export function ringEvents(events: number): number {
  const size = header.AIO_RING_HEADER_SIZE + IO_EVENT_SIZE * (events + OVERLAP);
  const pages = Math.ceil(size / PAGE_SIZE);
  return Math.floor((pages * PAGE_SIZE - header.AIO_RING_HEADER_SIZE) / IO_EVENT_SIZE);
}

/** Writes the event of a request into words, from `at` on. */
export function writeEvent(words: Int32Array, at: number, request: Kiocb, res: number): void {
  words[at] = request.dataLow;
  words[at + 1] = request.dataHigh;
  words[at + 2] = request.iocb;
  words[at + 3] = request.iocb / UPPER;
  words[at + 4] = res;
  words[at + 5] = res < 0 ? -1 : 0;
  words[at + 6] = words[at + 7] = 0;
}

/** A ring in memory that the program sees. */
export class Ring {
  /** Where it lies. */
  readonly address: Address;
  /** Places for events; one stays free. The kernel never reads the copy in the header. */
  readonly nr: number;
  readonly #memory: Allocation;
  readonly #words: Int32Array;
  /** The kernel's own, so that it does not matter what the program writes over it in the ring. */
  #tail = 0;

  /**
   * Maps the ring and fills its header: counterpart of `aio_setup_ring`.
   *
   * @param space The memory of the process
   * @param nr Places
   * @param low Whether its address must fit 32 bits
   * @throws {RangeError} If there is no memory
   */
  constructor(space: AddressSpace, nr: number, low: boolean) {
    this.nr = nr;
    this.#memory = space.allocate(header.AIO_RING_HEADER_SIZE + IO_EVENT_SIZE * nr, low);
    this.address = this.#memory.address;
    const words = this.#words = new Int32Array(this.#memory.buffer);
    words[header.AIO_RING_NR_OFFSET / 4] = nr;
    words[header.AIO_RING_MAGIC_OFFSET / 4] = header.AIO_RING_MAGIC;
    words[header.AIO_RING_COMPAT_FEATURES_OFFSET / 4] = header.AIO_RING_COMPAT_FEATURES;
    words[header.AIO_RING_INCOMPAT_FEATURES_OFFSET / 4] = header.AIO_RING_INCOMPAT_FEATURES;
    words[header.AIO_RING_HEADER_LENGTH_OFFSET / 4] = header.AIO_RING_HEADER_SIZE;
  }

  /** `id` of the header, which the program may have overwritten. */
  get id(): number {
    return this.#words[header.AIO_RING_ID_OFFSET / 4]! >>> 0;
  }

  set id(value: number) {
    this.#words[header.AIO_RING_ID_OFFSET / 4] = value;
  }

  /** Whether the program took the memory away. */
  get detached(): boolean {
    return this.#words.length === 0;
  }

  /** Events that were not read yet, by the head, which the program writes. */
  get unread(): number {
    const head = (this.#words[HEAD]! >>> 0) % this.nr;
    return this.#tail >= head ? this.#tail - head : this.#tail - head + this.nr;
  }

  /** Adds the event of a request. There is room, as it was taken before the request began. */
  put(request: Kiocb, res: number): void {
    if (this.detached) return;
    writeEvent(this.#words, HEADER_WORDS + EVENT_WORDS * this.#tail, request, res);
    this.#tail = this.#tail + 1 === this.nr ? 0 : this.#tail + 1;
    // Last, and at least a release: a program that sees the tail must see the event.
    store(this.#words, TAIL, this.#tail);
  }

  /**
   * Linux 3.4: takes the oldest event off the ring and copies it out; if it cannot be copied, it is
   * lost. The tail is that of the header, as it is: the program may have written over it.
   *
   * @param space The memory of the process
   * @param event The place for the event
   * @returns How many events were copied, 0 or 1; or -EFAULT
   */
  aio_read_evt(space: AddressSpace, event: Address): number {
    const words = this.#words;
    if (this.detached) return 0;
    const tail = load(words, TAIL) >>> 0;
    const head = words[HEAD]! >>> 0;
    const first = head % this.nr;
    if (head === tail || first === tail) return 0;
    const copied = space.copyOut(event, words, HEADER_WORDS + EVENT_WORDS * first, EVENT_WORDS);
    // At least a release: from here on the place is free.
    store(words, HEAD, (first + 1) % this.nr);
    return copied ? 1 : -EFAULT;
  }

  /**
   * Linux 6.18: copies events out, oldest first. If one of them cannot be copied, all stay.
   *
   * @param space The memory of the process
   * @param events The first place for an event
   * @param count How many events at most
   * @returns How many were copied, or -EFAULT
   */
  aio_read_events_ring(space: AddressSpace, events: Address, count: number): number {
    const words = this.#words;
    if (this.detached) return 0;
    // That of the header, as the kernel reads it, even if the program wrote over it.
    const end = load(words, TAIL);
    if (words[HEAD] === end) return 0;
    let head = (words[HEAD]! >>> 0) % this.nr;
    const tail = (end >>> 0) % this.nr;
    let taken = 0;
    while (taken < count && head !== tail) {
      const event = HEADER_WORDS + EVENT_WORDS * head;
      if (!space.copyOut(events + IO_EVENT_SIZE * taken, words, event, EVENT_WORDS)) return -EFAULT;
      head = head + 1 === this.nr ? 0 : head + 1;
      taken++;
    }
    // At least a release: from here on the places are free.
    store(words, HEAD, head);
    return taken;
  }

  /** Unmaps the ring: views of the program become empty. */
  aio_free_ring(): void {
    this.#memory.free();
  }
}
