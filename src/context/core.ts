/**
 * The two sides of a context: requests go down through slots to io_submit, completions come up
 * from the ring. What waits is in {@link Pump}.
 *
 * @module
 */
import { EAGAIN, ECANCELED, EDEADLK, EFAULT, EINPROGRESS, EINTR, ENOMEM } from "../abi/errno.ts";
import { IO_EVENT_SIZE } from "../abi/io_event.ts";
import {
  IOCB_BUF,
  IOCB_FILDES,
  IOCB_LIO_OPCODE,
  IOCB_NBYTES,
  IOCB_OFFSET,
  IOCB_RW_FLAGS,
  IOCB_SIZE,
} from "../abi/iocb.ts";
import {
  IOCB_CMD_POLL,
  IOCB_CMD_PREAD,
  IOCB_CMD_PREADV,
  IOCB_CMD_PWRITE,
  IOCB_CMD_PWRITEV,
} from "../abi/opcodes.ts";
import { writeTimespec } from "../abi/timespec.ts";
import { AIO_RING_HEADER_SIZE } from "../abi/aio_ring.ts";
import { AioError } from "../errors/aio_error.ts";
import type { Address, Kernel } from "../kernel.ts";
import { isAllocated } from "../memory/allocate.ts";
import { type Piece, type Slab, slabOf } from "../memory/slab.ts";
import { Allowance } from "./allowance.ts";
import { Batch } from "./batch.ts";
import { Backlog } from "./backlog.ts";
import { Completion } from "./completion.ts";
import type { Engine } from "./engine.ts";
import { takeEngine } from "./engine_pool.ts";
import type { Request, Sink } from "./request.ts";
import {
  copyIn,
  copyOut,
  gather,
  memoryRemains,
  scatter,
  type Vector,
  vectorInPlace,
  vectorOfStandIn,
} from "./transfer.ts";

const UPPER = 2 ** 32;
const IOCB_WORDS = IOCB_SIZE / 4;
const EVENT_WORDS = IO_EVENT_SIZE / 4;
const HEADER_WORDS = AIO_RING_HEADER_SIZE / 4;
/** Word of `res` in an event; on a little-endian machine its low half, and no result needs more. */
const RES_WORD = 4;

/** Places of completions handed out are cut off when there are this many, and they are half. */
const CUT = 1024;

/** Microseconds. */
const LONGEST_SLEEP = 3600e6;

/** Of a kernel that works on this thread. */
const DEADLOCK = "what is in flight, such as a write that the threads of the runtime have, " +
  "completes through the event loop, which this wait holds; use `for await`";

/**
 * How many completions are answered after the ring was empty, before what is queued is sent; one
 * more each time after.
 *
 * A device that was given a burst answers with a burst. Were all of it dealt with first and
 * answered with one io_submit, the device would stand idle until then, and the next burst be as
 * large. Few at first means that it has work again while the rest is dealt with: 10 to 20 percent
 * more on a disk. Where completions are there as soon as requests are sent, the ring is never
 * found empty, and nothing is sent early.
 */
const FIRST_ANSWER = 2;

/** How completions are taken: out of the ring in memory, or by io_getevents alone. */
export type Reap = "ring" | "syscall";

/** States of a slot. */
const FREE = 0;
const QUEUED = 1;
const SUBMITTED = 2;
const CANCELLED = 3;

/** Slots, queue and reaping of one context; knows nothing of promises or of the event loop. */
export class Core {
  /** The kernel underneath. */
  readonly kernel: Kernel;
  /** The most that may be in flight. */
  readonly entries: number;
  /** Where stand-ins for memory come from. */
  readonly slab: Slab;
  /** Accepted by the kernel, not reaped yet. */
  inFlight: number = 0;
  /** Set when closing begins: nothing more is queued. */
  closing: boolean = false;
  /** Requests with a sink, from queueing to completion. */
  sinks: number = 0;
  /** Requests without a sink, from queueing to completion: what a loop waits for. */
  outstanding: number = 0;
  /** Operations of files that are under way, each of one request or more. */
  operations: number = 0;
  /** Told when one of them is over. */
  operationOver: (() => void) | undefined;
  /** Completions that no loop has taken yet, from `readyHead` on. */
  ready: Batch = new Batch(this);
  /** See {@link Core.ready}. */
  readyHead: number = 0;

