/**
 * The portable kernel beside the real one: both run the same program of raw calls, and every
 * result, event and byte is compared.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { setImmediate as turn } from "node:timers/promises";
import { EAGAIN, EDEADLK, EINPROGRESS, EINTR } from "../../src/abi/errno.ts";
import { IO_EVENT_SIZE } from "../../src/abi/io_event.ts";
import {
  IOCB_BUF,
  IOCB_DATA,
  IOCB_FILDES,
  IOCB_FLAGS,
  IOCB_KEY,
  IOCB_LIO_OPCODE,
  IOCB_NBYTES,
  IOCB_OFFSET,
  IOCB_REQPRIO,
  IOCB_RESERVED2,
  IOCB_RESFD,
  IOCB_RW_FLAGS,
  IOCB_SIZE,
} from "../../src/abi/iocb.ts";
import { IOCB_FLAG_IOPRIO, IOCB_FLAG_RESFD } from "../../src/abi/opcodes.ts";
import { POLLIN, POLLPRI } from "../../src/abi/poll.ts";
import type { PortableKernel } from "../../src/portable/mod.ts";
import { type Laid, layRequest, meets, reachesEnd } from "./twin_requests.ts";
import {
  MOST_REQUESTS,
  type Place,
  type Program,
  type Step,
  type Timeout,
  TIMESPECS,
  type Which,
} from "./twin_programs.ts";
import { DATA, FILE_NAMES, type FileName, Side, SIZE } from "./twin_sides.ts";
import { HANG_MILLISECONDS } from "./within.ts";

// Where things lie in the allocation
const POINTERS = 0;
const EVENTS = 0x2000;
const IOCBS = 0x6000;
const TIMES = 0x7000;
/** At the end of the allocation, for arrays and iocbs that reach beyond it. */
const LAST_BYTES = 64;

const HEAD = 2;
const TAIL = 3;
/** The other words of the header that the kernel does not read again. */
const UNREAD_WORDS = { nr: 1, magic: 4, features: 6 } as const;

/** Contexts that every program finds, by what they were made for. */
const ENTRIES = [1, 8, 63, 130];

/** Timeouts that end. */
const ENDING: readonly Timeout[] = [
  "zero",
  "short",
  "shortened",
  "lengthened",
  "cancelled",
  "wrapped",
];

/** What went on differently. */
export class Difference extends Error {}

interface Twin {
  readonly side: Side;
  readonly id: number;
  readonly words: Int32Array;
  readonly nr: number;
  /** What completes in any case, and has not been read; by `data`. */
  readonly sure: Set<number>;
  /** Polls that have not been read. */
  readonly polls: Set<number>;
  /** Events that were read since both sides were last empty. */
  read: string[];
}

interface Pair {
  readonly entries: number;
  readonly twins: readonly [Twin, Twin];
  alive: boolean;
}

/** Runs programs on both kernels; contexts are used again, as the real ones are slow to end. */
export class TwinKernels implements Disposable {
  #sides: readonly [Side, Side] = [new Side("linux"), new Side("portable")];
  #standing: Pair[] = [];
  #pairs: Pair[] = [];
  /** What may still be under way. */
  #active: Laid[] = [];
  #number = 0;
  #turned = false;
  #log: string[] = [];
  /**
   * Waits of the portable kernel for a write that the pool of the runtime had, and that no thread
   * can wait for. See docs/portable.md.
   */
  deadlocks = 0;

  /** What the last program did. */
  get log(): readonly string[] {
    return this.#log;
  }

