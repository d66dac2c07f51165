/**
 * The completion ring, from the side of the kernel. See aio_setup_ring, aio_complete and
 * read_events of fs/aio.c.
 *
 * @module
 */
import {
  AIO_RING_COMPAT_FEATURES,
  AIO_RING_COMPAT_FEATURES_OFFSET,
  AIO_RING_HEAD_OFFSET,
  AIO_RING_HEADER_LENGTH_OFFSET,
  AIO_RING_HEADER_SIZE,
  AIO_RING_ID_OFFSET,
  AIO_RING_INCOMPAT_FEATURES,
  AIO_RING_INCOMPAT_FEATURES_OFFSET,
  AIO_RING_MAGIC,
  AIO_RING_MAGIC_OFFSET,
  AIO_RING_NR_OFFSET,
  AIO_RING_TAIL_OFFSET,
} from "../abi/aio_ring.ts";
import { EFAULT } from "../abi/errno.ts";
import { IO_EVENT_SIZE } from "../abi/io_event.ts";
import type { Address, Allocation } from "../kernel.ts";
import { type AddressSpace, PAGE_SIZE } from "./address_space.ts";
import type { Kiocb } from "./kiocb.ts";

const UPPER = 2 ** 32;
const HEAD = AIO_RING_HEAD_OFFSET / 4;
const TAIL = AIO_RING_TAIL_OFFSET / 4;
const HEADER_WORDS = AIO_RING_HEADER_SIZE / 4;
const EVENT_WORDS = IO_EVENT_SIZE / 4;

/** Head and tail never meet, so one place stays free; the second is for good luck. */
const OVERLAP = 2;

/** How many events fit the whole pages that are needed for `events` of them. */
export function ringEvents(events: number): number {
  const size = AIO_RING_HEADER_SIZE + IO_EVENT_SIZE * (events + OVERLAP);
  const pages = Math.ceil(size / PAGE_SIZE);
  return Math.floor((pages * PAGE_SIZE - AIO_RING_HEADER_SIZE) / IO_EVENT_SIZE);
}

/** A ring in memory that the program sees. */
export class Ring {
  /** Where it lies. */
  readonly address: Address;
  /** Places for events; one stays free. The copy in the header is never read again. */
  readonly nr: number;
  readonly #memory: Allocation;
  readonly #words: Int32Array;
  /** The kernel's own: what the program writes over it in the ring does no harm. */
  #tail = 0;

  /**
   * Maps it and fills the header.
   *
   * @param space Where to
   * @param nr Places
   * @param low Whether its address must fit 32 bits
   * @throws {RangeError} If there is no memory
   */
  constructor(space: AddressSpace, nr: number, low: boolean) {
    this.nr = nr;
    this.#memory = space.allocate(AIO_RING_HEADER_SIZE + IO_EVENT_SIZE * nr, low);
    this.address = this.#memory.address;
    const words = this.#words = new Int32Array(this.#memory.buffer);
    words[AIO_RING_NR_OFFSET / 4] = nr;
    words[AIO_RING_MAGIC_OFFSET / 4] = AIO_RING_MAGIC;
    words[AIO_RING_COMPAT_FEATURES_OFFSET / 4] = AIO_RING_COMPAT_FEATURES;
    words[AIO_RING_INCOMPAT_FEATURES_OFFSET / 4] = AIO_RING_INCOMPAT_FEATURES;
    words[AIO_RING_HEADER_LENGTH_OFFSET / 4] = AIO_RING_HEADER_SIZE;
  }

  /** `id` of the header, which the program may have overwritten. */
  get id(): number {
    return this.#words[AIO_RING_ID_OFFSET / 4]! >>> 0;
  }

  set id(value: number) {
    this.#words[AIO_RING_ID_OFFSET / 4] = value;
  }

  /** Whether the program took its memory away. */
  get detached(): boolean {
    return this.#words.length === 0;
  }

  /** Events that were not read yet, as far as the head tells, which the program writes. */
  get unread(): number {
    const head = (this.#words[HEAD]! >>> 0) % this.nr;
    return this.#tail >= head ? this.#tail - head : this.#tail - head + this.nr;
  }

  /** Adds the event of a request; there is room, as it was taken before the request. */
  put(request: Kiocb, res: number): void {
    if (this.detached) return;
    const words = this.#words;
    const event = HEADER_WORDS + EVENT_WORDS * this.#tail;
    words[event] = request.dataLow;
    words[event + 1] = request.dataHigh;
    words[event + 2] = request.iocb;
    words[event + 3] = request.iocb / UPPER;
    words[event + 4] = res;
    words[event + 5] = res < 0 ? -1 : 0;
    words[event + 6] = words[event + 7] = 0;
    this.#tail = this.#tail + 1 === this.nr ? 0 : this.#tail + 1;
    // Last, and at least a release: who sees the tail must see the event
    Atomics.store(words, TAIL, this.#tail);
  }

  /**
   * Copies events out for io_getevents, oldest first.
   *
   * @param space Where `events` lies
   * @param events The first place for an event
   * @param count How many at most
   * @param keep Whether all stay in the ring where one cannot be copied
   * @returns How many were copied, or -EFAULT
   */
  take(space: AddressSpace, events: Address, count: number, keep: boolean): number {
    const words = this.#words;
    if (this.detached) return 0;
    // The header's, as the kernel reads it, also where the program wrote over it
    const end = Atomics.load(words, TAIL);
    if (words[HEAD] === end) return 0;
    let head = (words[HEAD]! >>> 0) % this.nr;
    const tail = (end >>> 0) % this.nr;
    let taken = 0;
    let fault = false;
    while (taken < count && head !== tail && !fault) {
      fault = !space.locate(events + IO_EVENT_SIZE * taken, IO_EVENT_SIZE);
      if (fault && keep) return -EFAULT;
      const event = HEADER_WORDS + EVENT_WORDS * head;
      head = head + 1 === this.nr ? 0 : head + 1;
      if (fault) break;
      for (let word = 0; word < EVENT_WORDS; word++) {
        space.view.setInt32(space.offset + 4 * word, words[event + word]!, true);
      }
      taken++;
    }
    // At least a release: the places are free from here on
    Atomics.store(words, HEAD, head);
    return fault && taken === 0 ? -EFAULT : taken;
  }

  /** Unmaps it: views of the program become empty. */
  free(): void {
    this.#memory.free();
  }
}