  readonly #engine: Engine;
  readonly #backlog: Backlog = new Backlog();
  #useRing: boolean;
  /** See {@link FIRST_ANSWER}: for sinks, which are answered after they were all called. */
  #take = Infinity;
  /** The same for loops: so many more completions are handed out before the next sending. */
  #untilSend = Infinity;
  #stride = Infinity;
  #nextTicket = 1;
  readonly #allowance = new Allowance();
  /** Whether any of the queue is copied by io_submit. */
  #copying = false;

  // One entry a slot
  readonly #states: Uint8Array;
  readonly #tickets: Float64Array;
  readonly #completions: Completion<unknown>[] = [];
  readonly #sinkOf: (Sink | undefined)[] = [];
  readonly #pieces: (Piece | undefined)[] = [];
  readonly #copied: Float64Array;
  /** Slots to be taken, last in first out: the ones used last are warm in the caches. */
  readonly #free: Uint32Array;
  #freeCount: number;

  /** Which slot stands at each place of the pointer array; the queue is `first` to `last`. */
  readonly #order: Uint32Array;
  #first = 0;
  #last = 0;

  /** Completions of batches that have been seen, for the next ones. */
  readonly #spare: Completion<unknown>[] = [];
  /** Addresses of memory from `allocate`, and the last one looked up. */
  readonly #addresses = new WeakMap<ArrayBufferLike, Address>();
  #lastBuffer: ArrayBufferLike | undefined;
  #lastAddress: Address = 0;

  /** Takes an engine and lays out the slots. Throws what io_setup answers. */
  constructor(kernel: Kernel, entries: number, reap: Reap) {
    this.kernel = kernel;
    this.entries = entries;
    this.slab = slabOf(kernel);
    this.#engine = takeEngine(kernel, entries);
    this.#useRing = reap === "ring" && this.#engine.ring.usable;
    this.#states = new Uint8Array(entries);
    this.#tickets = new Float64Array(entries);
    this.#copied = new Float64Array(entries);
    this.#free = new Uint32Array(entries);
    this.#order = new Uint32Array(entries);
    this.#freeCount = entries;
    for (let slot = 0; slot < entries; slot++) {
      this.#free[slot] = entries - 1 - slot;
      this.#completions.push(new Completion(kernel));
      this.#sinkOf.push(undefined);
      this.#pieces.push(undefined);
    }
  }

  /** The engine, for the pump to arm and for closing to give back. */
  get engine(): Engine {
    return this.#engine;
  }

  /** Requests that the kernel does not have yet. */
  get queued(): number {
    return this.#last - this.#first + this.#backlog.length;
  }

  /** Whether nothing is under way. */
  get idle(): boolean {
    return this.inFlight === 0 && this.queued === 0 && this.operations === 0;
  }

  /** Completions that no loop has taken yet. */
  get readyCount(): number {
    return this.ready.length - this.readyHead;
  }

  // The way down

  /**
   * Queues a request: in a slot, or behind those that wait for one.
   *
   * @param request Copied; the caller may use the object again
   * @returns A ticket
   */
  queue(request: Readonly<Request>): number {
    if (this.closing && request.opcode === IOCB_CMD_POLL) {
      this.#count(request, 1);
      this.#finishWaiting({ ...request }, -ECANCELED);
      // No ticket: those of the backlog follow one another without a gap
      return 0;
    }
    const ticket = this.#nextTicket;
    if (this.#freeCount === 0 || this.#backlog.length > 0) {
      this.#backlog.push(ticket, { ...request });
    } else this.#occupy(ticket, request);
    // Nothing is counted before its memory is there
    this.#nextTicket++;
    this.#count(request, 1);
    return ticket;
  }

