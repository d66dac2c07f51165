/**
 * The least that a program in JavaScript can do with Linux AIO, as loop.c is the least in C. It
 * checks nothing, knows one file and its memory beforehand, and stands still while it waits. What
 * it takes beyond the loop in C is the price of the runtime; what kaio takes beyond it is the price
 * of kaio.
 *
 * @module
 */
import { openSync } from "node:fs";
import type { Address, Kernel } from "../../src/kernel.ts";
import {
  AIO_RING_HEAD_OFFSET,
  AIO_RING_HEADER_SIZE,
  AIO_RING_TAIL_OFFSET,
  AioRing,
  IO_EVENT_SIZE,
  IOCB_BUF,
  IOCB_CMD_PREAD,
  IOCB_DATA,
  IOCB_FILDES,
  IOCB_LIO_OPCODE,
  IOCB_NBYTES,
  IOCB_OFFSET,
  IOCB_SIZE,
  linux,
} from "../../src/syscalls.ts";
import { openFlags, promises, type Run, type Task } from "./participants.ts";

const WORD = 2 ** 32;
const HEAD = AIO_RING_HEAD_OFFSET / 4;
const TAIL = AIO_RING_TAIL_OFFSET / 4;
const EVENTS = AIO_RING_HEADER_SIZE / 4;
const EVENT = IO_EVENT_SIZE / 4;

/** A context with an iocb for each slot. */
class Bare {
  /** How many requests the kernel has. */
  inFlight = 0;
  /** How many are to be handed over. */
  queued = 0;
  readonly #kernel: Kernel;
  readonly #id: number;
  readonly #depth: number;
  readonly #ring: Int32Array;
  readonly #nr: number;
  readonly #iocbs: Address;
  readonly #iocbWords: Uint32Array;
  readonly #queue: Address;
  readonly #queueWords: Uint32Array;
  readonly #spare: Address;
  readonly #spareWords: Int32Array;

