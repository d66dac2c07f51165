/**
 * A disk that fails, on purpose and repeatably.
 *
 * All that is by chance comes from one seed. What a request meets is drawn when it is queued, from
 * a generator of its own: faults that are added, or a wait that is interrupted, do not change what
 * the others meet.
 *
 * @module
 */
import { readSync } from "node:fs";
import { EAGAIN, EBADF, EFAULT, EINTR, EIO, ENOSPC } from "../../abi/errno.ts";
import type { BufferPool } from "../../memory/buffer_pool.ts";
import { Aligned, trivialResult } from "../aligned.ts";
import type { Disk, Operation } from "../disk.ts";
import { resultOf } from "../../errors/errno_of.ts";
import { allFaults, type Faults } from "./faults.ts";
import type { Happening, LogEntry } from "./log.ts";
import { Random } from "./random.ts";
import { type Coming, Schedule } from "./schedule.ts";
import { cut } from "./sectors.ts";
import { decide, type Remains, type StoredFile, type StoredWrite } from "./stored_file.ts";
import { keyOf, StoredFiles } from "./stored_files.ts";

/** How often a context asks in vain: who only asks again would do so for ever. */
const MOST_REFUSALS = 100;

/** What a {@link SimulatedDisk} is made of. */
export interface SimulationState {
  readonly seed: number;
  readonly faults: Faults;
  /** Memory to work on. */
  readonly slab: BufferPool;
  /** Where pipes, sockets and terminals are read and written, which are not simulated. */
  readonly streams: Disk;
}

/** A request under way. */
interface InFlight {
  readonly number: number;
  readonly operation: Operation;
  readonly file: StoredFile | undefined;
  readonly random: Random;
  /** What a sync covers. */
  readonly covers: readonly StoredWrite[];
  coming: Coming | undefined;
}

/** What belongs to a context. */
interface Sender {
  /** Which one, in the order in which they were first used. */
  readonly rank: number;
  /** Its requests meet the same, whatever other contexts do. */
  readonly requests: Random;
  readonly submits: Random;
  refusal: Refusal | undefined;
}

/** No memory for a context. */
interface Refusal {
  /** Whether there is some again. */
  over: boolean;
  /** How often the context has asked. */
  asked: number;
}

/** What came of an operation. */
interface Outcome {
  readonly res: number;
  readonly what: Happening;
  /** Where the bytes went, if not where they were to. */
  readonly position?: number;
  readonly bit?: number;
}

/** See {@link Disk}. */
export class SimulatedDisk implements Disk {
  /** What happened. */
  readonly log: LogEntry[] = [];
  readonly #faults: Required<Faults>;
  readonly #slab: BufferPool;
  readonly #streams: Disk;
  /** A stream was used. */
  #streaming = false;
  readonly #schedule: Schedule = new Schedule();
  readonly #files: StoredFiles = new StoredFiles();
  readonly #inFlight = new Set<InFlight>();
  #requests = 0;
  readonly #senders = new WeakMap<object, Sender>();
  #ranks = 0;
  readonly #sendersRandom: Random;
  readonly #waitsRandom: Random;
  readonly #crashesRandom: Random;
  #interrupted = false;

  /** @throws {RangeError | TypeError} What {@link allFaults} throws */
  constructor({ seed, faults, slab, streams }: SimulationState) {
    this.#faults = allFaults(faults);
    this.#slab = slab;
    this.#streams = streams;
    const random = new Random(seed);
    this.#sendersRandom = random.fork();
    this.#waitsRandom = random.fork();
    this.#crashesRandom = random.fork();
  }

  queue(operation: Operation): void {
    const { kind, fd, position } = operation;
    const transfers = kind === "read" || kind === "write";
    if (transfers && position === null) {
      this.#streaming = true;
      return this.#streams.queue(operation);
    }
    // Now, as the program may close the descriptor
    const key = keyOf(fd);
    const { rank, requests } = this.#sender(operation.context ?? this);
    const random = requests.fork();
    this.#schedule.ask(rank, () => this.#begin(operation, this.#files.of(key), random));
  }

