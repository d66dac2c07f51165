/**
 * struct aio_ring: the completion ring, memory that the kernel and the program share. It lies at
 * the address that is the context id: a header of 32 bytes, then `nr` events.
 *
 * The layout is of `fs/aio.c`; it is in no header, so the ring carries a magic number and its own
 * features to be checked.
 *
 * @module
 */

import type { Kernel } from "../kernel.ts";
import { IO_EVENT_SIZE, IoEvent } from "./io_event.ts";
import { shown } from "./shown.ts";

/** As when kaio was loaded; see src/timers.ts. */
const { load, store } = Atomics;

/** `magic` of a ring that a program may read. */
export const AIO_RING_MAGIC = 0xa10a10a1;

/** `compat_features` of today's kernels; other bits do no harm. */
export const AIO_RING_COMPAT_FEATURES = 1;

/** `incompat_features` that are understood here; with any other bit the ring must not be read. */
export const AIO_RING_INCOMPAT_FEATURES = 0;

/** Size of the header in bytes: where event 0 begins. */
export const AIO_RING_HEADER_SIZE = 32;

/** Byte offset of `id`: 32 bits, unsigned. */
export const AIO_RING_ID_OFFSET = 0;

/** Byte offset of `nr`: 32 bits, unsigned. */
export const AIO_RING_NR_OFFSET = 4;

/** Byte offset of `head`: 32 bits, unsigned. */
export const AIO_RING_HEAD_OFFSET = 8;

/** Byte offset of `tail`: 32 bits, unsigned. */
export const AIO_RING_TAIL_OFFSET = 12;

/** Byte offset of `magic`: 32 bits, unsigned. */
export const AIO_RING_MAGIC_OFFSET = 16;

/** Byte offset of `compat_features`: 32 bits, unsigned. */
export const AIO_RING_COMPAT_FEATURES_OFFSET = 20;

/** Byte offset of `incompat_features`: 32 bits, unsigned. */
export const AIO_RING_INCOMPAT_FEATURES_OFFSET = 24;

/** Byte offset of `header_length`: 32 bits, unsigned. */
export const AIO_RING_HEADER_LENGTH_OFFSET = 28;

const HEAD = AIO_RING_HEAD_OFFSET / 4;
const TAIL = AIO_RING_TAIL_OFFSET / 4;

/**
 * The completion ring of a context, read where it lies and without a system call.
 *
 * `head` has one owner at a time. The program is the only one to write it while it reaps here; a
 * thread inside io_getevents on the same context is a second owner, and so is a second `AioRing`
 * that reaps: then events are delivered twice. After fork(2) the child must leave it alone, as
 * its ring is its parent's.
 *
 * The memory is gone after io_destroy(2), and to touch it then ends the process: call
 * {@link AioRing.detach} first.
 *
 * @example Taking what is there
 * ```ts
 * import { AioRing, type Kernel } from "kaio/syscalls";
 *
 * function reapAll(kernel: Kernel, ctx_id: number): number {
 *   return new AioRing(kernel, ctx_id).reap(({ data, res }) => console.log(data, res));
 * }
 * ```
 */
export class AioRing {
  /**
   * The whole ring if it is usable, else its header: head is word 2, tail word 3, event `k` begins
   * at word `8 + 8 * k`. Empty once detached.
   *
   * @internal
   */
  readonly words: Int32Array<ArrayBuffer>;

  readonly #nr: number;
  readonly #sound: boolean;
  readonly #event: IoEvent | undefined;
  #reaping: boolean = false;

