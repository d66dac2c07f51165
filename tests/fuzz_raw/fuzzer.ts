import {
  AioRing,
  Iocb,
  IOCB_CMD_FDSYNC,
  IOCB_CMD_FSYNC,
  IOCB_CMD_POLL,
  IOCB_CMD_PREAD,
  IOCB_CMD_PREADV,
  IOCB_CMD_PWRITE,
  IOCB_CMD_PWRITEV,
  IOCB_FLAG_IOPRIO,
  IOCB_FLAG_RESFD,
  IoEvent,
  type Kernel,
  type Wakeup,
} from "../../src/syscalls.ts";
import type { Random } from "../support/random.ts";
import { Arena } from "./arena.ts";
import type { Grounds } from "./grounds.ts";
import { isWord, nowhere, ODD_COUNTS, ODD_NUMBERS } from "./odd.ts";

/** A context that lives, and what is under way on it. */
interface Live {
  readonly id: number;
  readonly entries: number;
  readonly ring: AioRing;
  /** How often each `data` is to come back: once for each time its iocb was accepted. */
  readonly expected: Map<number, number>;
}

const MOST_CONTEXTS = 12;
/** More than so many are rarely made: each has to be destroyed. */
const FEW_CONTEXTS = 4;
const MOST_ENTRIES = 256;
const MOST_WAKEUPS = 4;
/** How many ids of dead contexts are remembered. */
const GRAVES = 32;
/** Calls between two destructions: each takes the kernel tens of milliseconds. */
const DESTROY_EVERY = 4000;
const TIDY_EVERY = 3000;

/** Where the fuzzer says what it is about to do. */
export type Note = (text: string) => void;

/**
 * Makes random calls. Each must end in a result, an errno, a TypeError or a RangeError; events must
 * be those of accepted requests, each once; and what is no context must be refused.
 */
export class Fuzzer {
  /** What must not be, and how often it was. */
  readonly violations: Map<string, number> = new Map();
  /** How calls ended. */
  readonly outcomes: Map<string, number> = new Map();
  readonly #kernel: Kernel;
  readonly #random: Random;
  readonly #grounds: Grounds;
  readonly #arena: Arena;
  readonly #note: Note;
  readonly #live = new Map<number, Live>();
  readonly #graves: number[] = [];
  readonly #wakeups: Wakeup[] = [];
  #lastIocbs: number[] = [];
  #nextData = 1;
  #count = 0;
  #last = "";

  constructor(kernel: Kernel, random: Random, grounds: Grounds, note: Note) {
    this.#kernel = kernel;
    this.#random = random;
    this.#grounds = grounds;
    this.#note = note;
    this.#arena = new Arena(kernel);
  }

