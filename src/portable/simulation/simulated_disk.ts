/**
 * A disk that fails, on purpose and repeatably.
 *
 * All chance comes from one seed. What a request meets is drawn when it is queued, from a generator
 * of its own: a fault more, or a wait that is interrupted, does not change what others meet.
 *
 * @module
 */
import { readSync } from "node:fs";
import { EAGAIN, EFAULT, EINTR, EIO, ENOSPC } from "../../abi/errno.ts";
import { checkInteger } from "../../check.ts";
import { resultOf } from "../../errors/errno_of.ts";
import type { DirectAlignment, FilePosition } from "../../file_host.ts";
import { Aligned, trivialResult } from "../aligned.ts";
import { checkIdentity } from "../../threads/file_identity.ts";
import type { Disk, DiskOperation } from "../disk.ts";
import { SystemDisk } from "../system_disk.ts";
import { type AllFaults, allFaults, type Faults } from "./faults.ts";
import type { EventKind, LogEntry } from "./log.ts";
import { Random } from "./random.ts";
import { Schedule, type ScheduledEvent } from "./schedule.ts";
import { cut, SECTOR_SIZE } from "./sectors.ts";
import { type CrashFate, keyOf, StoredFile, type StoredWrite } from "./stored_file.ts";

/** How often a context asks in vain: a program that only asks again would do so for ever. */
const MOST_REFUSALS = 100;

/** A request in flight. */
interface InFlight {
  readonly number: number;
  readonly operation: DiskOperation;
  readonly file: StoredFile | undefined;
  /** Why it has no file: `-errno`. */
  readonly errno: number;
  readonly random: Random;
  /** What a sync covers. */
  readonly covers: readonly StoredWrite[];
}

/** What belongs to a context. */
interface Sender {
  /** By the order in which contexts were first used. */
  readonly rank: number;
  /** For its requests, which meet the same whatever other contexts do. */
  readonly requests: Random;
  readonly submits: Random;
  enomem: Enomem | undefined;
}

/** There is no memory for the requests of a context. */
interface Enomem {
  over: boolean;
  /** How often the context has asked. */
  asked: number;
}

/** The result of an operation. */
interface Outcome {
  readonly res: number;
  readonly what: EventKind;
  /** Where the bytes went, if not to the position of the operation. */
  readonly position?: number;
  readonly bit?: number;
}

/** See {@link Disk}. */
export class SimulatedDisk implements Disk {
  /** All chance comes from it. */
  readonly seed: number;
  /** What happened. */
  readonly log: LogEntry[] = [];
  readonly #faults: AllFaults;
  /** Does the work of pipes, sockets and terminals, which are not simulated. */
  readonly #streams = new SystemDisk();
  /** A stream was used. */
  #streaming = false;
  readonly #schedule = new Schedule();
  /** By {@link keyOf}, in the order in which they were first used. */
  readonly #files = new Map<string, StoredFile>();
  /** When those have memory again to whom io_submit answered EAGAIN. */
  readonly #refusals = new Set<ScheduledEvent>();
  readonly #inFlight = new Map<InFlight, ScheduledEvent>();
  #requests = 0;
  readonly #senders = new WeakMap<object, Sender>();
  #ranks = 0;
  readonly #random: { readonly senders: Random; readonly waits: Random; readonly crashes: Random };
  #interrupted = false;

  /**
   * @throws {RangeError} If `seed` is out of range
   * @throws {RangeError | TypeError} What {@link allFaults} throws
   */
  constructor(seed: number, faults: Faults) {
    checkInteger("make kernel", "seed", seed, 0xffffffff);
    this.seed = seed;
    this.#faults = allFaults(faults);
    const random = new Random(seed);
    this.#random = { senders: random.fork(), waits: random.fork(), crashes: random.fork() };
  }

  queue(operation: DiskOperation): void {
    const { kind, fd, position } = operation;
    const transfers = kind === "read" || kind === "write";
    if (transfers && position === null) {
      this.#streaming = true;
      return this.#streams.queue(operation);
    }
    // Looked up now, as the program may close the descriptor. It may have done so between two runs.
    const errno = checkIdentity(fd, operation.identity);
    const key = errno === 0 ? keyOf(fd) : undefined;
    const { rank, requests } = this.#sender(operation.context ?? this);
    const random = requests.fork();
    this.#schedule.ask(rank, () => this.#begin(operation, this.#fileOf(key), errno, random));
  }