  /**
   * Looks at the header, and views all of the ring if that is usable; writes nothing.
   *
   * @param kernel The kernel that made the context; its `view` is used and nothing else.
   * @param ctx_id The context id, as io_setup gave it.
   * @throws {RangeError} If a view is shorter than was asked for.
   */
  constructor(kernel: Kernel, ctx_id: number) {
    const header = kernel.view(ctx_id, AIO_RING_HEADER_SIZE);
    this.words = new Int32Array(header, 0, AIO_RING_HEADER_SIZE / 4);
    // A snapshot is enough: the kernel fills these once and does not read them again. A later value
    // could only come from a stray write, and `nr` is what bounds every access.
    this.#nr = this.#now(AIO_RING_NR_OFFSET);
    this.#sound = this.magic === AIO_RING_MAGIC &&
      this.incompatFeatures === AIO_RING_INCOMPAT_FEATURES &&
      this.headerLength === AIO_RING_HEADER_SIZE &&
      this.#nr >= 1;
    if (!this.#sound) return;
    const byteLength = AIO_RING_HEADER_SIZE + IO_EVENT_SIZE * this.#nr;
    this.words = new Int32Array(kernel.view(ctx_id, byteLength), 0, byteLength / 4);
    this.#event = new IoEvent(this.words.buffer, AIO_RING_HEADER_SIZE);
  }

  /**
   * Whether the ring can be reaped: the magic number is right, no incompatible feature is set, the
   * header is 32 bytes long and there is at least one event. Decided at construction; `false`
   * once detached. gVisor's ring, for one, is not usable.
   */
  get usable(): boolean {
    return this.#sound && this.words.length !== 0;
  }

  /** `id`: the kernel's index of the context, read now. 0 once detached. */
  get id(): number {
    return this.#now(AIO_RING_ID_OFFSET);
  }

  /** `nr`: places for events, one of which stays free. As at construction; 0 once detached. */
  get nr(): number {
    return this.words.length === 0 ? 0 : this.#nr;
  }

  /** `head`: the number of the next event to read, read now. 0 once detached. */
  get head(): number {
    return this.#now(AIO_RING_HEAD_OFFSET);
  }

  /** `tail`: the number of the event that the kernel writes next, read now. 0 once detached. */
  get tail(): number {
    return this.#now(AIO_RING_TAIL_OFFSET);
  }

  /** `magic`: {@link AIO_RING_MAGIC} in a usable ring, read now. 0 once detached. */
  get magic(): number {
    return this.#now(AIO_RING_MAGIC_OFFSET);
  }

  /** `compat_features`, read now. 0 once detached. */
  get compatFeatures(): number {
    return this.#now(AIO_RING_COMPAT_FEATURES_OFFSET);
  }

  /** `incompat_features`, read now. 0 once detached. */
  get incompatFeatures(): number {
    return this.#now(AIO_RING_INCOMPAT_FEATURES_OFFSET);
  }

  /** `header_length`: in bytes, read now. 0 once detached. */
  get headerLength(): number {
    return this.#now(AIO_RING_HEADER_LENGTH_OFFSET);
  }

  /**
   * Looks how many events can be read now.
   *
   * @returns Their number; -1 if the ring must not be trusted: it is not usable, or its head or
   * tail is out of range. Events can then be had from io_getevents(2) only.
   */
  available(): number {
    if (!this.#sound || this.words.length === 0) return -1;
    // Plain, as nobody else writes head.
    const head = this.words[HEAD]! >>> 0;
    // At least an acquire: aio_complete writes an event before the tail that covers it, so what is
    // read after this load is the event and not what its place held before. A plain read promises
    // no order, and a compiler may lift it out of a loop.
    const tail = load(this.words, TAIL) >>> 0;
    if (head >= this.#nr || tail >= this.#nr) return -1;
    return tail >= head ? tail - head : tail - head + this.#nr;
  }

  /**
   * Gives the places of the next events back to the kernel, after they were read.
   *
   * @param count How many; at most {@link AioRing.available}.
   * @throws {RangeError} If `count` is not an integer from 0 to the number available.
   * @throws {Error} If the ring is not usable, its head or tail is out of range, or a
   * {@link AioRing.reap} is under way.
   */
  advance(count: number): void {
    if (this.#reaping) throw new Error("Cannot advance ring: it is being reaped");
    const available = this.available();
    if (available < 0) throw this.#distrust("advance");
    // Beyond the tail, the kernel would take a whole round of old events for new ones.
    if (!Number.isInteger(count) || count < 0 || count > available) {
      throw new RangeError(
        `Cannot advance ring: \`count\` must be an integer from 0 to ${available}: current value is ${
          shown(count)
        }`,
      );
    }
    const next = this.words[HEAD]! + count;
    // At least a release: with this store the places are the kernel's again, which may write to
    // them at once, so every read of these events comes before it.
    store(this.words, HEAD, next >= this.#nr ? next - this.#nr : next);
  }

  /**
   * Visits the events that are there now, oldest first, and gives their places back with one store
   * at the end. No system call is made, and nothing waits.
   *
   * If `visit` throws, the events visited so far count as read, the one it threw at among them;
   * the others stay. If it detaches the ring, the visits end. It must neither reap nor advance
   * this ring itself.
   *
   * @param visit Called with each event. It is always the same object, laid over the ring: valid
   * until `visit` returns.
   * @param maximum How many events to visit at most.
   * @returns How many were visited.
   * @throws {RangeError} If `maximum` is neither an integer, 0 or more, nor Infinity.
   * @throws {Error} If the ring is not usable, its head or tail is out of range, or it is being
   * reaped already.
   */
  reap(visit: (event: IoEvent) => void, maximum: number = Infinity): number {
    if (!(maximum === Infinity || (Number.isInteger(maximum) && maximum >= 0))) {
      throw new RangeError(
        `Cannot reap ring: \`maximum\` must be an integer, 0 or more, or Infinity: current value is ${
          shown(maximum)
        }`,
      );
    }
    if (this.#reaping) throw new Error("Cannot reap ring: it is being reaped already");
    const available = this.available();
    const event = this.#event;
    if (available < 0 || event === undefined) throw this.#distrust("reap");

    const count = Math.min(available, maximum);
    if (count === 0) return 0;
    let at = this.head;
    let visited = 0;
    this.#reaping = true;
    try {
      while (visited < count && this.usable) {
        event.byteOffset = AIO_RING_HEADER_SIZE + IO_EVENT_SIZE * at;
        at = at + 1 === this.#nr ? 0 : at + 1;
        visited++;
        visit(event);
      }
    } finally {
      this.#reaping = false;
      if (this.usable) this.advance(visited);
    }
    return visited;
  }

  /**
   * Takes the view off the memory, so that nothing can touch it any more through this object or
   * its {@link AioRing.words}. To be called before io_destroy(2). A second call does nothing.
   */
  detach(): void {
    // Dropping the reference would not do: whoever holds `words` would still reach an address that
    // io_destroy unmaps, and that may soon be somebody else's.
    const { buffer, length } = this.words;
    if (length > 0) buffer.transfer(0);
  }

  #now(byteOffset: number): number {
    // Atomic for the same reason as in `available`: the kernel, or the other owner of head, writes
    // these at any time.
    return this.words.length === 0 ? 0 : load(this.words, byteOffset / 4) >>> 0;
  }

  #distrust(action: string): Error {
    const { words } = this;
    const reason = words.length === 0
      ? "it is detached"
      : !this.#sound
      ? "its header is not usable"
      : `head and tail must be below ${this.#nr}: current values are ${this.head} and ${this.tail}`;
    return new Error(`Cannot ${action} ring: ${reason}`);
  }
}
