/**
 * Many ranges of a file, a number of them in flight, as an async iterator.
 *
 * @module
 */
import { ENODATA } from "../abi/errno.ts";
import { IOCB_CMD_PREAD } from "../abi/opcodes.ts";
import { AioError } from "../error.ts";
import { checkRange } from "../check.ts";
import type { OpenFile } from "./open_file.ts";
import { RangeRead } from "./read_at.ts";

/** A range to be read. */
export interface RangeRequest<T = unknown> {
  /** Where it begins, in bytes. */
  position: number;
  /** How many bytes it has. */
  length: number;
  /** Anything; comes back with the bytes. */
  data?: T;
}

/** A range that was read. */
export interface RangeResult<T = unknown> {
  /** Where it begins, in bytes. */
  position: number;
  /** The bytes: fewer than asked for only at the end of the file. Valid until the next step. */
  bytes: Uint8Array;
  /** What the request carried. */
  data: T;
}

/** In which order ranges are handed out: as they come, or as they were asked for. */
export type RangeOrder = "completion" | "request";

/** What {@link Ranges} needs besides the requests. */
export interface RangesOptions {
  depth: number;
  order: RangeOrder;
  signal: AbortSignal | undefined;
  /** Whether a range that is not there whole means that the file shrank. */
  whole: boolean;
}

/** One place of the window: used for one range after the other. */
class Slot<T> extends RangeRead {
  data!: T;
  state: "free" | "reading" | "done" = "free";
  count = 0;
  #errno = 0;
  readonly #done: (slot: Slot<T>) => void;

  constructor(file: OpenFile, done: (slot: Slot<T>) => void) {
    super(file);
    this.#done = done;
  }

  begin(request: RangeRequest<T>): void {
    this.data = request.data as T;
    this.state = "reading";
    this.#errno = 0;
    this.start(request.position, request.length);
  }

  /** What was read, where it lies. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.read(this.count);
  }

  get error(): AioError | undefined {
    if (this.#errno === 0) return undefined;
    return this.file.error(this.#errno, IOCB_CMD_PREAD, this.position, this.length);
  }

  protected override arrived(count: number): void {
    this.count = count;
    this.state = "done";
    this.#done(this);
  }

  protected override failed(errno: number): void {
    this.#errno = errno;
    this.arrived(0);
  }

  /** Gives the memory back: at once, or when the kernel lets go and this is called again. */
  end(): void {
    if (this.state === "reading") this.cancel();
    else if (this.state === "done") {
      this.state = "free";
      this.release();
    }
  }
}

/** Ranges to be read, in any kind of iterable. */
export type RangeRequests<T> = Iterable<RangeRequest<T>> | AsyncIterable<RangeRequest<T>>;

type Step<T> = IteratorResult<RangeRequest<T>>;

/** Reads ranges; see `AioFile.readMany`. */
export class Ranges<T> implements AsyncIterableIterator<RangeResult<T>> {
  readonly #file: OpenFile;
  #requests: Promise<RangeRequests<T>> | undefined;
  #source!: Iterator<RangeRequest<T>> | AsyncIterator<RangeRequest<T>>;
  readonly #options: RangesOptions;
  /** All places, at most one more than `depth`: one may be with the loop. */
  readonly #slots: Slot<T>[] = [];
  readonly #free: Slot<T>[] = [];
  /** In the order in which they are handed out. */
  readonly #queue: Slot<T>[] = [];
  /** Reading, or done and not handed out. */
  #active = 0;
  #current: Slot<T> | undefined;
  #pulling = false;
  #exhausted = false;
  #over = false;
  #failure: { reason: unknown } | undefined;
  #wake: (() => void) | undefined;
  #abort: (() => void) | undefined;