  /** Makes one call. */
  call(): void {
    this.#count++;
    if (this.#count % TIDY_EVERY === 0) this.#tidy();
    this.#random.weighted(this.#calls)();
  }

  /** Ends all contexts. */
  end(): void {
    for (const { id } of [...this.#live.values()]) this.#destroyExactly(id);
    for (const wakeup of this.#wakeups.splice(0)) wakeup.close();
  }

  readonly #calls: readonly (readonly [weight: number, call: () => void])[] = [
    [40, () => this.#submit()],
    [25, () => this.#getevents(false)],
    [8, () => this.#getevents(true)],
    [8, () => this.#cancel()],
    [4, () => this.#reap()],
    [3, () => this.#setup()],
    [5, () => this.#destroy()],
    [3, () => this.#view()],
    [1, () => this.#allocate()],
    [1, () => this.#addressOf()],
    [1, () => this.#alignment()],
    [1, () => this.#wakeup()],
  ];

  // The calls

  #setup(): void {
    const random = this.#random;
    const { size } = this.#live;
    const room = size < MOST_CONTEXTS && (size < FEW_CONTEXTS || random.once(20));
    const entries = room && !random.once(3)
      ? random.between(1, MOST_ENTRIES)
      : random.pick([0, 65537, 2 ** 22 + 1, 2 ** 32 - 1, ...(room ? ODD_COUNTS : [])]);
    const kind = random.weighted([[20, "zero"], [2, "taken"], [1, "empty"], [2, "two"]] as const);
    const ids = new BigUint64Array(kind === "empty" ? 0 : kind === "two" ? 2 : 1);
    if (kind === "taken") ids[0] = BigInt(this.#anyLive()?.id ?? 4096);
    const result = this.#try(
      `io_setup(${entries}, [${ids}])`,
      () => this.#kernel.io_setup(entries, ids),
    );
    if (kind === "empty") {
      if (result === 0) this.#violation("io_setup made a context whose id it has nowhere to put");
      return;
    }
    if (result !== 0) return;
    if (!isWord(entries)) this.#violation("io_setup took a number that is no word for a count");
    const id = Number(ids[0]);
    if (this.#live.has(id)) this.#violation("io_setup gave an id twice");
    const ring = new AioRing(this.#kernel, id);
    this.#live.set(id, { id, entries, ring, expected: new Map() });
  }

  #destroy(): void {
    if (this.#count % DESTROY_EVERY < 20 || this.#live.size >= MOST_CONTEXTS) {
      const live = this.#anyLive();
      if (live !== undefined) return this.#destroyExactly(live.id);
    }
    const id = this.#wrongId();
    const result = this.#try(`io_destroy(${id})`, () => this.#kernel.io_destroy(id));
    if (result === 0) {
      this.#violation("io_destroy took what is no id for one");
      // Which one it was is known only by what it was rounded to; its ring must not be touched
      const truncated = Math.trunc(id % 2 ** 64);
      this.#live.get(truncated)?.ring.detach();
      this.#live.delete(truncated);
    }
  }

  #destroyExactly(id: number): void {
    const { ring } = this.#live.get(id)!;
    const result = this.#try(`io_destroy(${id})`, () => this.#kernel.io_destroy(id));
    if (result !== 0) return this.#violation("io_destroy refused a context that lives");
    // What the threads of the runtime have goes on behind the call on the portable kernel, and the
    // ring stays until it is over
    if (this.#kernel.files?.blocksFor(0) !== "nothing" && (ring.usable || ring.nr !== 0)) {
      this.#violation("io_destroy left a view on the ring");
    }
    this.#live.delete(id);
    this.#graves.push(id);
    if (this.#graves.length > GRAVES) this.#graves.shift();
  }

  #submit(): void {
    const random = this.#random;
    const live = random.once(8) ? undefined : this.#anyLive();
    const id = live?.id ?? this.#wrongId();
    const entries: { address: number; data: number }[] = [];
    const places: { address: number; data: number }[] = [];
    this.#arena.clearVectors(random.once(10) ? random.between(1, 15) : 0);
    for (let index = random.below(6); index >= 0; index--) {
      const place = this.#arena.iocbPlace(index, random.once(10) ? random.between(1, 60) : 0);
      const data = this.#nextData++;
      this.#fill(new Iocb(this.#arena.iocbs.buffer, place), data, place, index);
      places.push({ address: this.#arena.iocbs.address + place, data });
    }
    this.#lastIocbs = places.map(({ address }) => address);
    for (let left = random.between(0, 7); left > 0; left--) {
      entries.push(
        random.once(20) ? { address: this.#badPointer(), data: 0 } : random.pick(places),
      );
    }
    const pointers = random.once(12) ? nowhere(random) : this.#arena.layPointers(
      entries.map(({ address }) => address),
      random.once(10) ? random.between(1, 7) : 0,
    );
    const count = random.once(10)
      ? random.pick([...ODD_COUNTS, entries.length + 1, entries.length + 1000])
      : entries.length;
    const result = this.#try(
      `io_submit(${id}, ${count}, ${pointers}) ${this.#described}`,
      () => this.#kernel.io_submit(id, count, pointers),
    );
    this.#described = "";
    if (result === undefined || result < 0) return;
    if (live === undefined) return this.#violation("io_submit took what is no id for one");
    if (result > entries.length) this.#violation("io_submit accepted more than there was");
    if (!isWord(count) || !isWord(pointers)) {
      this.#violation("io_submit took a number that is no word for one");
    }
    for (const { data } of entries.slice(0, result)) {
      if (data === 0) this.#violation("io_submit accepted an iocb that is not there");
      live.expected.set(data, (live.expected.get(data) ?? 0) + 1);
    }
  }

  #getevents(masked: boolean): void {
    const random = this.#random;
    const live = random.once(8) ? undefined : this.#anyLive();
    const id = live?.id ?? this.#wrongId();
    let minimum = random.once(10) ? random.pick(ODD_COUNTS) : random.pick([0, 0, 0, 1, 1, 2, 100]);
    const most = random.once(10) ? random.pick(ODD_COUNTS) : random.pick([0, 1, 8, 128, 4096]);
    const events = random.once(12)
      ? nowhere(random)
      : this.#arena.events.address + (random.once(8) ? random.between(1, 40) : 0);
    let timeout = this.#arena.layTimeout(
      random.once(3) ? random.below(300_000) : 0,
      random.once(10) ? random.between(1, 40) : 0,
    );
    if (random.once(10)) {
      timeout = random.once(2) ? 0 : nowhere(random);
      // What may count as no timeout would be a wait for ever
      if (timeout === 0 || !isWord(timeout)) minimum = random.pick([0, -1, -5]);
    }
    const sigset = random.once(2) ? 0 : random.once(6) ? nowhere(random) : this.#arena.laySigset(
      random.pick([0, 0, this.#arena.control.address + 512, 8, 2 ** 53]),
      random.pick([8, 8, 8, 0, 7, 99]),
      random.below(8),
    );
    const result = masked
      ? this.#try(
        `io_pgetevents(${id}, ${minimum}, ${most}, ${events}, ${timeout}, ${sigset})`,
        () => this.#kernel.io_pgetevents(id, minimum, most, events, timeout, sigset),
      )
      : this.#try(
        `io_getevents(${id}, ${minimum}, ${most}, ${events}, ${timeout})`,
        () => this.#kernel.io_getevents(id, minimum, most, events, timeout),
      );
    if (result === undefined || result < 0) return;
    if (live === undefined) return this.#violation("io_getevents took what is no id for one");
    if ([minimum, most, events, timeout, masked ? sigset : 0].some((word) => !isWord(word))) {
      this.#violation("io_getevents took a number that is no word for one");
    }
    if (result === 0) return;
    if (result > most) this.#violation("io_getevents gave more than was asked for");
    for (let index = 0; index < result; index++) {
      const place = Math.trunc(events) - this.#arena.events.address + 32 * index;
      const { data, obj } = new IoEvent(this.#arena.events.buffer, place);
      this.#arrived(live, data, obj);
    }
  }

  #reap(): void {
    const live = this.#anyLive();
    if (live === undefined) return;
    const maximum = this.#random.once(3) ? this.#random.pick(ODD_COUNTS) : Infinity;
    this.#try(
      `ring.reap(visit, ${maximum})`,
      () => live.ring.reap(({ data, obj }) => this.#arrived(live, data, obj), maximum),
    );
  }

  #arrived(live: Live, data: number, obj: number): void {
    const { address, bytes } = this.#arena.iocbs;
    if (obj < address || obj >= address + bytes.length) this.#violation("an event has a wrong obj");
    const left = (live.expected.get(data) ?? 0) - 1;
    if (left < 0) return this.#violation("an event came that nothing was sent for, or came twice");
    if (left === 0) live.expected.delete(data);
    else live.expected.set(data, left);
  }

  #cancel(): void {
    const random = this.#random;
    const id = random.once(6) ? this.#wrongId() : this.#anyLive()?.id ?? 0;
    const iocb = random.once(8) || this.#lastIocbs.length === 0
      ? nowhere(random)
      : random.pick(this.#lastIocbs) + (random.once(10) ? 3 : 0);
    const result = random.once(3) ? nowhere(random) : this.#arena.events.address;
    this.#try(
      `io_cancel(${id}, ${iocb}, ${result})`,
      () => this.#kernel.io_cancel(id, iocb, result),
    );
  }

  #view(): void {
    const random = this.#random;
    const address = random.once(3)
      ? nowhere(random)
      : this.#arena.data.address + random.below(65536);
    const length = random.once(2)
      ? random.pick([0, ...ODD_NUMBERS, 2 ** 40])
      : random.between(1, 65536);
    const result = this.#try(
      `view(${address}, ${length})`,
      () => this.#kernel.view(address, length).byteLength,
    );
    // The portable kernel has whole allocations only
    const right = result === undefined || result === length ||
      (this.#kernel.files?.blocksFor(0) === "nothing" && result > length);
    if (!right) {
      this.#violation("view has another length than was asked for");
    }
  }

  #allocate(): void {
    const random = this.#random;
    const length = random.once(2)
      ? random.pick([0, ...ODD_NUMBERS, 2 ** 33, 2 ** 40, 2 ** 47])
      : random.between(1, 1 << 20);
    this.#try(`allocate(${length})`, () => {
      const allocation = this.#kernel.allocate(length);
      const { byteLength } = allocation.buffer;
      allocation.free();
      allocation.free();
      if (byteLength !== length) this.#violation("allocate made another length");
      if (allocation.buffer.byteLength !== 0) this.#violation("free left a view");
      return byteLength;
    });
  }

  #addressOf(): void {
    if (this.#kernel.addressOf === undefined) return;
    const detached = new ArrayBuffer(8);
    structuredClone(detached, { transfer: [detached] });
    const [name, buffer] = this.#random.pick(
      [
        ["allocated", this.#arena.data.buffer],
        ["detached", detached],
        ["empty", new ArrayBuffer(0)],
        ["small", new ArrayBuffer(3)],
        ["large", new ArrayBuffer(1 << 20)],
      ] as const,
    );
    this.#try(`addressOf(${name})`, () => this.#kernel.addressOf!(buffer as ArrayBuffer));
  }

  #alignment(): void {
    if (this.#kernel.files?.directAlignment === undefined) return;
    const { fds } = this.#grounds;
    const fd = this.#random.once(2) ? this.#random.pick(ODD_COUNTS) : this.#random.pick(fds);
    this.#try(
      `directAlignment(${fd})`,
      () => this.#kernel.files!.directAlignment!(fd)?.offset ?? -22,
    );
  }

  #wakeup(): void {
    if (this.#kernel.wakeup === undefined) return;
    if (this.#wakeups.length < MOST_WAKEUPS) {
      this.#try("wakeup()", () => this.#wakeups.push(this.#kernel.wakeup!(() => {})));
      return;
    }
    const wakeup = this.#random.pick(this.#wakeups);
    const action = this.#random.pick(["arm", "arm", "disarm", "drain", "close"] as const);
    // Closed once only: a second time could close a descriptor of somebody else's
    if (action === "close") this.#wakeups.splice(this.#wakeups.indexOf(wakeup), 1);
    this.#try(`wakeup.${action}()`, () => {
      wakeup[action]();
      return 0;
    });
  }

  // What they are made of

  #described = "";

  /** Fills an iocb. Where it says to write to memory, that is the fuzzer's own, or nobody's. */
  #fill(iocb: Iocb, data: number, place: number, index: number): void {
    const random = this.#random;
    iocb.data = data;
    iocb.opcode = random.weighted(OPCODES);
    iocb.fildes = random.pick(this.#grounds.fds);
    const [buf, nbytes] = this.#memory(iocb.opcode, index);
    this.#set(() => iocb.buf = buf);
    this.#set(() => iocb.nbytes = nbytes);
    const offset = random.once(20)
      ? random.pick(ODD_NUMBERS)
      : random.pick([1, 512, 4096]) * random.below(256);
    // A sync or a poll with an offset is refused, and that is known well enough
    if (!PLAIN.has(iocb.opcode) || random.once(10)) this.#set(() => iocb.offset = offset);
    if (random.once(10)) {
      iocb.rwFlags = random.once(2) ? 1 << random.below(10) : random.below(2 ** 32);
    }
    if (random.once(10)) iocb.key = random.below(2 ** 32);
    if (random.once(10)) iocb.reqprio = random.pick([0, 0x2000, 0x4000, 0x6000, 0x8000, 0xffff, 8]);
    if (random.once(6)) iocb.flags = random.pick([IOCB_FLAG_IOPRIO, 3, 0xfffffffc]);
    if (random.once(4) && this.#wakeups.length > 0) {
      iocb.flags = IOCB_FLAG_RESFD;
      iocb.resfd = random.pick(this.#wakeups).fd;
    } else if (random.once(10)) {
      iocb.flags |= IOCB_FLAG_RESFD;
      iocb.resfd = random.pick(this.#grounds.fds);
    }
    const raw = new DataView(this.#arena.iocbs.buffer, place, 64);
    if (random.once(50)) raw.setUint32(48 + 4 * random.below(2), random.below(2 ** 32), true);
    // More than a number can say; a kernel that took it would move nothing
    if (random.once(50)) raw.setBigUint64(32, (1n << 63n) + BigInt(random.below(1000)), true);
    const { opcode, fildes, rwFlags, flags, resfd } = iocb;
    this.#described += `{${opcode} fd ${fildes} buf ${iocb.buf} nbytes ${iocb.nbytes} ` +
      `at ${iocb.offset} rw ${rwFlags} flags ${flags} resfd ${resfd}}`;
  }

  #memory(opcode: number, index: number): readonly [buf: number, nbytes: number] {
    const random = this.#random;
    if (opcode === IOCB_CMD_POLL) return [random.pick([1, 4, 2, 0, 0xffff, 0x10000, 2 ** 53]), 0];
    if (PLAIN.has(opcode)) return random.once(10) ? [8, 1] : [0, 0];
    if (random.once(15)) return [nowhere(random), random.pick([0, 1, 4096, 65536, NaN, -1])];
    if (opcode !== IOCB_CMD_PREADV && opcode !== IOCB_CMD_PWRITEV) {
      return this.#arena.dataPiece(random);
    }
    const parts = Array.from({ length: random.below(9) }, () => {
      if (random.once(20)) return [random.pick([0, 8, 2 ** 53]), random.pick([1, 4096])] as const;
      const [address, length] = this.#arena.dataPiece(random);
      return [address, random.once(50) ? -1 : length] as const;
    });
    const address = this.#arena.layVectors(index, parts);
    return [address, random.once(20) ? random.pick([1024, 1025, 2 ** 31, 2 ** 53]) : parts.length];
  }

  /** The setters of 64-bit fields refuse what is no word. */
  #set(assign: () => void): void {
    try {
      assign();
    } catch (error) {
      if (!(error instanceof RangeError)) this.#violation(`a setter threw: ${error}`);
    }
  }

  #badPointer(): number {
    const address = nowhere(this.#random);
    return isWord(address) ? address : 0;
  }

  /** A number that is no live context's id. */
  #wrongId(): number {
    const random = this.#random;
    const live = this.#anyLive()?.id ?? 4096;
    const id = random.weighted<() => number>([
      [2, () => random.pick([0, 1])],
      [3, () => this.#graves.length === 0 ? 1 : random.pick(this.#graves)],
      [3, () => live + random.pick([8, -8, 4096, -4096])],
      [1, () => live + 0.5],
      [1, () => live + 2 ** 64],
      [3, () => nowhere(random)],
    ])();
    // Another context, or a new one where a dead one lay
    return this.#live.has(id) ? 0 : id;
  }

  #anyLive(): Live | undefined {
    const { size } = this.#live;
    if (size === 0) return undefined;
    let index = this.#random.below(size);
    for (const live of this.#live.values()) if (index-- === 0) return live;
    return undefined;
  }

  #tidy(): void {
    this.#note("tidy");
    this.#grounds.tidy();
    for (const live of this.#live.values()) {
      if (live.ring.usable) {
        this.#try(
          "ring.reap()",
          () => live.ring.reap(({ data, obj }) => this.#arrived(live, data, obj)),
        );
      }
    }
    this.#grounds.drain();
  }

  /** Makes a call and sees that it ends as it may. */
  #try(text: string, call: () => number): number | undefined {
    this.#last = text;
    this.#note(text);
    const name = text.slice(0, text.indexOf("("));
    try {
      const result = call();
      if (typeof result !== "number") this.#violation(`${name} gave a ${typeof result}`);
      this.#outcome(name, result >= 0 ? "ok" : `${result}`);
      return result;
    } catch (error) {
      this.#outcome(name, (error as Error).constructor.name);
      const { code } = error as { code?: string };
      const allowed = error instanceof TypeError || error instanceof RangeError ||
        (name === "allocate" && code === "ENOMEM");
      if (!allowed) this.#violation(`${name} threw ${error}`);
      return undefined;
    }
  }

  #outcome(name: string, outcome: string): void {
    const key = `${name} ${outcome}`;
    this.outcomes.set(key, (this.outcomes.get(key) ?? 0) + 1);
  }

  #violation(text: string): void {
    const times = (this.violations.get(text) ?? 0) + 1;
    this.violations.set(text, times);
    if (times === 1) console.log(`VIOLATION at call ${this.#count}: ${text}\n  ${this.#last}`);
  }
}

const OPCODES: readonly (readonly [weight: number, opcode: number])[] = [
  [8, IOCB_CMD_PREAD],
  [8, IOCB_CMD_PWRITE],
  [6, IOCB_CMD_PREADV],
  [6, IOCB_CMD_PWRITEV],
  [2, IOCB_CMD_FSYNC],
  [2, IOCB_CMD_FDSYNC],
  [4, IOCB_CMD_POLL],
  [1, 4],
  [1, 6],
  [1, 9],
  [1, 65535],
];

const PLAIN: ReadonlySet<number> = new Set([IOCB_CMD_FSYNC, IOCB_CMD_FDSYNC, IOCB_CMD_POLL]);