  #count({ sink }: Readonly<Request>, change: 1 | -1): void {
    if (sink === undefined) this.outstanding += change;
    else this.sinks += change;
  }

  /** Gives a request a slot: pins its memory, writes its iocb, puts it in the pointer array. */
  #occupy(ticket: number, request: Readonly<Request>): void {
    const { opcode, fd, position, buffer, buffers, length, sink } = request;
    const slot = this.#free[this.#freeCount - 1]!;
    let { address } = request;
    let count = length;
    if (buffer !== undefined) address = this.#pin(slot, opcode, buffer, length);
    else if (buffers !== undefined) {
      const vector = this.#pinVector(slot, opcode, buffers, length);
      address = vector.piece.address;
      count = vector.count;
    } else if (opcode === IOCB_CMD_POLL) {
      // aio_buf holds the mask, and nothing else may be set
      address = length;
      count = 0;
    }
    // Taken only now: there may have been no memory to pin
    this.#freeCount--;
    this.#states[slot] = QUEUED;
    this.#tickets[slot] = ticket;
    this.#sinkOf[slot] = sink;
    if ((this.#copied[slot] = request.copied) > 0) this.#copying = true;
    // The completion holds the buffer from here on: that is what pins memory from `allocate`
    if (sink === undefined) this.#completions[slot]!.describe(request);
    const iocb = slot * IOCB_WORDS;
    const words = this.#engine.iocbs;
    words[iocb + IOCB_RW_FLAGS / 4] = request.rwFlags;
    // aio_lio_opcode, and aio_reqprio 0 behind it
    words[iocb + IOCB_LIO_OPCODE / 4] = opcode;
    words[iocb + IOCB_FILDES / 4] = fd;
    words[iocb + IOCB_BUF / 4] = address;
    words[iocb + IOCB_BUF / 4 + 1] = address / UPPER;
    words[iocb + IOCB_NBYTES / 4] = count;
    words[iocb + IOCB_NBYTES / 4 + 1] = count / UPPER;
    words[iocb + IOCB_OFFSET / 4] = position;
    words[iocb + IOCB_OFFSET / 4 + 1] = position / UPPER;
    if (this.#last === this.entries) this.#closeGap();
    this.#order[this.#last] = slot;
    this.#engine.point(this.#last++, slot);
  }

  /** The address of memory from `allocate`, or of a stand-in. */
  #pin(slot: number, opcode: number, buffer: Uint8Array, length: number): Address {
    const base = this.addressOf(buffer.buffer);
    if (base !== 0) return base + buffer.byteOffset;
    const piece = this.slab.take(length);
    this.#pieces[slot] = piece;
    if (opcode === IOCB_CMD_PWRITE) copyIn(piece.bytes, buffer, length);
    return piece.address;
  }

  /** An iovec array over the memory itself, or over one stand-in for all of it. */
  #pinVector(
    slot: number,
    opcode: number,
    buffers: readonly Uint8Array[],
    length: number,
  ): Vector {
    const vector = this.#allInPlace(buffers)
      ? vectorInPlace(this.slab, buffers, (buffer) => this.addressOf(buffer.buffer))
      : vectorOfStandIn(this.slab, length);
    this.#pieces[slot] = vector.piece;
    if (opcode === IOCB_CMD_PWRITEV && vector.payload !== undefined) {
      gather(buffers, vector.payload);
    }
    return vector;
  }

  #allInPlace(buffers: readonly Uint8Array[]): boolean {
    return buffers.every((buffer) => this.addressOf(buffer.buffer) !== 0);
  }

  /** Where memory from `allocate` lies; 0 for all other memory. */
  addressOf(buffer: ArrayBufferLike): Address {
    if (buffer === this.#lastBuffer) return this.#lastAddress;
    let address = this.#addresses.get(buffer);
    if (address === undefined) {
      if (this.kernel.addressOf === undefined || !isAllocated(buffer)) return 0;
      address = this.kernel.addressOf(buffer);
      this.#addresses.set(buffer, address);
    }
    this.#lastBuffer = buffer;
    return this.#lastAddress = address;
  }

  /** Moves the queue to the front of the pointer array. */
  #closeGap(): void {
    this.#order.copyWithin(0, this.#first, this.#last);
    this.#engine.pointers.copyWithin(0, 2 * this.#first, 2 * this.#last);
    this.#last -= this.#first;
    this.#first = 0;
  }

  /** A new turn of the event loop: io_submit may hold the thread again for a while. */
  turn(): void {
    this.#allowance.renew();
  }

  /** Whether {@link Core.turn} is to be called in the next turn, also for some of the queue. */
  get needsTurn(): boolean {
    return this.#allowance.used;
  }

  /** How many requests may be sent: all, unless io_submit has work of its own with them. */
  #sendable(): number {
    const queued = this.#last - this.#first;
    if (!this.#copying) return queued;
    let { requests, bytes } = this.#allowance;
    for (let i = 0; i < queued; i++) {
      const copied = this.#copied[this.#order[this.#first + i]!]!;
      if (copied === 0) continue;
      if (requests <= 0 || bytes <= 0) return i;
      requests--;
      bytes -= copied;
    }
    return queued;
  }

  /**
   * Sends what is queued, with one io_submit if the kernel takes it all and hands it on; see
   * {@link Allowance} for the rest.
   *
   * @returns How many requests the kernel accepted
   */
  submit(): number {
    let total = 0;
    while (true) {
      // A request that is refused frees its slot here, and no completion would tell those who wait
      this.#refill();
      const sendable = this.#sendable();
      if (sendable === 0) break;
      const { contextId, pointersAddress } = this.#engine;
      const pointers = pointersAddress + 8 * this.#first;
      const start = this.#copying ? performance.now() : 0;
      const accepted = this.kernel.io_submit(contextId, sendable, pointers);
      if (accepted === -EAGAIN || accepted === -EINTR) break;
      if (accepted > 0) {
        if (this.#copying) this.#charge(accepted, performance.now() - start);
        for (let i = 0; i < accepted; i++) this.#states[this.#order[this.#first++]!] = SUBMITTED;
        this.inFlight += accepted;
        total += accepted;
      } else {
        // The error is the first one's alone: it completes, and those behind it are sent again
        this.#finish(this.#order[this.#first++]!, accepted);
      }
    }
    if (this.#first === this.#last) {
      this.#first = this.#last = 0;
      this.#copying = false;
    }
    return total;
  }

  /** Takes what io_submit did itself with the first of the queue off the allowance. */
  #charge(accepted: number, milliseconds: number): void {
    let bytes = 0;
    for (let i = 0; i < accepted; i++) {
      const copied = this.#copied[this.#order[this.#first + i]!]!;
      if (copied > 0) this.#allowance.charge(copied);
      bytes += copied;
    }
    this.#allowance.took(bytes, milliseconds);
  }

  // The way up

  /**
   * Takes completions that are there, without waiting.
   *
   * @returns How many
   */
  reap(): number {
    if (!this.#useRing) return this.#getevents(0, 0);
    const { ring } = this.#engine;
    const available = ring.available();
    if (available === 0) {
      this.#starved();
      return 0;
    }
    if (available < 0) {
      // Something wrote to the header: from here on the kernel's own way is the only safe one
      this.#useRing = false;
      return this.#getevents(0, 0);
    }
    const count = this.sinks > 0 ? Math.min(available, this.#take) : available;
    this.#take++;
    const { words, nr } = ring;
    let at = ring.head;
    for (let i = 0; i < count; i++) {
      const event = HEADER_WORDS + EVENT_WORDS * at;
      this.#arrive(words[event]!, words[event + RES_WORD]!);
      if (++at === nr) at = 0;
    }
    ring.advance(count);
    this.#refill();
    return count;
  }

  /** The ring is empty: what comes next is answered in small portions first. */
  #starved(): void {
    if (this.inFlight === 0) return;
    this.#take = this.#stride = this.#untilSend = FIRST_ANSWER;
  }

  /** Called for each completion that a loop hands out: sends what is queued when it is time. */
  handedOut(): void {
    if (--this.#untilSend > 0) return;
    this.#stride++;
    this.#untilSend = this.#stride;
    this.submit();
  }

  /**
   * Sleeps in the kernel until a completion is there.
   *
   * @param microseconds For how long at most
   * @param minimum How many completions to wait for
   * @returns How many completions were taken
   */
  sleep(microseconds: number, minimum = 1): number {
    return this.#getevents(Math.min(minimum, this.inFlight, this.entries), microseconds);
  }

  #getevents(minimum: number, microseconds: number): number {
    const engine = this.#engine;
    const most = this.sinks > 0
      ? Math.min(this.entries, Math.max(minimum, this.#take))
      : this.entries;
    const timeout = microseconds === Infinity ? 0 : engine.timeoutAddress;
    if (timeout !== 0) writeTimespec(engine.timeout, 0, microseconds);
    const count = this.kernel.io_getevents(
      engine.contextId,
      minimum,
      most,
      engine.eventsAddress,
      timeout,
    );
    if (count === -EINTR) return 0;
    if (count < 0) {
      throw new AioError(count, "io_getevents", {
        hint: count === -EDEADLK ? DEADLOCK : undefined,
      });
    }
    if (count === 0) this.#starved();
    else this.#take++;
    for (let i = 0; i < count; i++) {
      const event = EVENT_WORDS * i;
      this.#arrive(engine.events[event]!, engine.events[event + RES_WORD]!);
    }
    if (count > 0) this.#refill();
    return count;
  }

  #arrive(slot: number, res: number): void {
    this.inFlight--;
    if (this.#copied[slot]! > 0) this.#allowance.learn(res === -EAGAIN);
    this.#finish(slot, res);
  }

  /** Frees the slot of a request that has its result, and hands the result on. */
  #finish(slot: number, res: number): void {
    // A cancelled poll says 0, as if it had become ready to nothing
    if (this.#states[slot] === CANCELLED && res === 0) res = -ECANCELED;
    this.#states[slot] = FREE;
    this.#free[this.#freeCount++] = slot;
    const piece = this.#pieces[slot];
    const sink = this.#sinkOf[slot];
    if (sink !== undefined) {
      this.#sinkOf[slot] = undefined;
      this.sinks--;
      sink.complete(res);
      return;
    }
    this.outstanding--;
    const completion = this.#completions[slot]!;
    this.#completions[slot] = this.#spare.pop() ?? new Completion(this.kernel);
    if (piece !== undefined) {
      this.#pieces[slot] = undefined;
      res = this.#unpin(piece, completion, res);
    }
    completion.res = res;
    this.ready.push(completion);
  }

  /** Brings what a read left in the stand-in to the user, and gives the stand-in back. */
  #unpin(piece: Piece, completion: Completion<unknown>, res: number): number {
    let copied = true;
    if (res > 0 && completion.opcode === IOCB_CMD_PREAD) {
      copied = copyOut(piece.bytes, completion.buffer, res);
    } else if (res > 0 && completion.opcode === IOCB_CMD_PREADV) {
      const buffers = completion.buffers!;
      copied = this.#allInPlace(buffers) || scatter(piece.bytes, buffers, completion.length, res);
    }
    this.slab.give(piece);
    return copied ? res : -EFAULT;
  }

  /** Gives free slots to those who wait. */
  #refill(): void {
    while (this.#freeCount > 0 && this.#backlog.length > 0) {
      const ticket = this.#backlog.nextTicket;
      const request = this.#backlog.shift();
      if (memoryRemains(request)) this.#admit(ticket, request);
      else this.#finishWaiting(request, -EFAULT);
    }
  }

  #admit(ticket: number, request: Request): void {
    try {
      this.#occupy(ticket, request);
    } catch {
      // No memory for a stand-in, and nobody there to be told but by the completion
      this.#finishWaiting(request, -ENOMEM);
    }
  }

  // Cancelling

  /** See `AioContext.cancel`. */
  cancel(ticket: number): boolean {
    const waiting = this.#backlog.remove(ticket);
    if (waiting !== undefined) {
      this.#finishWaiting(waiting, -ECANCELED);
      return true;
    }
    const slot = this.#tickets.indexOf(ticket);
    if (slot < 0) return false;
    if (this.#states[slot] === QUEUED) return this.#cancelQueued(slot);
    return this.#states[slot] === SUBMITTED && this.#cancelSubmitted(slot);
  }

  /** Ends what was never sent. */
  abandon(): void {
    while (this.#backlog.length > 0) this.#finishWaiting(this.#backlog.shift(), -ECANCELED);
    while (this.#first < this.#last) this.#finish(this.#order[this.#first++]!, -ECANCELED);
    this.#first = this.#last = 0;
    this.#copying = false;
  }

  /** Completes a request that never had a slot. */
  #finishWaiting(request: Request, res: number): void {
    if (request.sink !== undefined) {
      this.sinks--;
      request.sink.complete(res);
      return;
    }
    this.outstanding--;
    const completion = this.#spare.pop() ?? new Completion(this.kernel);
    completion.describe(request);
    completion.res = res;
    this.ready.push(completion);
  }

  #cancelQueued(slot: number): boolean {
    const place = this.#order.indexOf(slot, this.#first);
    this.#order.copyWithin(place, place + 1, this.#last);
    this.#engine.pointers.copyWithin(2 * place, 2 * place + 2, 2 * this.#last);
    this.#last--;
    this.#finish(slot, -ECANCELED);
    return true;
  }

  #cancelSubmitted(slot: number): boolean {
    const iocb = this.#engine.iocbsAddress + slot * IOCB_SIZE;
    // The event goes to the ring on today's kernels, so the place for a result is never written
    const errno = this.kernel.io_cancel(this.#engine.contextId, iocb, this.#engine.eventsAddress);
    if (errno !== -EINPROGRESS) return false;
    this.#states[slot] = CANCELLED;
    return true;
  }

  /** Cancels every poll, wherever it is: nothing else would ever end it. */
  cancelPolls(): void {
    const isPoll = ({ opcode }: Request) => opcode === IOCB_CMD_POLL;
    for (const request of this.#backlog.removeAll(isPoll)) this.#finishWaiting(request, -ECANCELED);
    for (let slot = 0; slot < this.entries; slot++) {
      const opcode = this.#engine.iocbs[slot * IOCB_WORDS + IOCB_LIO_OPCODE / 4];
      if (opcode !== IOCB_CMD_POLL || this.#states[slot] === FREE) continue;
      this.cancel(this.#tickets[slot]!);
    }
  }

  // Delivery

  /** Takes the oldest completion; there must be one. */
  shift(): Completion<unknown> {
    const completion = this.ready[this.readyHead++]!;
    if (this.readyHead === this.ready.length) this.ready.length = this.readyHead = 0;
    else if (this.readyHead >= CUT && this.readyHead * 2 >= this.ready.length) {
      this.ready.copyWithin(0, this.readyHead);
      this.ready.length -= this.readyHead;
      this.readyHead = 0;
    }
    return completion;
  }

  /** Forgets the completions that no loop has taken. */
  drop(): void {
    this.ready.length = this.readyHead = 0;
  }

  /** Takes all completions, in exchange for an array of completions that have been seen. */
  exchange(seen: Batch): Batch {
    this.recycle(seen);
    const { ready } = this;
    if (this.readyHead > 0) ready.splice(0, this.readyHead);
    this.readyHead = 0;
    this.ready = seen;
    return ready;
  }

  /** Takes back completions that have been seen, to be used again. */
  recycle(seen: Batch): void {
    // By index: the batch's own iterator would count them as handed out
    for (let index = 0; index < seen.length; index++) {
      const completion = seen[index]!;
      completion.forget();
      this.#spare.push(completion);
    }
    seen.length = 0;
  }

  /**
   * Holds the thread until `minimum` completions are ready or no more can come.
   *
   * @param milliseconds For how long at most
   */
  collect(minimum: number, milliseconds: number): void {
    const end = this.#now() + milliseconds;
    while (true) {
      // The thread is held anyway
      this.turn();
      this.submit();
      let found = 0;
      for (let count; (count = this.reap()) > 0;) found += count;
      const missing = minimum - this.readyCount;
      if (missing <= 0 || this.outstanding === 0) return;
      // Slots came free, and what waited for them is not sent yet
      if (found > 0 && this.queued > 0) continue;
      const left = end - this.#now();
      if (left <= 0) return;
      // With some still waiting for a slot, or files' requests among them, the first that comes
      // is what matters
      const least = this.queued > 0 || this.sinks > 0 ? 1 : missing;
      // At most an hour at a time, and a signal ends the sleep early
      this.sleep(left === Infinity ? left : Math.min(left * 1000, LONGEST_SLEEP), least);
    }
  }

  #now(): number {
    return this.kernel.now?.() ?? performance.now();
  }
}
