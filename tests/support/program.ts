import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { POLLIN } from "../../src/abi/poll.ts";
import { AioContext } from "../../mod.ts";
import type { Completion } from "../../src/context/completion.ts";
import { allocate } from "../../src/memory/allocate.ts";
import type { Way } from "./both_ways.ts";
import { pattern } from "./bytes.ts";
import type { Pollable } from "./pollable.ts";
import { kernelName } from "./real_kernel.ts";
import { TempFile, type TempFileOptions } from "./temp.ts";

/** One thing that a random program does. */
export type Step =
  | { do: "read"; at: number; length: number; memory: number }
  | { do: "readv"; at: number; lengths: number[]; memory: number }
  | { do: "write"; memory: number; vectored: boolean }
  | { do: "refused" }
  | { do: "poll" }
  | { do: "submit" }
  | { do: "wait"; minimum: number; timeout: number }
  | { do: "cancel"; which: number }
  | { do: "loop"; count: number; batches: boolean }
  | { do: "turn" };

/** A context's size, and what is done with it. */
export interface Program {
  readonly entries: number;
  readonly steps: readonly Step[];
}

/** How many regions the file has: each is written once at most. */
const REGIONS = 64;

/** A wait learns nothing of writes that the pool of the runtime has. See docs/portable.md. */
const HAS_SHUT_POOL = kernelName === "portable" && "Deno" in globalThis;

/** Milliseconds that nothing takes which comes at all; to wait for ever would hang the test. */
const LONG = HAS_SHUT_POOL ? 15 : 1500;

const index = fc.nat({ max: 1e6 });

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant("read" as const),
      at: index,
      length: index,
      memory: index,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("readv" as const),
      at: index,
      lengths: fc.array(index, { maxLength: 4 }),
      memory: index,
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant("write" as const),
      memory: index,
      vectored: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.constant({ do: "refused" as const }) },
  { weight: 2, arbitrary: fc.constant({ do: "poll" as const }) },
  { weight: 2, arbitrary: fc.constant({ do: "submit" as const }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("wait" as const),
      minimum: fc.nat({ max: 10 }),
      timeout: fc.constantFrom(0, 1, LONG),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("cancel" as const), which: index }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("loop" as const),
      count: fc.integer({ min: 1, max: 10 }),
      batches: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ do: "turn" as const }) },
);

/** Random programs. */
export const programs: fc.Arbitrary<Program> = fc.record({
  entries: fc.integer({ min: 1, max: 8 }),
  steps: fc.array(step, { maxLength: 60 }),
});

/** What the model knows of a request. */
interface Expected {
  readonly kind: "read" | "write" | "refused" | "poll";
  readonly ticket: number;
  /** What it moves: for a read up to the end of the file, for a write the region. */
  readonly position: number;
  readonly length: number;
  readonly buffers: readonly Uint8Array[];
  /** For reads: which writes were over when it was queued, and how many had been queued then. */
  readonly over: ReadonlySet<number>;
  cancelled: boolean;
  done: boolean;
}

/**
 * A context beside a model of it. There is no order between requests, so the model knows of each
 * byte only what must hold in any order: a region of the file holds what it held at first until
 * its one write is queued, either until that has completed, and what was written from then on.
 */
export class Machine implements AsyncDisposable {
  readonly #file: TempFile;
  readonly #fifo: Pollable;
  readonly #aio: AioContext<number>;
  readonly #unit: number;
  readonly #region: number;
  readonly #before: Uint8Array;
  readonly #after: Uint8Array;
  readonly #requests: Expected[] = [];
  /** Regions whose write was queued, and those whose write has completed. */
  readonly #begun = new Set<number>();
  readonly #over = new Set<number>();
  readonly #allocated = allocate(1 << 20);
  #allocatedTo = 0;

  /**
   * @param way How completions are taken
   * @param program What will be run
   * @param unit What positions and lengths are multiples of
   * @param options Where the file is
   * @param fifo What is polled
   */
  constructor(
    way: Way,
    program: Program,
    unit: number,
    options: TempFileOptions,
    fifo: Pollable,
  ) {
    this.#fifo = fifo;
    this.#unit = unit;
    this.#region = unit * Math.ceil(100 / unit);
    this.#before = pattern(REGIONS * this.#region);
    this.#after = pattern(REGIONS * this.#region, 0x5a);
    this.#file = new TempFile(this.#before, options);
    this.#aio = new AioContext({ ...way, entries: program.entries });
  }

