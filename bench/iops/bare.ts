/**
 * The least that a program in JavaScript can do with Linux AIO, as loop.c is the least in C. It
 * checks nothing and fails with what fails. The loop blocks the thread while it waits, as the one in C;
 * the other styles let the event loop turn as kaio does. What they take beyond the loop in C is the
 * price of the runtime; what kaio takes beyond them is the price of kaio.
 *
 * @module
 */
import { closeSync, openSync } from "node:fs";
import { setImmediate } from "node:timers";
import type { Address, Allocation, Kernel } from "../../src/kernel.ts";
import {
  AIO_RING_HEAD_OFFSET,
  AIO_RING_HEADER_SIZE,
  AIO_RING_TAIL_OFFSET,
  AioRing,
  EINTR,
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
  TIMESPEC_SIZE,
  writeTimespec,
} from "../../src/syscalls.ts";
import { DEFAULT_MAX_WAIT, TURN_MILLISECONDS } from "../../src/tuning.ts";
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
  readonly #fds: readonly number[];
  readonly #ring: Int32Array;
  readonly #nr: number;
  readonly #iocbs: Address;
  readonly #iocbWords: Uint32Array;
  readonly #queue: Address;
  readonly #queueWords: Uint32Array;
  readonly #spare: Address;
  readonly #spareWords: Int32Array;
  readonly #timeout: Address;
  readonly #memory: readonly Allocation[];
  /** To ask the runtime for an address takes longer than all the rest. */
  readonly #addresses = new Map<ArrayBufferLike, Address>();

  constructor(kernel: Kernel, paths: readonly string[], flags: number, depth: number) {
    this.#kernel = kernel;
    this.#depth = depth;
    this.#fds = paths.map((path) => openSync(path, flags));
    const id = new BigUint64Array(1);
    const result = kernel.io_setup(depth, id);
    if (result < 0) throw new Error(`io_setup failed: result is ${result}`);
    this.#id = Number(id[0]);
    const ring = new AioRing(kernel, this.#id);
    this.#ring = ring.words;
    this.#nr = ring.nr;
    const iocbs = kernel.allocate(IOCB_SIZE * depth);
    const queue = kernel.allocate(8 * depth);
    const spare = kernel.allocate(IO_EVENT_SIZE * depth);
    const timeout = kernel.allocate(TIMESPEC_SIZE);
    writeTimespec(new DataView(timeout.buffer), 0, DEFAULT_MAX_WAIT);
    this.#timeout = timeout.address;
    this.#memory = [iocbs, queue, spare, timeout];
    this.#iocbs = iocbs.address;
    this.#iocbWords = new Uint32Array(iocbs.buffer);
    this.#queue = queue.address;
    this.#queueWords = new Uint32Array(queue.buffer);
    this.#spare = spare.address;
    this.#spareWords = new Int32Array(spare.buffer);
    const view = new DataView(iocbs.buffer);
    for (let slot = 0; slot < depth; slot++) {
      const iocb = IOCB_SIZE * slot;
      view.setUint32(iocb + IOCB_DATA, slot, true);
      view.setUint16(iocb + IOCB_LIO_OPCODE, IOCB_CMD_PREAD, true);
      view.setUint32(iocb + IOCB_FILDES, this.#fds[0]!, true);
    }
  }

  /** Says where the reads of a slot go: to memory from `allocate`. */
  aim(slot: number, bytes: Uint8Array, offset: number, length: number): void {
    const iocb = IOCB_SIZE * slot;
    let base = this.#addresses.get(bytes.buffer);
    if (base === undefined) {
      base = this.#kernel.addressOf!(bytes.buffer as ArrayBuffer);
      this.#addresses.set(bytes.buffer, base);
    }
    const address = base + bytes.byteOffset + offset;
    this.#iocbWords[(iocb + IOCB_BUF) / 4] = address;
    this.#iocbWords[(iocb + IOCB_BUF) / 4 + 1] = address / WORD;
    this.#iocbWords[(iocb + IOCB_NBYTES) / 4] = length;
  }

  /** Says which file the reads of a slot are of: the first one, unless this was called. */
  choose(slot: number, file: number): void {
    this.#iocbWords[(IOCB_SIZE * slot + IOCB_FILDES) / 4] = this.#fds[file]!;
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

  /**
   * Hands over what is queued, and takes at least one event if there is anything to wait for; where
   * the wait is short, perhaps none.
   */
  turn(complete: (slot: number, res: number) => void, isShort = false): void {
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
      if (this.inFlight > 0) this.#wait(complete, isShort ? this.#timeout : 0);
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

  /** Nothing may be in flight. */
  close(): void {
    this.#kernel.io_destroy(this.#id);
    for (const fd of this.#fds) closeSync(fd);
    for (const allocation of this.#memory) allocation.free();
  }

  #wait(complete: (slot: number, res: number) => void, timeout: Address): void {
    const count = this.#kernel.io_getevents(this.#id, 1, this.#depth, this.#spare, timeout);
    // The runtime's own signals end the wait.
    if (count === -EINTR) return;
    if (count < 0) throw new Error(`io_getevents failed: result is ${count}`);
    this.inFlight -= count;
    for (let index = 0; index < count; index++) {
      const event = EVENT * index;
      complete(this.#spareWords[event]!, this.#spareWords[event + 4]!);
    }
  }
}

/** A context for reads of these files. */
export function openBare(paths: readonly string[], flags: number, depth: number): Bare {
  if (linux === undefined) throw new Error("there is no Linux AIO");
  return new Bare(linux, paths, flags, depth);
}

/** A context for reads of each slot into its memory. */
function openAimed(task: Task, buffers: readonly Uint8Array[]): Bare {
  const bare = openBare([task.path], openFlags(task), task.depth);
  buffers.forEach((bytes, slot) => bare.aim(slot, bytes, 0, task.work.block));
  return bare;
}

/** As loop.c. */
export function openLoop(task: Task, buffers: Uint8Array[]): Run {
  const bare = openAimed(task, buffers);
  // deno-lint-ignore require-await -- as the others; it has nothing to wait for
  return async (pass) => {
    const complete = (slot: number, res: number): void => {
      if (pass.end(slot, res)) bare.request(slot, pass.start(slot));
    };
    for (let slot = 0; slot < task.depth; slot++) bare.request(slot, pass.start(slot));
    while (bare.queued > 0 || bare.inFlight > 0) bare.turn(complete);
  };
}

/** Waits as kaio does: in a turn of the event loop the thread sleeps for a short time only. */
class Turns {
  #start = 0;

  /**
   * What `take` gives: at once, while this turn is young and there is something; else as soon as it
   * gives something in one of the turns that follow.
   */
  wait<Item>(take: () => Item | undefined): Promise<Item> {
    const isTime = performance.now() - this.#start > TURN_MILLISECONDS;
    const item = isTime ? undefined : take();
    if (item !== undefined) return Promise.resolve(item);
    return new Promise((resolve) => {
      const turn = (): void => {
        this.#start = performance.now();
        const item = take();
        if (item === undefined) setImmediate(turn);
        else resolve(item);
      };
      setImmediate(turn);
    });
  }
}

/** A completion, used again. */
class Completion {
  data = 0;
  res = 0;
  /** Where the bytes are. */
  buffer: Uint8Array | undefined = undefined;
}

/**
 * What a context like kaio's cannot do without: requests and completions are objects, each request
 * names its memory, which `allocate` made, and the event loop turns. It checks nothing.
 */
class BareContext {
  readonly #bare: Bare;
  readonly #free: number[];
  readonly #completions: (Completion | undefined)[];
  readonly #spare: Completion[] = [];
  readonly #batch: Completion[] = [];
  readonly #turns = new Turns();

  constructor(path: string, flags: number, depth: number) {
    this.#bare = openBare([path], flags, depth);
    this.#free = Array.from({ length: depth }, (_, slot) => slot);
    this.#completions = new Array(depth).fill(undefined);
  }

  read(buffer: Uint8Array, { position, data }: { position: number; data: number }): void {
    const completion = this.#spare.pop() ?? new Completion();
    completion.data = data;
    completion.buffer = buffer;
    const slot = this.#free.pop()!;
    this.#completions[slot] = completion;
    this.#bare.aim(slot, buffer, 0, buffer.byteLength);
    this.#bare.request(slot, position);
  }

  batches(): AsyncIterableIterator<readonly Completion[]> {
    const batches: AsyncIterableIterator<readonly Completion[]> = {
      [Symbol.asyncIterator]: () => batches,
      next: () => {
        for (const completion of this.#batch) {
          completion.buffer = undefined;
          this.#spare.push(completion);
        }
        this.#batch.length = 0;
        return this.#turns.wait(this.#take);
      },
    };
    return batches;
  }

  /** The next batch; `undefined` if it is not there within as long as kaio would sleep for it. */
  readonly #take = (): IteratorResult<readonly Completion[]> | undefined => {
    const bare = this.#bare;
    if (bare.queued + bare.inFlight === 0) return { done: true, value: undefined };
    bare.turn(this.#complete, true);
    return this.#batch.length === 0 ? undefined : { done: false, value: this.#batch };
  };

  readonly #complete = (slot: number, res: number): void => {
    const completion = this.#completions[slot]!;
    completion.res = res;
    this.#free.push(slot);
    this.#batch.push(completion);
  };
}

/** `for await` over batches. */
export function openBatches(task: Task, buffers: Uint8Array[]): Run {
  const context = new BareContext(task.path, openFlags(task), task.depth);
  return async (pass) => {
    const request = (data: number): void =>
      context.read(buffers[data]!, { position: pass.start(data), data });
    for (let slot = 0; slot < task.depth; slot++) request(slot);
    for await (const batch of context.batches()) {
      for (const { data, res } of batch) if (pass.end(data, res)) request(data);
    }
  };
}

type Item = IteratorResult<{ data: number; res: number }>;

/** `for await` over completions: a promise for each, and one object for all of them. */
export function openIterator(task: Task, buffers: Uint8Array[]): Run {
  const bare = openAimed(task, buffers);
  return async (pass) => {
    const done: number[] = [];
    let next = 0;
    const complete = (slot: number, res: number): void => {
      done.push(slot, res);
    };
    const turns = new Turns();
    const completion = { data: 0, res: 0 };
    const item: Item = { done: false, value: completion };
    const take = (): Item | undefined => {
      if (next === done.length) {
        next = done.length = 0;
        if (bare.queued + bare.inFlight === 0) return { done: true, value: undefined };
        bare.turn(complete, true);
        if (done.length === 0) return undefined;
      }
      completion.data = done[next++]!;
      completion.res = done[next++]!;
      return item;
    };
    const completions: AsyncIterableIterator<{ data: number; res: number }> = {
      [Symbol.asyncIterator]: () => completions,
      next: () => next < done.length ? Promise.resolve(take()!) : turns.wait(take),
    };
    for (let slot = 0; slot < task.depth; slot++) bare.request(slot, pass.start(slot));
    for await (const { data, res } of completions) {
      if (pass.end(data, res)) bare.request(data, pass.start(data));
    }
  };
}

/** A promise for each read, of an object as FileHandle.read gives it. */
export function openPromises(task: Task, buffers: Uint8Array[]): Run {
  const file = new BareFile(task.path, openFlags(task), task.depth);
  const { block } = task.work;
  return promises(
    buffers,
    (slot, position) => file.read(buffers[slot]!, 0, block, position),
    ({ bytesRead }) => bytesRead,
  );
}

/** A promise for each read, of new memory. */
export function openCopies(task: Task, buffers: Uint8Array[]): Run {
  const file = new BareFile(task.path, openFlags(task), task.depth, true);
  const memory = [...buffers];
  const { block } = task.work;
  return promises(
    buffers,
    (slot, position) => file.read(memory[slot]!, 0, block, position),
    ({ bytesRead, buffer }, slot) => {
      buffers[slot] = buffer;
      return bytesRead;
    },
  );
}

let resolver: (result: ReadResult) => void;

/** One function for all promises: each would have one of its own. */
function keep(resolve: (result: ReadResult) => void): void {
  resolver = resolve;
}

interface ReadResult {
  readonly bytesRead: number;
  readonly buffer: Uint8Array;
}

/** A file with `read`, for memory from `allocate`, and `close`. */
export class BareFile {
  readonly #bare: Bare;
  readonly #copies: boolean;
  readonly #free: number[];
  readonly #buffers: Uint8Array[] = [];
  readonly #resolvers: ((result: ReadResult) => void)[] = [];
  #isScheduled = false;

  /**
   * @param depth How many reads are under way at once at most
   * @param copies Whether a result has new memory
   */
  constructor(path: string, flags: number, depth: number, copies = false) {
    this.#bare = openBare([path], flags, depth);
    this.#copies = copies;
    this.#free = Array.from({ length: depth }, (_, slot) => slot);
  }

  read(buffer: Uint8Array, offset: number, length: number, position: number): Promise<ReadResult> {
    const promise = new Promise<ReadResult>(keep);
    const slot = this.#free.pop()!;
    this.#buffers[slot] = buffer;
    this.#resolvers[slot] = resolver;
    this.#bare.aim(slot, buffer, offset, length);
    this.#bare.request(slot, position);
    this.#schedule();
    return promise;
  }

  close(): void {
    this.#bare.close();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(this.#turn);
  }

  readonly #turn = (): void => {
    this.#isScheduled = false;
    this.#bare.turn(this.#complete, true);
    if (this.#bare.inFlight > 0) this.#schedule();
  };

  readonly #complete = (slot: number, bytesRead: number): void => {
    const memory = this.#buffers[slot]!;
    // `slice` makes memory of the length and fills it once.
    const buffer = this.#copies ? memory.slice(0, bytesRead) : memory;
    this.#free.push(slot);
    this.#resolvers[slot]!({ bytesRead, buffer });
  };
}