  #fileOf(key: string | undefined): StoredFile | undefined {
    if (key === undefined) return undefined;
    let file = this.#files.get(key);
    if (file === undefined) this.#files.set(key, file = new StoredFile(this.#files.size + 1));
    return file;
  }

  #sender(context: object): Sender {
    let sender = this.#senders.get(context);
    if (sender === undefined) {
      const random = this.#random.senders;
      const [requests, submits] = [random.fork(), random.fork()];
      sender = { rank: this.#ranks++, requests, submits, enomem: undefined };
      this.#senders.set(context, sender);
    }
    return sender;
  }

  #begin(
    operation: DiskOperation,
    file: StoredFile | undefined,
    errno: number,
    random: Random,
  ): void {
    const { kind } = operation;
    const covers = kind === "read" || kind === "write" ? [] : file?.atRisk() ?? [];
    const request = { number: ++this.#requests, operation, file, errno, random, covers };
    const event = this.#schedule.after(this.#delay(random), () => this.#finish(request));
    this.#inFlight.set(request, event);
  }

  /** Microseconds. */
  #delay(random: Random): number {
    return random.below(2 * Math.round(this.#faults.delay * 1000) + 1);
  }

  #finish(request: InFlight): void {
    const { operation, number, file } = request;
    const { kind, fd, length } = operation;
    this.#inFlight.delete(request);
    const outcome = this.#perform(request);
    const position = operation.position ?? 0;
    const of = { request: number, operation: kind, file: file?.number ?? 0, fd, position, length };
    this.#record({ ...of, ...outcome });
    operation.done(outcome.res);
  }

  #record(entry: Partial<LogEntry> & Pick<LogEntry, "operation" | "what">): void {
    this.log.push({ ...NO_REQUEST, time: this.now(), ...entry });
  }

  /** @param crashing Whether the power fails while a write is in flight */
  #perform(request: InFlight, crashing = false): Outcome {
    const { operation, file } = request;
    const { kind } = operation;
    const trivial = trivialResult(operation);
    if (trivial !== undefined) return outcomeOf(trivial);
    // The program has closed the descriptor meanwhile, and may have opened another file.
    const errno = request.errno || checkIdentity(operation.fd, operation.identity);
    if (file === undefined || errno !== 0) return outcomeOf(errno);
    if (kind !== "read" && kind !== "write") {
      // The compiler is to name this place to whoever adds a kind.
      kind satisfies "fsync" | "fdatasync";
      return this.#sync(file, request.covers, request.random);
    }
    const memory = new Aligned(operation);
    try {
      if (kind === "read") return this.#read(request, memory);
      if (!operation.gather(memory.bytes)) return outcomeOf(-EFAULT);
      if (!crashing) return this.#write(request, file, memory.bytes);
      // Some of it may be stored already, as of any write that no sync covers.
      return outcomeOf(file.write(operation, memory.bytes, request.number).count);
    } catch (error) {
      return outcomeOf(resultOf(error));
    } finally {
      memory.free();
    }
  }

  /** Nothing is really synced: only what a sync promises matters. */
  #sync(file: StoredFile, covers: readonly StoredWrite[], random: Random): Outcome {
    const fails = random.chance(this.#faults.syncError);
    file.settle(covers, fails ? "forsaken" : "durable");
    return fails ? { res: -EIO, what: "EIO" } : outcomeOf(0);
  }

  #read({ operation, random }: InFlight, memory: Aligned): Outcome {
    const { readError, shortRead, bitRot } = this.#faults;
    const { fd, length } = operation;
    const position = operation.position!;
    if (random.chance(readError)) return { res: -EIO, what: "EIO" };
    const available = readSync(fd, memory.bytes, 0, length, position);
    const short = random.chance(shortRead);
    const count = short ? cut(position, length, available, 1, random) : available;
    let bit: number | undefined;
    if (random.chance(bitRot) && count > 0) {
      const at = random.below(count);
      const place = random.below(8);
      memory.bytes[at]! ^= 1 << place;
      bit = 8 * (position + at) + place;
    }
    const res = memory.scatter(operation, count);
    if (res < 0) return outcomeOf(res);
    if (bit !== undefined) return { res, what: "rotten", bit };
    return { res, what: count < available ? "short" : "completed" };
  }

  #write(request: InFlight, file: StoredFile, bytes: Uint8Array): Outcome {
    const { writeError, fullDisk, shortWrite } = this.#faults;
    const { operation, random } = request;
    const { length, durable } = operation;
    // All are drawn, so that no fault decides on another.
    const fails = random.chance(writeError);
    const fills = random.chance(fullDisk);
    const short = random.chance(shortWrite);
    if (file.full) {
      file.full = false;
      return { res: -ENOSPC, what: "ENOSPC" };
    }
    const least = fails || fills ? 0 : 1;
    const cuts = fails || fills || short;
    const most = cuts ? cut(operation.position!, length, length, least, random) : length;
    file.full = fills && !fails && most > 0;
    if (most === 0 && !fails) return { res: -ENOSPC, what: "ENOSPC" };
    const { position, count } = file.write(operation, bytes.subarray(0, most), request.number);
    if (fails) return { res: -EIO, what: "EIO", position };
    const synced = durable ? this.#sync(file, file.lastWritten(), random) : outcomeOf(0);
    if (synced.res < 0) return { ...synced, position };
    return { res: count, what: count < length ? "short" : "completed", position };
  }

  // The power.

  /** See {@link StoredFile.checkWatched}. */
  checkWatched(): void {
    for (const file of this.#files.values()) file.checkWatched();
  }

  /**
   * The power fails: what is in flight never completes, and some writes that no sync covers are
   * lost. The files are then as they will be found.
   */
  crash(): void {
    this.#schedule.settle();
    const random = this.#random.crashes.fork();
    this.#record({ operation: "crash", what: "crashed" });
    for (const [request, event] of this.#inFlight) {
      this.#schedule.remove(event);
      if (request.operation.kind === "write") this.#perform(request, true);
    }
    this.#inFlight.clear();
    // Whoever was refused is gone. How late its last call came is not to decide when the next begins.
    for (const event of this.#refusals) this.#schedule.remove(event);
    this.#refusals.clear();
    for (const file of this.#files.values()) {
      file.full = false;
      for (const fate of file.crash(this.#faults, random)) this.#recordFate(file, fate);
    }
  }

  #recordFate({ number }: StoredFile, { write, sectors, bytes }: CrashFate): void {
    const { request, fd, position, length } = write;
    const of = { request, operation: "write", file: number, fd, position, length } as const;
    if (!sectors.includes(false)) this.#record({ ...of, what: "kept", res: bytes });
    else if (sectors.includes(true)) this.#record({ ...of, what: "torn", res: bytes, sectors });
    else this.#record({ ...of, what: "lost", res: bytes });
  }

  // Time.

  advance(until: number): boolean {
    if (this.#schedule.advance(until)) return true;
    return this.#streaming && this.#streams.advance(this.#streams.now());
  }

  now(): number {
    return this.#schedule.now;
  }

  sleep(until: number): void {
    this.#schedule.sleep(until);
  }

  at(time: number, action: () => void): void {
    if (time < Infinity) this.#schedule.at(time, action);
  }

  // Faults of the calls.

  submitFault(context: object): number {
    this.#schedule.touch();
    const sender = this.#sender(context);
    const { enomem } = sender;
    if (enomem !== undefined) {
      if (!enomem.over && ++enomem.asked < MOST_REFUSALS) return -EAGAIN;
      sender.enomem = undefined;
      return 0;
    }
    const random = sender.submits.fork();
    if (!random.chance(this.#faults.refusedSubmit)) return 0;
    // No timer that is set by now, or by the refusal, may depend on which comes first.
    this.#schedule.hold();
    const begun = sender.enomem = { over: false, asked: 1 };
    this.#schedule.ask(sender.rank, () => this.#refuse(begun, this.#delay(random)));
    return -EAGAIN;
  }

  #refuse(enomem: Enomem, microseconds: number): void {
    this.#record({ operation: "submit", what: "EAGAIN", res: -EAGAIN });
    const event = this.#schedule.after(microseconds, () => {
      this.#refusals.delete(event);
      enomem.over = true;
      this.#schedule.hold();
    });
    this.#refusals.add(event);
  }

  /** A read that comes short at a sector is not at the end of the file: it goes on there. */
  readonly alignment: DirectAlignment = { memory: 4096, offset: 4096, readOffset: SECTOR_SIZE };

  newPosition(): FilePosition {
    let current = 0;
    return { get: () => current, set: (position) => void (current = position) };
  }

  waitFault(): boolean {
    this.#schedule.settle();
    const drawn = this.#random.waits.chance(this.#faults.interruptedWait);
    this.#interrupted = drawn && !this.#interrupted;
    if (this.#interrupted) this.#record({ operation: "wait", what: "EINTR", res: -EINTR });
    return this.#interrupted;
  }
}

const NO_REQUEST = { request: 0, file: 0, fd: -1, position: 0, length: 0, res: 0 };

/** Of an operation that no fault concerns. */
function outcomeOf(res: number): Outcome {
  return { res, what: res < 0 ? "failed" : "completed" };
}
