/**
 * Many ranges of a file, a number of them in flight, as an async iterator.
 *
 * @module
 */
import { ENODATA, ESPIPE } from "../abi/errno.ts";
import { IOCB_CMD_PREAD } from "../abi/opcodes.ts";
import { AioError } from "../errors/aio_error.ts";
import { checkRange, typeError } from "../check.ts";
import { onAbort } from "./abortable.ts";
import { type AnyIterator, iterationOf } from "./iterable.ts";
import type { OpenFile } from "./open_file.ts";
import { RangeRead } from "./read.ts";

/** A range to be read. */
export interface RangeRequest<T = unknown> {
  /** Where it begins, in bytes. */
  position: number;
  /** How many bytes it has. */
  length: number;
  /** Anything; comes back with the bytes. */
  data?: T | undefined;
}

/** A range that was read. */
export interface RangeResult<T = unknown> {
  /** Where it begins, in bytes. */
  position: number;
  /** The bytes: fewer than asked for only at the end of the file. Valid until the next step. */
  bytes: Uint8Array<ArrayBuffer>;
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
  /** The `AioFile`; held until the end, so that it is not found forgotten and closed. */
  owner: object | undefined;
}

/** One of `depth` places: used for one range after the other. */
class Place<T> extends RangeRead {
  data!: T;
  phase: "free" | "reading" | "done" = "free";
  count = 0;
  #errno = 0;
  readonly #done: (place: Place<T>) => void;

  constructor(file: OpenFile, done: (place: Place<T>) => void) {
    super(file);
    this.#done = done;
  }

  request(position: number, length: number, data: T): void {
    this.data = data;
    this.phase = "reading";
    this.#errno = 0;
    this.send(position, length);
  }

  /** What was read: the memory itself, unless a user could detach it. */
  get result(): Uint8Array<ArrayBuffer> {
    const bytes = this.read(this.count);
    return this.pooled!.free === undefined ? bytes : bytes.slice();
  }

