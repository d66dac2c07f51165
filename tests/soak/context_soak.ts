import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { closeSync, constants, openSync, readFileSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { AioContext, type AioContextOptions, allocate } from "../../mod.ts";
import { POLLIN } from "../../src/abi/poll.ts";
import type { Completion } from "../../src/context/completion.ts";
import { Pollable } from "../support/pollable.ts";
import { Random } from "../support/random.ts";
import { O_DIRECT } from "../support/temp.ts";
import { within } from "../support/within.ts";
import { History } from "./history.ts";
import { SoakError } from "./stage.ts";

const REGION = 4096;
const REGIONS = 128;
const MOST_UNDER_WAY = 300;
const DONE_EVERY = 500;

interface Expected {
  readonly kind: "read" | "write" | "sync" | "poll";
  readonly region: number;
  /** What is read, or what will be there. */
  readonly bytes: Uint8Array;
  readonly buffers: readonly Uint8Array[];
  readonly ticket: number;
  cancelled: boolean;
}

/**
 * A context driven by hand: every request carries a number of its own, which must come back exactly
 * once, with the right bytes.
 */
export class ContextSoak {
  /** How many requests were made. */
  operations: number = 0;
  readonly #name: string;
  readonly #path: string;
  readonly #fd: number;
  readonly #random: Random;
  readonly #aio: AioContext<number>;
  readonly #pipe = new Pollable();
  readonly #history = new History();
  readonly #contents: Uint8Array[] = Array.from({ length: REGIONS }, () => new Uint8Array(REGION));
  /** How many requests are under way on each region; -1 if it is being written. */
  readonly #users = new Int32Array(REGIONS);
  readonly #expected = new Map<number, Expected>();
  /** Memory for requests in place, in pieces of a region. */
  readonly #memory: Uint8Array<ArrayBuffer> = allocate(256 * REGION);
  readonly #pieces: Uint8Array[] = [];
  #next = 0;

  constructor(
    name: string,
    folder: string,
    direct: boolean,
    options: AioContextOptions,
    seed: number,
  ) {
    this.#name = name;
    this.#path = join(folder, name);
    writeFileSync(this.#path, new Uint8Array(REGIONS * REGION));
    this.#fd = openSync(this.#path, constants.O_RDWR | (direct ? O_DIRECT : 0));
    this.#random = new Random(seed);
    this.#aio = new AioContext(options);
    for (let at = 0; at < this.#memory.length; at += REGION) {
      this.#pieces.push(this.#memory.subarray(at, at + REGION));
    }
  }

  /** Goes on until it is told to stop. */
  async run(stopped: () => boolean): Promise<void> {
    try {
      for (let step = 1; !stopped(); step++) {
        await within(this.#step());
        if (step % DONE_EVERY === 0) await within(this.#finish());
      }
      await within(this.#finish());
      await this.#aio[Symbol.asyncDispose]();
      closeSync(this.#fd);
      unlinkSync(this.#path);
      this.#pipe[Symbol.dispose]();
    } catch (error) {
      throw new SoakError(this.#name, error, this.#history);
    }
  }

  async #step(): Promise<void> {
    const random = this.#random;
    const action = random.weighted<() => Promise<void> | void>([
      [20, () => this.#queue(random.between(1, 16))],
      [4, () => this.#cancel()],
      [4, () => this.#submit()],
      [3, () => this.#wait()],
      [6, () => this.#loop(random.between(1, 20))],
      [3, () => this.#batches()],
      [2, async () => void await turn()],
    ]);
    await action();
    const { queued, inFlight, entries } = this.#aio;
    assert.ok(inFlight <= entries, `${inFlight} in flight of ${entries}`);
    assert.ok(queued + inFlight <= this.#expected.size, "more under way than was asked for");
  }

  /** All that is under way completes, and the file is what it must be. */
  async #finish(): Promise<void> {
    this.#history.note("finish");
    this.#pipe.fill();
    for await (const completion of this.#aio) this.#completed(completion);
    this.#pipe.empty();
    assert.equal(this.#expected.size, 0, "requests never completed");
    const file = readFileSync(this.#path);
    assert.ok(file.equals(Buffer.concat(this.#contents)), "the file, read by node:fs");
  }

  #queue(count: number): void {
    for (let left = count; left > 0 && this.#expected.size < MOST_UNDER_WAY; left--) {
      this.operations++;
      const data = this.#next++;
      const kind = this.#random.weighted(
        [[10, "read"], [8, "write"], [1, "sync"], [1, "poll"]] as const,
      );
      this.#history.note(`${kind} ${data}`);
      if (kind === "poll") this.#poll(data);
      else if (kind === "sync") this.#sync(data);
      else this.#transfer(kind, data);
    }
  }

  #poll(data: number): void {
    const ticket = this.#aio.poll(this.#pipe.fd, POLLIN, { data });
    this.#expect(data, { kind: "poll", region: -1, bytes: NONE, buffers: [], ticket });
  }

  #sync(data: number): void {
    const ticket = this.#random.once(2)
      ? this.#aio.fsync(this.#fd, { data })
      : this.#aio.fdatasync(this.#fd, { data });
    this.#expect(data, { kind: "sync", region: -1, bytes: NONE, buffers: [], ticket });
  }

  #transfer(kind: "read" | "write", data: number): void {
    const random = this.#random;
    const region = random.below(REGIONS);
    const users = this.#users[region]!;
    if (users < 0 || (kind === "write" && users > 0)) return;
    const memory = random.once(2) ? this.#pieces.pop() : undefined;
    const whole = memory ?? new Uint8Array(REGION);
    const cut = 512 * random.below(REGION / 512 + 1);
    const buffers = random.once(3) ? [whole.subarray(0, cut), whole.subarray(cut)] : [whole];
    const position = region * REGION;
    let bytes = this.#contents[region]!;
    if (kind === "write") {
      bytes = new Uint8Array(REGION).fill(random.below(256));
      new DataView(bytes.buffer).setFloat64(0, data);
      whole.set(bytes);
    } else whole.fill(0xee);
    this.#users[region] = kind === "write" ? -1 : users + 1;
    const options = { position, data };
    const one = buffers.length === 1;
    const ticket = kind === "read"
      ? one ? this.#aio.read(this.#fd, whole, options) : this.#aio.readv(this.#fd, buffers, options)
      : one
      ? this.#aio.write(this.#fd, whole, options)
      : this.#aio.writev(this.#fd, buffers, options);
    this.#expect(data, { kind, region, bytes, buffers, ticket });
  }

  #expect(data: number, expected: Omit<Expected, "cancelled">): void {
    this.#expected.set(data, { ...expected, cancelled: false });
  }

  #cancel(): void {
    const all = [...this.#expected.keys()];
    if (all.length === 0) return;
    const data = this.#random.pick(all);
    const expected = this.#expected.get(data)!;
    const cancelled = this.#aio.cancel(expected.ticket);
    this.#history.note(`cancel ${data}: ${cancelled}`);
    if (cancelled && expected.cancelled) assert.fail("cancelled twice");
    expected.cancelled ||= cancelled;
  }

  #submit(): void {
    this.#history.note("submit");
    this.#aio.submit();
  }

  #wait(): void {
    const minimum = this.#random.below(8);
    this.#history.note(`wait ${minimum}`);
    for (const completion of this.#aio.wait(minimum, { timeout: 20 })) this.#completed(completion);
  }

  /** Some completions; only as many as are sure to come, as polls wait for the pipe. */
  async #loop(count: number): Promise<void> {
    let left = Math.min(count, this.#sure());
    if (left === 0) return;
    this.#history.note(`loop ${left}`);
    for await (const completion of this.#aio) {
      this.#completed(completion);
      if (--left === 0) break;
    }
  }

  async #batches(): Promise<void> {
    if (this.#sure() === 0) return;
    this.#history.note("batches");
    for await (const batch of this.#aio.batches()) {
      for (const completion of batch) this.#completed(completion);
      if (this.#random.once(3) || this.#sure() === 0) break;
    }
  }

  /** How many completions come whatever happens to the pipe. */
  #sure(): number {
    let count = 0;
    let polls = 0;
    for (const { kind, cancelled } of this.#expected.values()) {
      if (kind !== "poll" || cancelled) count++;
      else polls++;
    }
    // Polls can hold all the slots, and then nothing else is sent
    return polls < this.#aio.entries ? count : 0;
  }

  #completed({ data, res, buffer, buffers }: Completion<number>): void {
    const expected = this.#expected.get(data);
    assert.ok(expected !== undefined, `${data} came that was not under way`);
    this.#expected.delete(data);
    this.#history.note(`completed ${data}: ${res}`);
    const { kind, region, cancelled, bytes } = expected;
    const given = buffers ?? (buffer === undefined ? [] : [buffer]);
    assert.equal(given.length, expected.buffers.length, "buffers");
    if (cancelled) assert.equal(res, -125, `${kind} ${data} was cancelled`);
    else if (kind === "poll") assert.equal(res & POLLIN, POLLIN, `poll ${data}`);
    else assert.equal(res, kind === "sync" ? 0 : REGION, `${kind} ${data}`);
    if (region < 0) return;
    const held = Buffer.concat(expected.buffers);
    const wanted = kind === "read" && cancelled ? new Uint8Array(REGION).fill(0xee) : bytes;
    assert.equal(Buffer.compare(held, wanted), 0, `bytes of ${kind} ${data}`);
    if (kind === "write" && !cancelled) this.#contents[region] = bytes;
    this.#users[region] = kind === "write" ? 0 : this.#users[region]! - 1;
    this.#giveBack(expected.buffers);
  }

  #giveBack([first]: readonly Uint8Array[]): void {
    // What was taken from the pieces lies on their memory, whichever part of it comes first
    if (first === undefined || first.buffer !== this.#memory.buffer) return;
    this.#pieces.push(this.#memory.subarray(first.byteOffset, first.byteOffset + REGION));
  }
}

const NONE = new Uint8Array(0);