  /** @param requests What to read; or a promise of it, which is awaited at the first step */
  constructor(
    file: OpenFile,
    requests: RangeRequests<T> | Promise<RangeRequests<T>>,
    options: RangesOptions,
  ) {
    this.#file = file;
    this.#options = options;
    if (requests instanceof Promise) this.#requests = requests;
    else this.#begin(requests);
    const { signal } = options;
    if (signal === undefined) return;
    this.#abort = () => this.#fail(signal.reason);
    signal.addEventListener("abort", this.#abort, { once: true });
    if (signal.aborted) this.#abort();
  }

  #begin(requests: RangeRequests<T>): void {
    this.#requests = undefined;
    this.#source = Symbol.asyncIterator in requests
      ? requests[Symbol.asyncIterator]()
      : requests[Symbol.iterator]();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<RangeResult<T>>> {
    if (this.#requests !== undefined) return this.#first(this.#requests);
    this.#releaseCurrent();
    if (this.#over || this.#failure !== undefined) return this.#later();
    this.#fill();
    if (!this.#ready()) this.#file.pump.poll();
    // While ranges are there the thread has enough to do: the next turn sends what is queued
    else if (this.#file.core.queued > 0) this.#file.pump.ask();
    return this.#ready() ? this.#deliver() : this.#later();
  }

  async #first(requests: Promise<RangeRequests<T>>): Promise<IteratorResult<RangeResult<T>>> {
    try {
      this.#begin(await requests);
    } catch (error) {
      this.#begin([]);
      this.#fail(error);
    }
    return await this.next();
  }

  async #later(): Promise<IteratorResult<RangeResult<T>>> {
    while (!this.#over) {
      if (this.#failure !== undefined) {
        await this.return();
        throw this.#failure.reason;
      }
      if (this.#ready()) return await this.#deliver();
      if (this.#exhausted && this.#active === 0) return await this.return();
      const woken = new Promise<void>((resolve) => this.#wake = resolve);
      if (this.#active > 0) this.#file.pump.schedule();
      await woken;
      this.#fill();
    }
    return { value: undefined, done: true };
  }

  async return(): Promise<IteratorResult<RangeResult<T>>> {
    this.#releaseCurrent();
    if (!this.#over) {
      this.#over = true;
      if (this.#abort) this.#options.signal!.removeEventListener("abort", this.#abort);
      for (const slot of this.#slots) slot.end();
      if (!this.#exhausted) await this.#source?.return?.();
    }
    return { value: undefined, done: true };
  }

  /** Asks for as many ranges as the window has room for. */
  #fill(): void {
    try {
      while (!this.#exhausted && !this.#pulling && this.#active < this.#options.depth) {
        const step = this.#source.next();
        if (step instanceof Promise) this.#pull(step);
        else this.#take(step);
      }
    } catch (error) {
      this.#exhausted = true;
      this.#fail(error);
    }
  }

  /** The requests come from an async iterable: goes on when it has one. */
  #pull(step: Promise<Step<T>>): void {
    this.#pulling = true;
    const pulled = (result: Step<T>) => {
      this.#pulling = false;
      if (this.#over) return;
      this.#take(result);
      this.#fill();
      this.#file.pump.flushSoon();
      if (this.#exhausted) this.#wake?.();
    };
    step.then(pulled).catch((error) => {
      this.#exhausted = true;
      this.#fail(error);
    });
  }

  #take(step: Step<T>): void {
    if (step.done) {
      this.#exhausted = true;
      return;
    }
    checkRange("read range", step.value.position, step.value.length);
    this.#file.check("read");
    const slot = this.#free.pop() ?? this.#grow();
    this.#active++;
    if (this.#options.order === "request") this.#queue.push(slot);
    slot.begin(step.value);
  }

  #grow(): Slot<T> {
    const slot = new Slot<T>(this.#file, (slot) => this.#slotDone(slot));
    this.#slots.push(slot);
    return slot;
  }

  /** Called while completions are reaped. */
  #slotDone(slot: Slot<T>): void {
    if (this.#over) return slot.end();
    if (this.#options.order === "completion") this.#queue.push(slot);
    if (this.#wake !== undefined && this.#ready()) this.#wake();
  }

  #ready(): boolean {
    return this.#queue[0]?.state === "done";
  }

  #deliver(): Promise<IteratorResult<RangeResult<T>>> {
    const slot = this.#current = this.#queue.shift()!;
    this.#active--;
    this.#wake = undefined;
    const problem = slot.error ?? this.#shrunk(slot);
    if (problem !== undefined) {
      this.#fail(problem);
      return this.#later();
    }
    const { position, bytes, data } = slot;
    return Promise.resolve({ value: { position, bytes, data }, done: false });
  }

  #shrunk({ position, length, count }: Slot<T>): AioError | undefined {
    if (!this.#options.whole || count === length) return undefined;
    const { path, fd } = this.#file;
    const hint = "the file shrank while it was scanned";
    return new AioError(-ENODATA, "pread", { path, fd, position, length, hint });
  }

  #releaseCurrent(): void {
    const slot = this.#current;
    if (slot === undefined) return;
    this.#current = undefined;
    slot.end();
    this.#free.push(slot);
  }

  #fail(reason: unknown): void {
    this.#failure ??= { reason };
    this.#wake?.();
  }
}