  /**
   * Runs one program.
   *
   * @throws {Difference} Where the kernels differ
   */
  async run(program: Program): Promise<void> {
    this.#log = [];
    this.#number = 0;
    this.#sides.forEach((side) => side.reset());
    this.#standing = ENTRIES.map((entries, index) =>
      this.#standing[index]?.alive ? this.#standing[index]! : this.#make(entries)
    );
    this.#pairs = [...this.#standing];
    try {
      for (const step of program) await this.#step(step);
      await this.#end();
    } catch (error) {
      await this.#renew();
      throw error;
    }
  }

  async #step(step: Step): Promise<void> {
    switch (step.call) {
      case "setup":
        return this.#setup(step);
      case "submit":
        return await this.#submit(step);
      case "getevents":
        return await this.#getevents(step);
      case "cancel":
        return await this.#cancel(step);
      case "destroy":
        return await this.#destroy(step);
      case "stray":
        return await this.#stray(step);
      case "reap":
        return await this.#reap(step);
      case "fill":
        return await this.#fill(step);
      case "flood":
        return await this.#flood(step);
      case "reopen":
        return await this.#reopen(step);
      case "turn":
        this.#turned = true;
        await turn();
    }
  }

  /** Makes the same call on both sides; the result. */
  #both(name: string, call: (side: Side, index: 0 | 1) => number): number {
    const [real, portable] = this.#sides;
    const expected = call(real, 0);
    const actual = call(portable, 1);
    if (expected !== actual) this.#differ(name, expected, actual);
    this.#log.push(`${name}: ${expected}`);
    return expected;
  }

  #differ(what: string, expected: unknown, actual: unknown): never {
    const before = this.#log.slice(-6).join("; ");
    throw new Difference(`${what}: Linux ${expected}, portable ${actual} (after ${before})`);
  }

  #address(side: Side, { from, offset }: Place): number {
    if (from === "memory") return side.base + offset;
    if (from === "end") return side.base + SIZE + offset;
    return from === "zero" ? offset : 2 ** 47 + offset;
  }

  // Contexts

  #setup({ entries, word }: Step & { call: "setup" }): void {
    const words = [new BigUint64Array([word ?? 0n]), new BigUint64Array([word ?? 0n])];
    const res = this.#both(
      `io_setup(${entries})`,
      ({ kernel }, index) => kernel.io_setup(entries, words[index]!),
    );
    if (res === 0) this.#pairs.push(this.#pair(entries, words.map((id) => Number(id[0]))));
    else if (words[0]![0] !== words[1]![0]) this.#differ("ctxp", words[0]![0], words[1]![0]);
  }

  #make(entries: number): Pair {
    const ids = this.#sides.map(({ kernel }) => {
      const id = new BigUint64Array(1);
      const errno = kernel.io_setup(entries, id);
      if (errno !== 0) throw new Error(`No context: ${errno}`);
      return Number(id[0]);
    });
    return this.#pair(entries, ids);
  }

  #pair(entries: number, ids: readonly number[]): Pair {
    const twin = (side: Side, id: number): Twin => {
      const nr = new Int32Array(side.kernel.view(id, 32), 0, 8)[1]!;
      const words = new Int32Array(side.kernel.view(id, 32 + 32 * nr), 0, 8 + 8 * nr);
      return { side, id, words, nr, sure: new Set(), polls: new Set(), read: [] };
    };
    const [real, portable] = this.#sides;
    const twins = [twin(real, ids[0]!), twin(portable, ids[1]!)] as const;
    const header = twins.map(({ words }) => [...words.subarray(1, 8)].join());
    if (header[0] !== header[1]) this.#differ("ring header", header[0], header[1]);
    return { entries, twins, alive: true };
  }

  /** Which context a call names, and by which ids; `undefined`: an id that lives again. */
  #named(which: Which): { pair: Pair | undefined; ids: readonly [number, number] } | undefined {
    if (typeof which !== "number") {
      const live = this.#pairs.find(({ alive }) => alive);
      const id = (index: 0 | 1) => {
        if (which === "zero") return 0;
        if (which === "minus") return -1;
        if (which === "memory") return this.#sides[index].base + DATA;
        return (live?.twins[index].id ?? 0) + 8;
      };
      return { pair: undefined, ids: [id(0), id(1)] };
    }
    const pair = this.#pairs[which % this.#pairs.length]!;
    const ids = [pair.twins[0].id, pair.twins[1].id] as const;
    if (pair.alive) return { pair, ids };
    const again = this.#pairs.some(({ alive, twins }) => alive && twins[0].id === ids[0]);
    return again ? undefined : { pair: undefined, ids };
  }

  async #destroy({ which, settle, polls }: Step & { call: "destroy" }): Promise<void> {
    // Writes may go on behind it; see docs/portable.md
    const late = this.#active.some((request) => request.late);
    if (settle || this.#turned || late) await this.#settle();
    const named = this.#named(which);
    if (named === undefined) return;
    if (named.pair !== undefined && this.#unread(named.pair) + polls <= named.pair.entries) {
      this.#both(`${polls} polls`, ({ kernel, base }, index) => {
        this.#layPolls(this.#sides[index], "pipeR", POLLPRI);
        return kernel.io_submit(named.ids[index], polls, base + POINTERS);
      });
    }
    this.#both(`io_destroy(${which})`, ({ kernel }, index) => kernel.io_destroy(named.ids[index]));
    if (named.pair !== undefined) named.pair.alive = false;
  }

  // Requests

  async #submit(step: Step & { call: "submit" }): Promise<void> {
    const named = this.#named(step.which);
    if (named === undefined) return;
    const { pair, ids } = named;
    const laid: Laid[] = [];
    const atEnd = step.array === "end" || step.stray?.place.from === "end";
    if (atEnd) await this.#settle();
    for (const request of step.requests) {
      const next = layRequest(request, laid.length, this.#number + laid.length + 1);
      if (next === undefined || laid.some((other) => meets(next, other))) continue;
      if (!atEnd || !reachesEnd(next)) laid.push(next);
    }
    if (pair !== undefined) laid.splice(pair.entries);
    this.#number += laid.length;
    if (laid.some((next) => this.#active.some((other) => meets(next, other)))) await this.#settle();
    if (pair !== undefined && this.#unread(pair) + laid.length > pair.entries) {
      await this.#drain(pair);
      if (this.#unread(pair) + laid.length > pair.entries) {
        laid.splice(Math.max(0, pair.entries - this.#unread(pair)));
      }
    }
    for (const side of this.#sides) this.#lay(side, step, laid);
    const nr = "is" in step.nr ? step.nr.is : laid.length + step.nr.plus;
    const res = this.#both(`io_submit(${step.which}, ${nr})`, (side, index) => {
      const array = this.#array(side, step.array, laid.length);
      return side.kernel.io_submit(ids[index], nr, array);
    });
    if (atEnd) this.#sides.forEach(({ bytes }) => bytes.fill(0x11, SIZE - LAST_BYTES));
    this.#check(IOCBS, TIMES, "iocbs");
    for (const request of laid.slice(0, Math.max(0, res))) {
      const { number, poll } = request;
      pair!.twins.forEach(({ sure, polls }) => (poll ? polls : sure).add(number));
      this.#active.push(request);
    }
  }

  #unread({ twins }: Pair): number {
    return Math.max(...twins.map(({ sure, polls }) => sure.size + polls.size));
  }

  #array(side: Side, kind: (Step & { call: "submit" })["array"], count: number): number {
    if (kind === "nowhere") return 0;
    if (kind === "kernel") return 2 ** 47;
    return side.base + (kind === "end" ? SIZE - 8 * count : POINTERS);
  }

  #lay(side: Side, step: Step & { call: "submit" }, laid: readonly Laid[]): void {
    const { view, base } = side;
    side.bytes.fill(0, POINTERS, EVENTS);
    // What begins there must not happen to be an iocb
    if (step.stray?.place.from === "end") side.bytes.fill(0x11, SIZE - LAST_BYTES);
    const array = step.array === "end" ? SIZE - 8 * laid.length : POINTERS;
    for (const [index, request] of laid.entries()) {
      const at = IOCBS + IOCB_SIZE * (step.first + index);
      side.bytes.fill(0, at, at + IOCB_SIZE);
      view.setUint32(at + IOCB_DATA, request.number, true);
      view.setUint32(at + IOCB_DATA + 4, Math.imul(request.number, 0x9e3779b9), true);
      view.setUint32(at + IOCB_KEY, request.key, true);
      view.setInt32(at + IOCB_RW_FLAGS, request.rwFlags, true);
      view.setUint16(at + IOCB_LIO_OPCODE, request.opcode, true);
      view.setUint16(at + IOCB_REQPRIO, request.ioprio ?? 0x7777, true);
      view.setInt32(at + IOCB_FILDES, side.fds[request.file], true);
      const buf = typeof request.buf === "bigint"
        ? request.buf
        : BigInt(this.#address(side, request.buf));
      view.setBigUint64(at + IOCB_BUF, BigInt.asUintN(64, buf), true);
      view.setBigUint64(at + IOCB_NBYTES, BigInt.asUintN(64, request.nbytes), true);
      view.setBigInt64(at + IOCB_OFFSET, BigInt.asIntN(64, request.offset), true);
      view.setUint32(at + IOCB_RESERVED2 + 4, request.reserved2, true);
      const flags = request.flags | (request.ioprio === undefined ? 0 : IOCB_FLAG_IOPRIO) |
        (request.resfd === undefined ? 0 : IOCB_FLAG_RESFD);
      view.setUint32(at + IOCB_FLAGS, flags, true);
      view.setInt32(at + IOCB_RESFD, side.fds[request.resfd ?? "closed"], true);
      for (const [number, [piece, length]] of request.vector.entries()) {
        const place = request.vectorAt + 16 * number;
        view.setBigUint64(place, BigInt(this.#address(side, piece)), true);
        view.setBigInt64(place + 8, length, true);
      }
      view.setBigUint64(array + 8 * index, BigInt(base + at), true);
    }
    const { stray } = step;
    if (stray !== undefined && stray.index < laid.length) {
      const address = this.#address(side, stray.place);
      view.setBigUint64(array + 8 * stray.index, BigInt(address), true);
    }
  }

  // Events

  /** The `data` of what lies in the ring, and its text. */
  #inRing(twin: Twin): [number, string][] {
    const { words, nr, side } = twin;
    const events: [number, string][] = [];
    const tail = Atomics.load(words, TAIL);
    for (let at = words[HEAD]!; at !== tail; at = (at + 1) % nr) {
      events.push(eventText(words, 8 + 8 * at, side));
    }
    return events;
  }

  #took(twin: Twin, events: readonly [number, string][]): void {
    for (const [number, text] of events) {
      if (!twin.sure.delete(number) && !twin.polls.delete(number)) {
        throw new Difference(`${twin.side.name}: an event too many: ${text}`);
      }
      twin.read.push(text);
    }
  }

  /** What is not over on this side. */
  #left(twin: Twin): string {
    const ring = new Set(this.#inRing(twin).map(([number]) => number));
    const polls = [...twin.polls].filter((number) => !ring.has(number));
    const sure = [...twin.sure].filter((number) => !ring.has(number));
    return `${sure.sort((a, b) => a - b).join()};${polls.sort((a, b) => a - b).join()}`;
  }

  /** Waits until all is over but polls; reads nothing. */
  async #settle(): Promise<void> {
    const end = performance.now() + HANG_MILLISECONDS;
    const pairs = this.#pairs.filter(({ alive }) => alive);
    const portable = this.#sides[1];
    if (!this.#turned && this.#number % 2 === 0) this.#runSync(portable);
    // The work queue
    else await turn();
    for (const { twins: [real, twin] } of pairs) {
      while (!this.#left(twin).startsWith(";")) {
        if (performance.now() > end) throw new Difference(`portable: never: ${this.#left(twin)}`);
        await turn();
      }
      // What it signalled last may have kicked a poll
      if (twin.polls.size > 0) await turn();
      const left = this.#left(twin);
      while (this.#left(real) !== left) {
        if (performance.now() > end) this.#differ("not over", this.#left(real), left);
        pause(0.05);
      }
    }
    // The real kernel signals an eventfd behind the tail, which was seen
    if (this.#active.some(({ signals }) => signals)) pause(0.3);
    this.#active = [];
    this.#turned = false;
  }

  /** Has the portable kernel do on this thread what it has. */
  #runSync({ kernel, view, base, fds }: Side): void {
    view.setUint16(TIMES + 256 + IOCB_LIO_OPCODE, 3, true);
    view.setInt32(TIMES + 256 + IOCB_FILDES, fds.small, true);
    const res = (kernel as PortableKernel).run(base + TIMES + 256);
    if (res !== 0) throw new Difference(`portable: run: ${res}`);
  }

  async #getevents(step: Step & { call: "getevents" }): Promise<void> {
    const { which, min, nr, mask } = step;
    const settled = step.settle || step.events.from !== "memory";
    if (settled) await this.#settle();
    const named = this.#named(which);
    if (named === undefined) return;
    const { pair, ids } = named;
    const certain = pair === undefined
      ? Infinity
      : Math.min(...pair.twins.map((twin) => twin.sure.size + this.#pollsIn(twin)));
    const endless = step.timeout !== "nowhere" && !ENDING.includes(step.timeout);
    const timeout = endless && min > certain ? "short" : step.timeout;
    const once = ({ kernel, base, view }: Side, index: 0 | 1): number => {
      const side = this.#sides[index];
      const events = this.#address(side, step.events);
      const unused = timeout === "none" || timeout === "nowhere";
      const [seconds, nanoseconds] = TIMESPECS[unused ? "zero" : timeout];
      view.setBigInt64(TIMES, seconds, true);
      view.setBigInt64(TIMES + 8, nanoseconds, true);
      const time = timeout === "none" ? 0 : timeout === "nowhere" ? 8 : base + TIMES;
      if (mask === "no") return kernel.io_getevents(ids[index], min, nr, events, time);
      const pointer = mask === "null" || mask === "size" && nr % 2 === 0
        ? 0
        : mask === "set"
        ? 8
        : base + TIMES + 64;
      view.setBigUint64(TIMES + 32, BigInt(pointer), true);
      view.setBigUint64(TIMES + 40, mask === "size" || mask === "null" ? 7n : 8n, true);
      const sigset = mask === "none" ? 0 : mask === "nowhere" ? 8 : base + TIMES + 32;
      return kernel.io_pgetevents(ids[index], min, nr, events, time, sigset);
    };
    const call = (side: Side, index: 0 | 1): number => {
      let res: number;
      // Signals of the runtime, and of children that end
      while ((res = once(side, index)) === -EINTR) { /* again */ }
      return res;
    };
    const name = `io_getevents(${which}, ${min}, ${nr}, ${step.events.from}, ${timeout}, ${mask})`;
    if (settled || pair === undefined) {
      const count = this.#both(name, call);
      if (count > 0) this.#read(pair!, step.events, [count, count]);
      // How much was written before the fault nobody says
      if (step.events.from === "end") {
        this.#sides.forEach(({ bytes }) => bytes.fill(0x11, SIZE - LAST_BYTES));
      }
      if (pair !== undefined) this.#compare(pair);
      return;
    }
    // How many have come by now is anybody's guess
    const results = this.#sides.map((side, index) => call(side, index as 0 | 1));
    this.#log.push(`${name}: ${results}`);
    const [expected, actual] = results.map((res) => Math.min(res, Math.max(0, min)));
    const guess = ENDING.includes(timeout) && expected! >= 0 && actual! >= 0;
    const short = actual === -EDEADLK || (actual! >= 0 && actual! < expected!);
    const shut = short && this.#active.some(({ late }) => late);
    if (shut && !guess) this.deadlocks++;
    else if (expected !== actual && !guess) this.#differ(name, results[0], results[1]);
    this.#read(pair, step.events, results.map((count) => Math.max(0, count)));
    await this.#drain(pair);
  }

  #pollsIn(twin: Twin): number {
    return this.#inRing(twin).filter(([number]) => twin.polls.has(number)).length;
  }

  #read(pair: Pair, place: Place, counts: readonly number[]): void {
    for (const [index, twin] of pair.twins.entries()) {
      const { side } = twin;
      const start = this.#address(side, place) - side.base;
      const copy = side.bytes.slice(start, start + IO_EVENT_SIZE * counts[index]!);
      const words = new Int32Array(copy.buffer);
      const events = Array.from(
        { length: counts[index]! },
        (_, k) => eventText(words, 8 * k, side),
      );
      this.#took(twin, events);
    }
  }

  /** Where nothing is left to read, the same must have been read. */
  #compare({ twins }: Pair): void {
    const [real, portable] = twins;
    if (twins.some((twin) => twin.words[HEAD] !== twin.words[TAIL])) return;
    if (this.#left(real) !== this.#left(portable)) return;
    const [expected, actual] = [real.read.sort().join("; "), portable.read.sort().join("; ")];
    if (expected !== actual) this.#differ("events", expected, actual);
    const headers = twins.map(({ words }) => words.subarray(1, 8).join());
    if (headers[0] !== headers[1]) this.#differ("ring header", headers[0], headers[1]);
    real.read = [];
    portable.read = [];
  }

  /** Waits for all but polls, and reads it. */
  async #drain(pair: Pair): Promise<void> {
    await this.#settle();
    if (!pair.alive) return;
    for (const twin of pair.twins) this.#reapTwin(twin, Infinity);
    this.#compare(pair);
  }

  #reapTwin(twin: Twin, most: number): void {
    const events = this.#inRing(twin).slice(0, most);
    this.#took(twin, events);
    Atomics.store(twin.words, HEAD, (twin.words[HEAD]! + events.length) % twin.nr);
  }

  async #reap({ which, count }: Step & { call: "reap" }): Promise<void> {
    await this.#settle();
    const pair = this.#pairs[which % this.#pairs.length]!;
    if (!pair.alive) return;
    for (const twin of pair.twins) this.#reapTwin(twin, count);
    this.#log.push(`reap(${which}, ${count})`);
    this.#compare(pair);
  }

  async #cancel({ which, iocb }: Step & { call: "cancel" }): Promise<void> {
    await this.#settle();
    const named = this.#named(which);
    if (named === undefined) return;
    const result: Place = { from: "memory", offset: EVENTS };
    this.#both(`io_cancel(${which}, ${JSON.stringify(iocb)})`, (side, index) => {
      const address = typeof iocb === "number"
        ? side.base + IOCBS + IOCB_SIZE * iocb
        : this.#address(side, iocb);
      return side.kernel.io_cancel(named.ids[index], address, this.#address(side, result));
    });
  }

  async #reopen({ what }: Step & { call: "reopen" }): Promise<void> {
    if (what === "streams") {
      this.#sides.forEach((side) => side.remakeStreams());
    } else {
      // Behind a request that may still have to be done, the two differ. See docs/portable.md
      const held = this.#active.some(({ poll, file }) => !poll && this.#sides[0].reopens(file));
      if (held) await this.#settle();
      this.#sides.forEach((side) => side.reopen());
    }
    this.#log.push(`reopen ${what}`);
  }

  // What a program should not do

  async #stray(step: Step & { call: "stray" }): Promise<void> {
    const pair = this.#pairs[step.which % this.#pairs.length]!;
    if (!pair.alive) return;
    const { word, value } = step;
    if (word === "id") return this.#strayId(pair, value);
    if (word !== "head" && word !== "tail") {
      for (const { words } of pair.twins) words[UNREAD_WORDS[word]] = value;
      this.#log.push(`${word} = ${value}`);
      return;
    }
    await this.#settle();
    const nr = Math.min(step.nr, 512);
    const kept = pair.twins.map(({ words }) => words[TAIL]!);
    const pending = this.#left(pair.twins[0]).split(";")[1]!;
    for (const { words } of pair.twins) Atomics.store(words, word === "head" ? HEAD : TAIL, value);
    for (let time = 0; time < 2; time++) {
      this.#both(`${word} = ${value}, io_getevents(0, ${nr})`, ({ kernel, base }, index) => {
        const { id } = pair.twins[index];
        return kernel.io_getevents(id, 0, nr, base + EVENTS, 0);
      });
    }
    const heads = pair.twins.map(({ words }) => `${words[HEAD]} ${words[TAIL]}`);
    if (heads[0] !== heads[1]) this.#differ("head and tail", heads[0], heads[1]);
    // All events count as read: which were is the program's own fault
    for (const [index, twin] of pair.twins.entries()) {
      Atomics.store(twin.words, HEAD, kept[index]!);
      Atomics.store(twin.words, TAIL, kept[index]!);
      twin.sure.clear();
      twin.polls.clear();
      if (pending !== "") pending.split(",").forEach((number) => twin.polls.add(Number(number)));
      twin.read = [];
    }
  }

  #strayId(pair: Pair, value: number): void {
    const kept = pair.twins.map(({ words }) => words[0]!);
    for (const { words } of pair.twins) words[0]! += value === 0 ? 1 : value;
    this.#both(
      "id overwritten, io_submit",
      ({ kernel }, index) => kernel.io_submit(pair.twins[index].id, 0, 0),
    );
    this.#both(
      "id overwritten, io_getevents",
      ({ kernel, base }, index) =>
        kernel.io_getevents(pair.twins[index].id, 0, 1, base + EVENTS, 0),
    );
    this.#both("id overwritten, io_destroy", (side, index) => {
      // The real kernel detaches its views at every try
      const { id } = pair.twins[index];
      return side.name === "linux" ? side.kernel.io_submit(id, 0, 0) : side.kernel.io_destroy(id);
    });
    for (const [index, { words }] of pair.twins.entries()) words[0] = kept[index]!;
  }

  /** Polls that are ready at once until there is no room, which is more than was asked for. */
  async #fill({ which }: Step & { call: "fill" }): Promise<void> {
    const pair = this.#pairs[which % this.#pairs.length]!;
    if (!pair.alive) return;
    await this.#drain(pair);
    const least = pair.entries - this.#unread(pair);
    const counts = pair.twins.map((twin) => {
      const { kernel } = twin.side;
      this.#layPolls(twin.side, "rw", POLLIN);
      let count = 0;
      let res: number;
      while ((res = kernel.io_submit(twin.id, 64, twin.side.base + POINTERS)) > 0) count += res;
      if (res !== -EAGAIN || count < least) {
        this.#differ(`${twin.side.name} full`, least, [count, res]);
      }
      Atomics.store(twin.words, HEAD, Atomics.load(twin.words, TAIL));
      return count;
    });
    this.#log.push(`fill(${which}): ${counts}`);
    // One by one, so that both rings stand at the same place again
    for (const [index, twin] of pair.twins.entries()) {
      for (let count = counts[index]!; count < Math.max(...counts); count++) {
        const res = twin.side.kernel.io_submit(twin.id, 1, twin.side.base + POINTERS);
        if (res !== 1) this.#differ(`${twin.side.name} after full`, 1, res);
        Atomics.store(twin.words, HEAD, Atomics.load(twin.words, TAIL));
      }
    }
  }

  /** Writes of one length until the pipe takes no more of them. */
  async #flood({ which, length }: Step & { call: "flood" }): Promise<void> {
    const pair = this.#pairs[which % this.#pairs.length]!;
    if (!pair.alive) return;
    await this.#drain(pair);
    // A poll that is not over leaves no room for the write
    if (this.#unread(pair) >= pair.entries) return;
    const [expected, actual] = pair.twins.map((twin) => {
      this.#layWrite(twin.side, length);
      const results: string[] = [];
      do {
        const res = twin.side.kernel.io_submit(twin.id, 1, twin.side.base + POINTERS);
        if (res !== 1) this.#differ(`${twin.side.name} flood`, 1, res);
        const events = this.#inRing(twin);
        results.push(...events.filter(([number]) => number === 0).map(([, text]) => text));
        this.#took(twin, events.filter(([number]) => number !== 0));
        Atomics.store(twin.words, HEAD, (twin.words[HEAD]! + events.length) % twin.nr);
      } while (results.at(-1)!.includes(`res ${length} `));
      return `${results.length} writes, the last: ${results.at(-1)}`;
    });
    this.#log.push(`flood(${which}, ${length}): ${expected}`);
    if (expected !== actual) this.#differ(`flood(${length})`, expected, actual);
  }

  #layWrite({ bytes, view, base, fds }: Side, length: number): void {
    const at = IOCBS + IOCB_SIZE * 3 * MOST_REQUESTS;
    bytes.fill(0, at, at + IOCB_SIZE);
    view.setUint16(at + IOCB_LIO_OPCODE, 1, true);
    view.setInt32(at + IOCB_FILDES, fds.pipeW, true);
    view.setBigUint64(at + IOCB_BUF, BigInt(base + DATA), true);
    view.setUint32(at + IOCB_NBYTES, length, true);
    view.setBigUint64(POINTERS, BigInt(base + at), true);
  }

  /** Many polls by one iocb, which have an eventfd if they may have to wait. */
  #layPolls({ bytes, view, base, fds }: Side, file: FileName, mask: number): void {
    const at = IOCBS + IOCB_SIZE * 3 * MOST_REQUESTS;
    bytes.fill(0, at, at + IOCB_SIZE);
    view.setUint16(at + IOCB_LIO_OPCODE, 5, true);
    view.setInt32(at + IOCB_FILDES, fds[file], true);
    view.setUint32(at + IOCB_BUF, mask, true);
    view.setUint32(at + IOCB_FLAGS, file === "rw" ? 0 : IOCB_FLAG_RESFD, true);
    view.setInt32(at + IOCB_RESFD, fds.event, true);
    for (let index = 0; index < 64; index++) {
      view.setBigUint64(POINTERS + 8 * index, BigInt(base + at), true);
    }
  }

  // The end

  async #end(): Promise<void> {
    await this.#settle();
    for (const pair of this.#pairs) {
      if (!pair.alive) continue;
      await this.#cancelAll(pair);
      await this.#drain(pair);
      if (this.#unread(pair) > 0) throw new Difference(`never over: ${this.#left(pair.twins[0])}`);
    }
    await this.#emptyStreams();
    // Headers as they were, for the next program
    for (const { twins, alive } of this.#pairs) {
      if (!alive) continue;
      for (const { words, nr } of twins) {
        words[UNREAD_WORDS.nr] = nr;
        words[UNREAD_WORDS.magic] = 0xa10a10a1 | 0;
        words[UNREAD_WORDS.features] = 0;
      }
    }
    for (const pair of this.#pairs.slice(ENTRIES.length)) {
      if (pair.alive) this.#destroyPair(pair);
    }
    this.#check(DATA, SIZE, "memory");
    const [real, portable] = this.#sides;
    const expected = real.contents();
    for (const [index, bytes] of portable.contents().entries()) {
      this.#same(expected[index]!, bytes, `the ${FILE_NAMES[index]} file`);
    }
  }

  #destroyPair(pair: Pair): void {
    pair.alive = false;
    this.#both("io_destroy", ({ kernel }, index) => kernel.io_destroy(pair.twins[index].id));
  }

  async #cancelAll(pair: Pair): Promise<void> {
    for (let slot = 0; slot <= 3 * MOST_REQUESTS; slot++) {
      let res: number;
      do {
        res = this.#both("io_cancel at the end", ({ kernel, base, view }, index) => {
          const at = IOCBS + IOCB_SIZE * slot;
          view.setUint32(at + IOCB_KEY, 0, true);
          return kernel.io_cancel(pair.twins[index].id, base + at, base + EVENTS);
        });
        // A poll may have been the last to hold an end of a pipe, and Linux closes that later, which
        // wakes the polls of the other end.
        if (res === -EINPROGRESS) await this.#settle();
      } while (res === -EINPROGRESS);
    }
    await this.#settle();
  }

  /** Reads what is left in pipe and eventfd, which must be the same. */
  async #emptyStreams(): Promise<void> {
    const pair = this.#standing.find(({ alive, entries }) => alive && entries > 1);
    if (pair === undefined) return;
    for (const file of ["fifoR", "pipeR", "event"] as const) {
      for (const side of this.#sides) {
        const { bytes, view, base, fds } = side;
        bytes.fill(0, IOCBS, IOCBS + IOCB_SIZE);
        view.setUint32(IOCBS + IOCB_DATA, this.#number + 1, true);
        view.setInt32(IOCBS + IOCB_FILDES, fds[file], true);
        view.setBigUint64(IOCBS + IOCB_BUF, BigInt(base + DATA), true);
        view.setUint32(IOCBS + IOCB_NBYTES, SIZE - DATA, true);
        view.setBigUint64(POINTERS, BigInt(base + IOCBS), true);
      }
      this.#number++;
      pair.twins.forEach(({ sure }) => sure.add(this.#number));
      this.#both(
        `the rest of ${file}`,
        ({ kernel, base }, index) => kernel.io_submit(pair.twins[index].id, 1, base + POINTERS),
      );
      await this.#drain(pair);
    }
  }

  #check(start: number, end: number, what: string): void {
    const [real, portable] = this.#sides.map((side) => {
      const bytes = side.bytes.slice(start, end);
      // Addresses differ
      if (what === "iocbs") {
        for (let at = IOCB_BUF; at < bytes.length; at += IOCB_SIZE) bytes.fill(0, at, at + 8);
        for (let at = IOCB_FILDES; at < bytes.length; at += IOCB_SIZE) bytes.fill(0, at, at + 4);
        for (let at = IOCB_RESFD; at < bytes.length; at += IOCB_SIZE) bytes.fill(0, at, at + 4);
      }
      return bytes;
    });
    this.#same(real!, portable!, what);
  }

  #same(expected: Uint8Array, actual: Uint8Array, what: string): void {
    if (Buffer.compare(expected, actual) === 0) return;
    const at = expected.findIndex((byte, index) => byte !== actual[index]);
    this.#differ(
      `${what} at ${at}`,
      `${expected.length} bytes: ${expected.slice(at, at + 8)}`,
      `${actual.length} bytes: ${actual.slice(at, at + 8)}`,
    );
  }

  /** Everything anew, as nobody knows what a difference left behind. */
  async #renew(): Promise<void> {
    this[Symbol.dispose]();
    for (let time = 0; time < 5; time++) await turn();
    this.#sides = [new Side("linux"), new Side("portable")];
    this.#standing = [];
    this.#active = [];
    this.#turned = false;
  }

  [Symbol.dispose](): void {
    for (const { alive, twins } of new Set([...this.#standing, ...this.#pairs])) {
      if (alive) twins.forEach(({ side, id }) => side.kernel.io_destroy(id));
    }
    this.#standing = [];
    this.#pairs = [];
    this.#sides.forEach((side) => side[Symbol.dispose]());
  }
}

function eventText(words: Int32Array, at: number, { base }: Side): [number, string] {
  const word = (index: number) => words[at + index]! >>> 0;
  const obj = word(3) * 2 ** 32 + word(2) - base;
  const number = word(0);
  const res = words[at + 4]!;
  const high = words[at + 5]!;
  const sign = high === (res < 0 ? -1 : 0) ? "" : ` (upper half ${high})`;
  return [
    number,
    `#${number} ${word(1).toString(16)} obj ${obj} res ${res}${sign} res2 ${word(6)},${word(7)}`,
  ];
}

const still = new Int32Array(new SharedArrayBuffer(4));

/** Holds the thread. */
function pause(milliseconds: number): void {
  Atomics.wait(still, 0, 0, milliseconds);
}