  constructor(kernel: Kernel, task: Task, buffers: readonly Uint8Array[]) {
    this.#kernel = kernel;
    this.#depth = task.depth;
    const fd = openSync(task.path, openFlags(task));
    const id = new BigUint64Array(1);
    const result = kernel.io_setup(task.depth, id);
    if (result < 0) throw new Error(`io_setup failed: result is ${result}`);
    this.#id = Number(id[0]);
    const ring = new AioRing(kernel, this.#id);
    this.#ring = ring.words;
    this.#nr = ring.nr;
    const iocbs = kernel.allocate(IOCB_SIZE * task.depth);
    const queue = kernel.allocate(8 * task.depth);
    const spare = kernel.allocate(IO_EVENT_SIZE * task.depth);
    this.#iocbs = iocbs.address;
    this.#iocbWords = new Uint32Array(iocbs.buffer);
    this.#queue = queue.address;
    this.#queueWords = new Uint32Array(queue.buffer);
    this.#spare = spare.address;
    this.#spareWords = new Int32Array(spare.buffer);
    const view = new DataView(iocbs.buffer);
    buffers.forEach((bytes, slot) => {
      const iocb = IOCB_SIZE * slot;
      const address = kernel.addressOf!(bytes.buffer as ArrayBuffer) + bytes.byteOffset;
      view.setUint32(iocb + IOCB_DATA, slot, true);
      view.setUint16(iocb + IOCB_LIO_OPCODE, IOCB_CMD_PREAD, true);
      view.setUint32(iocb + IOCB_FILDES, fd, true);
      view.setBigUint64(iocb + IOCB_BUF, BigInt(address), true);
      view.setUint32(iocb + IOCB_NBYTES, task.work.block, true);
    });
  }

  /** Queues the read of a slot. */
  request(slot: number, position: number): void {
    const iocb = (IOCB_SIZE * slot + IOCB_OFFSET) / 4;
    this.#iocbWords[iocb] = position;
    this.#iocbWords[iocb + 1] = position / WORD;
    const address = this.#iocbs + IOCB_SIZE * slot;
    const entry = 2 * this.queued++;
    this.#queueWords[entry] = address;
    this.#queueWords[entry + 1] = address / WORD;
  }

  /** Hands over what is queued, and takes at least one event if there is anything to wait for. */
  turn(complete: (slot: number, res: number) => void): void {
    for (let sent = 0; sent < this.queued;) {
      const left = this.queued - sent;
      const accepted = this.#kernel.io_submit(this.#id, left, this.#queue + 8 * sent);
      if (accepted < 0) throw new Error(`io_submit failed: result is ${accepted}`);
      sent += accepted;
    }
    this.inFlight += this.queued;
    this.queued = 0;
    const ring = this.#ring;
    let head = ring[HEAD]!;
    // Before the events, which the kernel writes before the tail.
    const tail = Atomics.load(ring, TAIL);
    if (head === tail) {
      if (this.inFlight > 0) this.#wait(complete);
      return;
    }
    while (head !== tail) {
      const event = EVENTS + EVENT * head;
      this.inFlight--;
      complete(ring[event]!, ring[event + 4]!);
      if (++head === this.#nr) head = 0;
    }
    // After the events, whose places it gives back to the kernel.
    Atomics.store(ring, HEAD, head);
  }

  #wait(complete: (slot: number, res: number) => void): void {
    const count = this.#kernel.io_getevents(this.#id, 1, this.#depth, this.#spare, 0);
    if (count < 0) throw new Error(`io_getevents failed: result is ${count}`);
    this.inFlight -= count;
    for (let index = 0; index < count; index++) {
      const event = EVENT * index;
      complete(this.#spareWords[event]!, this.#spareWords[event + 4]!);
    }
  }
}

function openBare(task: Task, buffers: readonly Uint8Array[]): Bare {
  if (linux === undefined) throw new Error("there is no Linux AIO");
  return new Bare(linux, task, buffers);
}

/** As loop.c. */
export function openLoop(task: Task, buffers: Uint8Array[]): Run {
  const bare = openBare(task, buffers);
  // deno-lint-ignore require-await -- as the others; it has nothing to wait for
  return async (pass) => {
    const complete = (slot: number, res: number): void => {
      if (pass.end(slot, res)) bare.request(slot, pass.start(slot));
    };
    for (let slot = 0; slot < task.depth; slot++) bare.request(slot, pass.start(slot));
    while (bare.queued > 0 || bare.inFlight > 0) bare.turn(complete);
  };
}

/** `for await` over completions: a promise for each, and one object for all of them. */
export function openIterator(task: Task, buffers: Uint8Array[]): Run {
  const bare = openBare(task, buffers);
  return async (pass) => {
    const done: number[] = [];
    let next = 0;
    const complete = (slot: number, res: number): void => {
      done.push(slot, res);
    };
    const result = { done: false, value: { data: 0, res: 0 } };
    const completions: AsyncIterableIterator<{ data: number; res: number }> = {
      [Symbol.asyncIterator]: () => completions,
      next: () => {
        if (next === done.length) {
          next = done.length = 0;
          bare.turn(complete);
        }
        if (next === done.length) return Promise.resolve({ done: true, value: undefined });
        result.value.data = done[next++]!;
        result.value.res = done[next++]!;
        return Promise.resolve(result as IteratorResult<{ data: number; res: number }>);
      },
    };
    for (let slot = 0; slot < task.depth; slot++) bare.request(slot, pass.start(slot));
    for await (const { data, res } of completions) {
      if (pass.end(data, res)) bare.request(data, pass.start(data));
    }
  };
}

/** A promise for each read, of an object as FileHandle.read gives it. */
export function openPromises(task: Task, buffers: Uint8Array[]): Run {
  return runPromises(task, buffers, (slot, bytesRead) => ({ bytesRead, buffer: buffers[slot]! }));
}

/** A promise for each read, of new memory. */
export function openCopies(task: Task, memory: Uint8Array[]): Run {
  const source = [...memory];
  return runPromises(task, memory, (slot, bytesRead) => {
    // `slice` makes memory of the length and fills it once.
    const buffer = memory[slot] = source[slot]!.slice(0, bytesRead);
    return { bytesRead, buffer };
  });
}

function runPromises(
  task: Task,
  buffers: Uint8Array[],
  resultOf: (slot: number, bytesRead: number) => { bytesRead: number; buffer: Uint8Array },
): Run {
  const bare = openBare(task, buffers);
  const resolvers: ((result: { bytesRead: number; buffer: Uint8Array }) => void)[] = [];
  const complete = (slot: number, res: number): void => resolvers[slot]!(resultOf(slot, res));
  let scheduled = false;
  const turn = (): void => {
    scheduled = false;
    bare.turn(complete);
    if (bare.inFlight > 0) schedule();
  };
  const schedule = (): void => {
    if (scheduled) return;
    scheduled = true;
    setImmediate(turn);
  };
  const read = (slot: number, position: number) =>
    new Promise<{ bytesRead: number; buffer: Uint8Array }>((resolve) => {
      resolvers[slot] = resolve;
      bare.request(slot, position);
      schedule();
    });
  return promises(buffers, read, ({ bytesRead }) => bytesRead);
}