  #sender(context: object): Sender {
    let sender = this.#senders.get(context);
    if (sender === undefined) {
      const random = this.#sendersRandom;
      const [requests, submits] = [random.fork(), random.fork()];
      sender = { rank: this.#ranks++, requests, submits, refusal: undefined };
      this.#senders.set(context, sender);
    }
    return sender;
  }

  #begin(operation: Operation, file: StoredFile | undefined, random: Random): void {
    const { kind } = operation;
    const request: InFlight = {
      number: ++this.#requests,
      operation,
      file,
      random,
      covers: kind === "read" || kind === "write" ? [] : file?.atRisk() ?? [],
      coming: undefined,
    };
    this.#inFlight.add(request);
    request.coming = this.#schedule.after(this.#delay(random), () => this.#finish(request));
  }

  /** Microseconds. */
  #delay(random: Random): number {
    return random.below(2 * Math.round(this.#faults.delay * 1000) + 1);
  }

  #finish(request: InFlight): void {
    const { operation } = request;
    this.#inFlight.delete(request);
    const { what, res, ...rest } = this.#perform(request);
    this.#tell(request, what, res, rest);
    operation.done(res);
  }

  #tell(
    { number, operation, file }: InFlight,
    what: Happening,
    res: number,
    { position = operation.position ?? 0, bit }: Pick<Outcome, "position" | "bit">,
  ): void {
    const { kind, fd, length } = operation;
    this.log.push({
      time: this.now(),
      request: number,
      operation: kind,
      file: file?.number ?? 0,
      fd,
      position,
      length,
      what,
      res,
      ...(bit === undefined ? {} : { bit }),
    });
  }

  #perform(request: InFlight): Outcome {
    const { operation, file } = request;
    const trivial = trivialResult(operation);
    if (trivial !== undefined) return outcomeOf(trivial);
    // The program has closed it meanwhile, and may have opened another
    if (file === undefined || !this.#files.isOf(operation.fd, file)) return outcomeOf(-EBADF);
    if (operation.kind !== "read" && operation.kind !== "write") {
      return this.#sync(file, request.covers, request.random) ?? { res: 0, what: "completed" };
    }
    const memory = new Aligned(this.#slab, operation);
    try {
      if (operation.kind === "read") return this.#read(request, memory);
      if (!operation.gather(memory.bytes)) return outcomeOf(-EFAULT);
      return this.#write(request, file, memory.bytes);
    } catch (error) {
      return outcomeOf(resultOf(error));
    } finally {
      memory.free();
    }
  }

  /** Nothing is synced for real: what a sync promises is what counts. */
  #sync(
    file: StoredFile,
    covers: readonly StoredWrite[],
    random: Random,
  ): Outcome | undefined {
    if (random.chance(this.#faults.syncError)) {
      file.forsake(covers);
      return { res: -EIO, what: "EIO" };
    }
    file.synced(covers);
    return undefined;
  }

  #read({ operation, random }: InFlight, memory: Aligned): Outcome {
    const { readError, shortRead, bitRot } = this.#faults;
    const { fd, length } = operation;
    const position = operation.position!;
    if (random.chance(readError)) return { res: -EIO, what: "EIO" };
    const there = readSync(fd, memory.bytes, 0, length, position);
    const short = random.chance(shortRead);
    const count = short ? cut(position, length, there, 1, random) : there;
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
    return { res, what: count < there ? "short" : "completed" };
  }

  #write(request: InFlight, file: StoredFile, bytes: Uint8Array): Outcome {
    const { writeError, fullDisk, shortWrite } = this.#faults;
    const { operation, random } = request;
    const { length, durable } = operation;
    const position = operation.position!;
    // All are drawn, so that one fault does not decide on another
    const fails = random.chance(writeError);
    const fills = random.chance(fullDisk);
    const short = random.chance(shortWrite);
    if (file.full) {
      file.full = false;
      return { res: -ENOSPC, what: "ENOSPC" };
    }
    const least = fails || fills ? 0 : 1;
    const most = fails || fills || short ? cut(position, length, length, least, random) : length;
    file.full = fills && !fails && most > 0;
    if (most === 0 && !fails) return { res: -ENOSPC, what: "ENOSPC" };
    const stored = this.#store(request, file, bytes.subarray(0, most));
    if (fails) return { res: -EIO, what: "EIO", position: stored.position };
    const failure = durable === undefined
      ? undefined
      : this.#sync(file, file.lastWritten(), random);
    if (failure !== undefined) return { ...failure, position: stored.position };
    const what = stored.count < length ? "short" : "completed";
    return { res: stored.count, what, position: stored.position };
  }

  #store({ operation, number }: InFlight, file: StoredFile, bytes: Uint8Array) {
    const position = operation.append ? undefined : operation.position!;
    return file.write(operation.fd, bytes, position, number);
  }

  // The power

  /**
   * The power fails: what is under way never ends, and of what no sync covers some is lost. The
   * files are then as they will be found.
   */
  crash(): void {
    this.#schedule.settle();
    const random = this.#crashesRandom.fork();
    this.log.push({ ...NO_REQUEST, time: this.now(), operation: "crash", what: "crashed" });
    for (const request of this.#inFlight) {
      this.#schedule.remove(request.coming!);
      if (request.operation.kind === "write") this.#storeInFlight(request);
    }
    this.#inFlight.clear();
    const { lostWrite, tornWrite } = this.#faults;
    for (const file of this.#files.all()) {
      file.full = false;
      const remains = file.crash((sectors) => decide(sectors, lostWrite, tornWrite, random));
      for (const remain of remains) this.#tellRemains(file, remain);
    }
  }

  /** Some of it may be there already, as of any write that no sync covers. */
  #storeInFlight(request: InFlight): void {
    const { operation, file } = request;
    if (trivialResult(operation) !== undefined) return;
    if (file === undefined || !this.#files.isOf(operation.fd, file)) return;
    const memory = new Aligned(this.#slab, operation);
    try {
      if (operation.gather(memory.bytes)) this.#store(request, file, memory.bytes);
    } catch {
      /* it would have failed */
    } finally {
      memory.free();
    }
  }

  #tellRemains(file: StoredFile, { write, sectors, bytes }: Remains): void {
    const { request, fd, position, length } = write;
    const all = sectors.every((there) => there);
    const what = all ? "kept" : sectors.includes(true) ? "torn" : "lost";
    this.log.push({
      time: this.now(),
      request,
      operation: "write",
      file: file.number,
      fd,
      position,
      length,
      what,
      res: bytes,
      ...(what === "torn" ? { sectors } : {}),
    });
  }

  // Time

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

  // Faults of the calls

  submitFault(context: object): number {
    this.#schedule.touch();
    const sender = this.#sender(context);
    const { refusal } = sender;
    if (refusal !== undefined) {
      if (!refusal.over && ++refusal.asked < MOST_REFUSALS) return -EAGAIN;
      sender.refusal = undefined;
      return 0;
    }
    const random = sender.submits.fork();
    if (!random.chance(this.#faults.refusedSubmit)) return 0;
    // Timers that are set by now, and by the refusal, must not depend on what comes first
    this.#schedule.hold();
    const begun = sender.refusal = { over: false, asked: 1 };
    this.#schedule.ask(sender.rank, () => this.#refuse(begun, this.#delay(random)));
    return -EAGAIN;
  }

  #refuse(refusal: Refusal, microseconds: number): void {
    this.#tellCall("submit", "EAGAIN", -EAGAIN);
    this.#schedule.after(microseconds, () => {
      refusal.over = true;
      this.#schedule.hold();
    });
  }

  waitFault(): boolean {
    this.#schedule.settle();
    const drawn = this.#waitsRandom.chance(this.#faults.interruptedWait);
    this.#interrupted = drawn && !this.#interrupted;
    if (this.#interrupted) this.#tellCall("wait", "EINTR", -EINTR);
    return this.#interrupted;
  }

  #tellCall(operation: "submit" | "wait", what: Happening, res: number): void {
    this.log.push({ ...NO_REQUEST, time: this.now(), operation, what, res });
  }
}

const NO_REQUEST = { request: 0, file: 0, fd: -1, position: 0, length: 0, res: 0 };

/** Of what the simulation had no hand in. */
function outcomeOf(res: number): Outcome {
  return { res, what: res < 0 ? "failed" : "completed" };
}