  get error(): AioError | undefined {
    if (this.#errno === 0) return undefined;
    return this.file.error(this.#errno, IOCB_CMD_PREAD, this.start, this.length);
  }

  protected override arrived(count: number): void {
    this.count = count;
    this.phase = "done";
    this.#done(this);
  }

  protected override failed(errno: number): void {
    this.#errno = errno;
    this.arrived(0);
  }

  /** Gives the memory back: at once, or when the kernel lets go and this is called again. */
  end(): void {
    if (this.phase === "reading") this.stop();
    else if (this.phase === "done") {
      this.phase = "free";
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
  /** Finds out what to read, at the first step. */
  #requests: (() => Promise<RangeRequests<T>>) | undefined;
  #source: AnyIterator<RangeRequest<T>> | undefined;
  readonly #options: RangesOptions;
  #isAsync = false;
  /** All places, at most one more than `depth`: one may be with the loop. */
  readonly #places: Place<T>[] = [];
  readonly #free: Place<T>[] = [];
  /** In the order in which they are handed out. */
  readonly #queue: Place<T>[] = [];
  /** Reading, or done and not handed out. */
  #active = 0;
  #current: Place<T> | undefined;
  #pulling = false;
  #exhausted = false;
  #over = false;
  #failure: { reason: unknown } | undefined;
  #wake: (() => void) | undefined;
  /** A step that has to wait. */
  #step: Promise<unknown> | undefined;
  /** Takes the listener off the signal; set from the first step on. */
  #unlisten: (() => void) | undefined;

  /** @param requests What to read; or a function that finds out, called at the first step */
  constructor(
    file: OpenFile,
    requests: RangeRequests<T> | (() => Promise<RangeRequests<T>>),
    options: RangesOptions,
  ) {
    this.#file = file;
    this.#options = options;
    if (file.isStream) throw file.error(-ESPIPE, IOCB_CMD_PREAD, 0, 0);
    if (typeof requests === "function") this.#requests = requests;
    else this.#begin(requests);
  }

  #begin(requests: RangeRequests<T>): void {
    this.#requests = undefined;
    const iteration = iterationOf(requests);
    if (iteration === undefined) throw requestsError();
    this.#isAsync = iteration.isAsync;
    this.#source = iteration.begin();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<RangeResult<T>>> {
    // Steps that are asked for at the same time come one after the other.
    if (this.#step !== undefined) return this.#step.then(() => this.next(), () => this.next());
    this.#releaseCurrent();
    if (!this.#over) this.#enter();
    if (this.#over || this.#failure !== undefined) return this.#wait(this.#later());
    if (this.#requests !== undefined) return this.#wait(this.#first(this.#requests));
    this.#fill();
    if (!this.#ready()) this.#file.loop.poll();
    // While ranges are available the thread has enough to do: the next turn sends what is queued.
    else if (this.#file.core.submission.queued > 0) this.#file.loop.ask();
    return this.#ready() ? this.#deliver() : this.#wait(this.#later());
  }

  /** Whether a step may look at the file, which may be closed since the last one. */
  #enter(): void {
    const { signal } = this.#options;
    try {
      // At the first step, so that an iterator that is never used leaves nothing behind.
      if (signal !== undefined) {
        this.#unlisten ??= onAbort(signal, () => this.#fail(signal.reason));
        if (signal.aborted) this.#fail(signal.reason);
      }
      this.#file.check("read");
    } catch (error) {
      this.#fail(error);
    }
  }

  #wait(
    step: Promise<IteratorResult<RangeResult<T>>>,
  ): Promise<IteratorResult<RangeResult<T>>> {
    const settled = () => {
      this.#step = undefined;
    };
    this.#step = step;
    step.then(settled, settled);
    return step;
  }

  async #first(
    requests: () => Promise<RangeRequests<T>>,
  ): Promise<IteratorResult<RangeResult<T>>> {
    try {
      this.#begin(await requests());
    } catch (error) {
      this.#begin([]);
      this.#fail(error);
    }
    this.#fill();
    return await this.#later();
  }

  async #later(): Promise<IteratorResult<RangeResult<T>>> {
    while (!this.#over) {
      if (this.#failure !== undefined) {
        // Not awaited: a producer that is stuck must not delay the failure.
        this.#end()?.catch(() => {});
        throw this.#failure.reason;
      }
      if (this.#ready()) return await this.#deliver();
      if (this.#exhausted && this.#active === 0) return await this.return();
      const woken = new Promise<void>((resolve) => this.#wake = resolve);
      if (this.#active > 0) this.#file.loop.schedule();
      await woken;
      this.#fill();
    }
    return { value: undefined, done: true };
  }

  async return(): Promise<IteratorResult<RangeResult<T>>> {
    await this.#end();
    return { value: undefined, done: true };
  }

  /** Gives everything back; the promise is the producer's, if it is to be ended. */
  #end(): Promise<unknown> | undefined {
    this.#releaseCurrent();
    if (this.#over) return undefined;
    this.#over = true;
    this.#options.owner = undefined;
    this.#wake?.();
    this.#unlisten?.();
    for (const place of this.#places) place.end();
    if (this.#exhausted || this.#source === undefined) return undefined;
    const source = this.#source;
    // A producer that throws must not hide the failure that ended the iteration.
    return Promise.resolve().then(() => source.return?.());
  }

  /** Asks for as many ranges as the window has room for. */
  #fill(): void {
    while (
      !this.#over && !this.#exhausted && !this.#pulling && this.#failure === undefined &&
      this.#active < this.#options.depth
    ) {
      let step;
      try {
        step = this.#source!.next();
      } catch (error) {
        this.#exhausted = true;
        return this.#fail(error);
      }
      if (this.#isAsync) this.#pull(Promise.resolve(step));
      else this.#take(step as Step<T>);
    }
  }

  /** The requests come from an async iterable: goes on when it has one. */
  #pull(step: Promise<Step<T>>): void {
    this.#pulling = true;
    step.then((result) => {
      this.#pulling = false;
      if (this.#over) return;
      this.#take(result);
      this.#fill();
      this.#file.loop.send();
      if (this.#exhausted) this.#wake?.();
    }, (error) => {
      this.#pulling = false;
      this.#exhausted = true;
      this.#fail(error);
    });
  }

  /** Asks for one range; one that cannot be asked for ends the iteration. */
  #take(step: Step<T>): void {
    let place: Place<T> | undefined;
    try {
      if (step.done) {
        this.#exhausted = true;
        return;
      }
      if (typeof step.value !== "object" || step.value === null) throw requestsError();
      const { position, length, data } = step.value;
      // The caller's code has run, and may have ended the iteration or closed the file.
      if (this.#over) return;
      checkRange("read range", position, length);
      this.#file.check("read");
      place = this.#free.pop() ?? this.#grow();
      place.request(position, length, data as T);
    } catch (error) {
      if (place !== undefined) {
        place.phase = "free";
        this.#free.push(place);
      }
      return this.#fail(error);
    }
    this.#active++;
    if (this.#options.order === "request") this.#queue.push(place);
  }

  #grow(): Place<T> {
    const place = new Place<T>(this.#file, (place) => this.#placeDone(place));
    this.#places.push(place);
    return place;
  }

  /** Called while completions are reaped. */
  #placeDone(place: Place<T>): void {
    if (this.#over) return place.end();
    if (this.#options.order === "completion") this.#queue.push(place);
    if (this.#wake !== undefined && this.#ready()) this.#wake();
  }

  #ready(): boolean {
    return this.#queue[0]?.phase === "done";
  }

  #deliver(): Promise<IteratorResult<RangeResult<T>>> {
    const place = this.#current = this.#queue.shift()!;
    this.#active--;
    this.#wake = undefined;
    const problem = place.error ?? this.#shrunk(place);
    if (problem !== undefined) {
      this.#fail(problem);
      return this.#later();
    }
    const { start: position, result: bytes, data } = place;
    return Promise.resolve({ value: { position, bytes, data }, done: false });
  }

  #shrunk({ start: position, length, count }: Place<T>): AioError | undefined {
    if (!this.#options.whole || count === length) return undefined;
    const { path, fd } = this.#file;
    const hint = "the file shrank while it was scanned";
    return new AioError(-ENODATA, "pread", { path, fd, position, length, hint });
  }

  #releaseCurrent(): void {
    const place = this.#current;
    if (place === undefined) return;
    this.#current = undefined;
    place.end();
    this.#free.push(place);
  }

  #fail(reason: unknown): void {
    this.#failure ??= { reason };
    this.#wake?.();
  }
}

function requestsError(): TypeError {
  return typeError("read ranges", "requests", "an iterable of positions and lengths");
}