  /** Runs a program to its end, and sees that all requests completed as they had to. */
  async run({ steps }: Program): Promise<void> {
    for (const step of steps) {
      await this.#do(step);
      this.#checkCounts();
    }
    this.#requests.filter(({ kind }) => kind === "poll").forEach((poll) => this.#cancel(poll));
    for await (const completion of this.#aio) this.#completed(completion);
    assert.deepEqual([this.#aio.queued, this.#aio.inFlight], [0, 0]);
    assert.ok(this.#requests.every(({ done }) => done), "a request never completed");
    const file = readFileSync(this.#file.path);
    for (let region = 0; region < REGIONS; region++) {
      const expected = this.#over.has(region) ? this.#after : this.#before;
      const [start, end] = [region * this.#region, (region + 1) * this.#region];
      assert.ok(file.subarray(start, end).equals(expected.subarray(start, end)), "the file");
    }
  }

  async #do(step: Step): Promise<void> {
    switch (step.do) {
      case "read":
        return this.#read(step.at, [step.length], step.memory, false);
      case "readv":
        return this.#read(step.at, step.lengths, step.memory, true);
      case "write":
        return this.#write(step.memory, step.vectored);
      case "refused":
        return this.#refused();
      case "poll":
        return this.#poll();
      case "submit":
        this.#aio.submit();
        return;
      case "wait":
        return this.#wait(step.minimum, step.timeout);
      case "cancel": {
        const request = this.#requests[step.which % Math.max(1, this.#requests.length)];
        if (request !== undefined) this.#cancel(request);
        return;
      }
      case "loop":
        return await this.#loop(Math.min(step.count, this.#sure()), step.batches);
      case "turn":
        await new Promise((resolve) => setTimeout(resolve, 0));
    }
  }

  #read(at: number, lengths: number[], memory: number, vectored: boolean): void {
    const size = this.#before.length;
    const position = this.#round(at % (size + 10 * this.#unit));
    const buffers = lengths.map((length) =>
      this.#memory(memory, this.#round(length % (4 * this.#region)))
    );
    const options = { position, data: this.#requests.length };
    const ticket = vectored
      ? this.#aio.readv(this.#file.fd, buffers, options)
      : this.#aio.read(this.#file.fd, buffers[0]!, options);
    const total = buffers.reduce((sum, { length }) => sum + length, 0);
    const length = Math.min(total, Math.max(0, size - position));
    this.#expect({ kind: "read", ticket, position, length, buffers });
  }

  #write(memory: number, vectored: boolean): void {
    const region = this.#begun.size;
    if (region === REGIONS) return;
    this.#begun.add(region);
    const position = region * this.#region;
    const buffer = this.#memory(memory, this.#region);
    buffer.set(this.#after.subarray(position, position + this.#region));
    const options = { position, data: this.#requests.length };
    const ticket = vectored
      ? this.#aio.writev(
        this.#file.fd,
        [buffer.subarray(0, this.#unit), buffer.subarray(this.#unit)],
        options,
      )
      : this.#aio.write(this.#file.fd, buffer, options);
    this.#expect({ kind: "write", ticket, position, length: this.#region, buffers: [buffer] });
  }

  /** A read of the end of a pipe that is there to be written to. */
  #refused(): void {
    const buffers = [new Uint8Array(1)];
    const options = { data: this.#requests.length };
    const ticket = this.#aio.read(this.#fifo.writeFd, buffers[0]!, options);
    this.#expect({ kind: "refused", ticket, position: 0, length: 1, buffers });
  }

  /** Never ready; fewer than there are entries, or nothing else could go on. */
  #poll(): void {
    const polls = this.#requests.filter(({ kind, done }) => kind === "poll" && !done).length;
    if (polls + 1 >= this.#aio.entries) return;
    const ticket = this.#aio.poll(this.#fifo.fd, POLLIN, { data: this.#requests.length });
    this.#expect({ kind: "poll", ticket, position: 0, length: 0, buffers: [] });
  }

  #expect(request: Omit<Expected, "over" | "cancelled" | "done">): void {
    this.#requests.push({ ...request, over: new Set(this.#over), cancelled: false, done: false });
  }

  #cancel(request: Expected): void {
    const { ticket, kind, done, cancelled } = request;
    const accepted = this.#aio.cancel(ticket);
    if (done || cancelled) assert.equal(accepted, false, "cancelled twice, or when it was over");
    else if (kind === "poll") assert.equal(accepted, true, "a poll that was not cancelled");
    if (accepted) request.cancelled = true;
  }

  /** How many completions are sure to come: a poll comes only if it was cancelled. */
  #sure(): number {
    return this.#requests.filter((request) =>
      !request.done && (request.kind !== "poll" || request.cancelled)
    ).length;
  }

  #wait(minimum: number, timeout: number): void {
    const sure = Math.min(minimum, this.#sure());
    const batch = this.#aio.wait(timeout === LONG ? sure : minimum, { timeout });
    for (const completion of batch) this.#completed(completion);
    if (timeout === LONG && !HAS_SHUT_POOL) {
      assert.ok(batch.length >= sure, "wait brought too few");
    }
  }

  async #loop(count: number, batches: boolean): Promise<void> {
    if (count === 0) return;
    if (batches) {
      for await (const batch of this.#aio.batches()) {
        for (const completion of batch) this.#completed(completion);
        if ((count -= batch.length) <= 0) break;
      }
    } else {
      for await (const completion of this.#aio) {
        this.#completed(completion);
        if (--count === 0) break;
      }
    }
    assert.ok(count <= 0, "the loop ended too early");
  }

  #completed(completion: Completion<number>): void {
    const { data, res, error } = completion;
    const request = this.#requests[data];
    assert.ok(request !== undefined && !request.done, "completed twice");
    request.done = true;
    if (request.cancelled) assert.equal(error?.code, "ECANCELED");
    else if (request.kind === "refused") assert.equal(error?.code, "EBADF");
    else assert.equal(res, request.length, request.kind);
    if (request.cancelled) return;
    if (request.kind === "write") this.#over.add(request.position / this.#region);
    if (request.kind === "read") this.#checkRead(request);
  }

  #checkRead({ position, length, buffers, over }: Expected): void {
    const bytes = buffers.length === 1 ? buffers[0]! : Buffer.concat(buffers);
    for (let at = 0; at < length; at++) {
      const place = position + at;
      const region = Math.floor(place / this.#region);
      const old = bytes[at] === this.#before[place];
      const written = bytes[at] === this.#after[place];
      if (over.has(region)) assert.ok(written, "a read did not see a write that was over");
      else if (!this.#begun.has(region)) assert.ok(old, "a read saw what nobody wrote");
      else assert.ok(old || written, "a read saw what nobody wrote");
    }
    // With O_DIRECT the kernel reads whole blocks of zeros past the end of the file
    if (this.#unit > 1) return;
    assert.ok(bytes.subarray(length).every((byte) => byte === FILL), "a read went too far");
  }

  #checkCounts(): void {
    const { queued, inFlight, entries } = this.#aio;
    const open = this.#requests.filter(({ done }) => !done).length;
    assert.ok(inFlight >= 0 && inFlight <= entries, "more in flight than there are entries");
    // The others have completed, and nobody has taken them yet
    assert.ok(queued >= 0 && queued + inFlight <= open, "more queued than there can be");
  }

  #round(value: number): number {
    return value - value % this.#unit;
  }

  /** Memory of one kind or another, filled so that a byte too many can be seen. */
  #memory(kind: number, length: number): Uint8Array {
    switch (kind % 4) {
      case 0: {
        const start = Math.ceil(this.#allocatedTo / this.#unit) * this.#unit;
        if (start + length > this.#allocated.length) break;
        this.#allocatedTo = start + length;
        return this.#allocated.subarray(start, start + length).fill(FILL);
      }
      case 1:
        return new Uint8Array(new SharedArrayBuffer(length)).fill(FILL);
      case 2:
        return new Uint8Array(length + 3).subarray(3).fill(FILL);
    }
    return new Uint8Array(length).fill(FILL);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#aio[Symbol.asyncDispose]();
    this.#file[Symbol.dispose]();
  }
}

const FILL = 0xee;
