import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { readFileSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { type AioFile, allocate, open } from "../../mod.ts";
import { Random } from "../support/random.ts";
import { within } from "../support/within.ts";
import { History } from "./history.ts";
import { Model } from "./model.ts";
import { type Setting, SoakError } from "./stage.ts";

/** Rounds between two comparisons of the whole file by node:fs. */
const COMPARE_EVERY = 20;
const REOPEN_EVERY = 50;

/** A range that one operation of a round has to itself, or that a read looks at. */
interface Range {
  readonly at: number;
  readonly length: number;
}

/**
 * One file and a model of it. Its life is a row of rounds; in each of them many operations are
 * under way at once, writes on ranges of their own, reads anywhere. What is done depends on the
 * seed alone, how it interleaves does not.
 */
export class FileSoak {
  /** How many operations were made. */
  operations: number = 0;
  readonly #name: string;
  readonly #setting: Setting;
  readonly #path: string;
  readonly #random: Random;
  readonly #model = new Model();
  readonly #history = new History();
  readonly #memory: Uint8Array<ArrayBuffer>;
  /** For reads; those of a round do not overlap. */
  readonly #places: Uint8Array<ArrayBuffer> = allocate(1 << 20);
  #placed = 0;
  #files: AioFile[] = [];
  #round = 0;
  /** Where the cursor of the first handle stands. */
  #cursor = 0;

  constructor(name: string, setting: Setting, seed: number) {
    this.#name = name;
    this.#setting = setting;
    this.#path = join(setting.folder, name);
    this.#random = new Random(seed);
    this.#memory = allocate(setting.limit);
    writeFileSync(this.#path, "");
  }

  /** Goes on until it is told to stop. */
  async run(stopped: () => boolean): Promise<void> {
    try {
      await this.#open();
      while (!stopped()) {
        this.#round++;
        this.#placed = 0;
        await within(this.#oneRound());
        this.#model.settle();
        if (this.#round % COMPARE_EVERY === 0) this.#compare();
        if (this.#round % REOPEN_EVERY === 0) await this.#open();
      }
      await this.#close();
      this.#compare();
      unlinkSync(this.#path);
    } catch (error) {
      throw new SoakError(`${this.#name}, round ${this.#round}`, error, this.#history);
    }
  }

  /** Two handles, so that the locks between them count. */
  async #open(): Promise<void> {
    await this.#close();
    const { direct, append, context } = this.#setting;
    const options = { direct, ...(context && { context }) };
    const flags = append ? "a+" : "r+";
    this.#files = [await open(this.#path, flags, options), await open(this.#path, flags, options)];
    this.#cursor = 0;
    this.#note("open");
  }

  async #close(): Promise<void> {
    await Promise.all(this.#files.map((file) => file.close()));
  }

  #compare(): void {
    const whole = readFileSync(this.#path);
    const wrong = whole.length !== this.#model.size
      ? `it has ${whole.length} bytes and not ${this.#model.size}`
      : this.#model.mismatch(0, whole.length, whole);
    assert.equal(wrong, undefined, "the file, read by node:fs");
  }

  async #oneRound(): Promise<void> {
    const random = this.#random;
    const kind = random.weighted([[14, "mixed"], [3, "tail"], [2, "cut"], [1, "appends"]] as const);
    // Everything is begun before anything is waited for
    const work: Promise<unknown>[] = [];
    switch (kind) {
      case "mixed":
        this.#begin(work, random.between(1, 24), this.#setting.append ? [] : this.#inside(12));
        break;
      case "tail":
        if (this.#setting.append) this.#append(work, 1);
        else this.#grow(work);
        // The model knows what a read may see while the file grows, not while it shrinks
        if (this.#model.nextSize >= this.#model.size) this.#begin(work, random.below(13), []);
        break;
      case "appends":
        if (this.#setting.append) return await this.#appendMany();
        this.#grow(work);
        break;
      case "cut":
        this.#cut(work);
    }
    await this.#all(work);
  }

  /** Fails with the first failure, but only when nothing is under way any more. */
  async #all(work: Promise<unknown>[]): Promise<void> {
    const results = await Promise.allSettled(work);
    for (const result of results) if (result.status === "rejected") throw result.reason;
  }

  // Writes

  /** Ranges inside the file of which no two overlap. */
  #inside(most: number): Range[] {
    const { size } = this.#model;
    const random = this.#random;
    const ranges: Range[] = [];
    let at = random.below(Math.max(1, size));
    while (ranges.length < most && at < size) {
      // Small ones share blocks with their neighbours, which is where a merge can lose them
      const length = random.weighted<() => number>([
        [6, () => random.between(1, 600)],
        [3, () => 512 * random.between(1, 16)],
        [2, () => random.between(1, 100_000)],
        [1, () => random.between(1, size)],
      ])();
      if (random.once(3)) at = Math.ceil(at / 512) * 512;
      if (at + length > size) break;
      ranges.push({ at, length });
      at += length + (random.once(2) ? 0 : random.below(5000));
    }
    return ranges;
  }

  #begin(work: Promise<unknown>[], reads: number, writes: Range[]): void {
    const random = this.#random;
    const begun = [...writes];
    for (let left = reads + writes.length; left > 0; left--) {
      const range = begun.length > 0 && random.once(2) ? begun.pop() : undefined;
      if (range !== undefined) work.push(this.#write(range));
      else if (random.once(15)) work.push(this.#sync());
      else this.#read(work);
    }
    for (const range of begun) work.push(this.#write(range));
  }

  /** A write at the end, or behind it. */
  #grow(work: Promise<unknown>[]): void {
    const { limit } = this.#setting;
    const random = this.#random;
    const { size } = this.#model;
    const at = random.once(3)
      ? size + random.below(10_000)
      : size - random.below(Math.min(size, 700) + 1);
    const length = random.pick([
      random.between(1, 600),
      512 * random.between(1, 8),
      random.between(1, Math.ceil(limit / 4)),
    ]);
    if (at + length > limit) this.#cut(work);
    else work.push(this.#write({ at, length }));
  }

  async #write({ at, length }: Range): Promise<void> {
    const random = this.#random;
    const bytes = this.#bytes(length);
    this.#model.write(at, bytes);
    const file = random.pick(this.#files);
    const way = random.weighted([[3, "write"], [2, "in place"], [2, "writev"]] as const);
    this.#note(`${way} ${length} at ${at}`);
    if (way === "writev") {
      const cut = random.below(length + 1);
      const parts = [bytes.subarray(0, cut), bytes.subarray(cut)];
      const { bytesWritten } = await file.writev(parts, at);
      return assert.equal(bytesWritten, length, `writev of ${length} at ${at}`);
    }
    let source = bytes;
    if (way === "in place") {
      // Of the same place in memory: no other write of the round has it
      source = this.#memory.subarray(at, at + length);
      source.set(bytes);
    }
    const { bytesWritten } = await file.write(source, 0, length, at);
    assert.equal(bytesWritten, length, `write of ${length} at ${at}`);
  }

  #bytes(length: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(length);
    const first = this.#random.below(256);
    const step = this.#random.between(1, 255);
    for (let index = 0; index < length; index++) {
      bytes[index] = first + step * index + (index >>> 8);
    }
    return bytes;
  }

  #append(work: Promise<unknown>[], count: number): Uint8Array[] {
    const { limit } = this.#setting;
    const blocks: Uint8Array[] = [];
    let end = this.#model.nextSize;
    for (let left = count; left > 0; left--) {
      const length = this.#random.pick([this.#random.between(1, 600), 512, 4096, 70_000]);
      if (end + length > limit) break;
      end += length;
      const bytes = this.#bytes(length);
      blocks.push(bytes);
      const file = this.#random.pick(this.#files);
      this.#note(`append ${length}`);
      work.push(file.write(bytes).then(({ bytesWritten }) => assert.equal(bytesWritten, length)));
    }
    if (blocks.length === 0) this.#cut(work);
    else if (count === 1) this.#model.write(this.#model.size, blocks[0]!);
    return blocks;
  }

  /** Several appends at once: each must be there in one piece, in any order. */
  async #appendMany(): Promise<void> {
    const work: Promise<unknown>[] = [];
    const blocks = this.#append(work, this.#random.between(2, 5));
    await this.#all(work);
    if (blocks.length === 0) return;
    let at = this.#model.size;
    const tail = readFileSync(this.#path).subarray(at);
    assert.equal(tail.length, blocks.reduce((sum, { length }) => sum + length, 0), "appended");
    for (let rest = tail; rest.length > 0;) {
      const next = blocks.findIndex((block) =>
        Buffer.compare(rest.subarray(0, block.length), block) === 0
      );
      assert.ok(next >= 0, `none of the appends is there in one piece at ${at}`);
      const [block] = blocks.splice(next, 1);
      this.#model.write(at, block!);
      at += block!.length;
      rest = rest.subarray(block!.length);
    }
  }

  /** A truncate; with O_DIRECT it comes after the writes that were begun before it. */
  #cut(work: Promise<unknown>[]): void {
    const random = this.#random;
    const { limit, append } = this.#setting;
    const { size } = this.#model;
    if (!append && this.#files[0]!.direct) {
      for (const range of this.#inside(random.below(4))) work.push(this.#write(range));
    }
    const length = random.weighted<() => number>([
      [4, () => random.below(size + 1)],
      [2, () => Math.min(limit, size + random.below(10_000))],
      [1, () => 0],
    ])();
    this.#model.truncate(length);
    this.#note(`truncate to ${length}`);
    work.push(random.pick(this.#files).truncate(length));
  }

  async #sync(): Promise<void> {
    const file = this.#random.pick(this.#files);
    this.#note("sync");
    await (this.#random.once(2) ? file.sync() : file.datasync());
  }

  // Reads

  #read(work: Promise<unknown>[]): void {
    const random = this.#random;
    const ways = {
      readAt: () => this.#readAt(this.#anywhere()),
      aborted: () => this.#aborted(this.#anywhere()),
      read: () => this.#readInto(this.#anywhere()),
      readv: () => this.#readv(this.#anywhere()),
      cursor: () => this.#readCursor(),
      readMany: () => this.#readMany(),
      scan: () => this.#scan(),
    };
    const way = random.weighted(
      [
        [6, "readAt"],
        [3, "aborted"],
        [5, "read"],
        [2, "readv"],
        [2, "cursor"],
        [2, "readMany"],
        [1, "scan"],
      ] as const,
    );
    work.push(ways[way]());
  }

  /** A range inside the file, across its end, or behind that. */
  #anywhere(): Range {
    const random = this.#random;
    const at = random.below(this.#model.size + 2000);
    const length = random.weighted<() => number>([
      [6, () => random.between(0, 5000)],
      [3, () => 4096 * random.between(1, 16)],
      [1, () => random.between(1, this.#setting.limit)],
    ])();
    return { at, length };
  }

  #check({ at, length }: Range, bytes: Uint8Array, what: string): void {
    const wrong = this.#model.mismatch(at, length, bytes);
    if (wrong !== undefined) throw new Error(`${what}: ${wrong}`);
  }

  async #readAt(range: Range): Promise<void> {
    this.#note(`readAt ${range.length} at ${range.at}`);
    const bytes = await this.#random.pick(this.#files).readAt(range.at, range.length);
    this.#check(range, bytes, "readAt");
  }

  /** The signal may come before, while or after the bytes do. */
  async #aborted(range: Range): Promise<void> {
    this.#note(`readAt, aborted, ${range.length} at ${range.at}`);
    const controller = new AbortController();
    const turns = this.#random.below(4);
    const reason = new Error("enough");
    const file = this.#random.pick(this.#files);
    const read = file.readAt(range.at, range.length, { signal: controller.signal });
    const abort = async () => {
      for (let left = turns; left > 0; left--) await (left % 2 === 0 ? turn() : undefined);
      controller.abort(reason);
    };
    const [result] = await Promise.allSettled([read, abort()]);
    if (result.status === "fulfilled") this.#check(range, result.value, "aborted readAt");
    else if (result.reason !== reason) throw result.reason;
  }

  async #readInto(range: Range): Promise<void> {
    const { at, length } = range;
    this.#note(`read ${length} at ${at}`);
    const random = this.#random;
    const buffer = random.once(2) ? this.#place(length) : new Uint8Array(length);
    const { bytesRead } = await random.pick(this.#files).read(buffer, 0, length, at);
    this.#check(range, buffer.subarray(0, bytesRead), "read");
  }

  async #readv(range: Range): Promise<void> {
    const { at, length } = range;
    this.#note(`readv ${length} at ${at}`);
    const cut = this.#random.below(length + 1);
    const buffers = [new Uint8Array(cut), new Uint8Array(length - cut)];
    const { bytesRead } = await this.#random.pick(this.#files).readv(buffers, at);
    this.#check(range, Buffer.concat(buffers).subarray(0, bytesRead), "readv");
  }

  /** Reads without a position take turns, and go on where the last one ended. */
  async #readCursor(): Promise<void> {
    if (this.#setting.append) return;
    const length = this.#random.between(1, 3000);
    const expected = Math.max(0, Math.min(length, this.#model.size - this.#cursor));
    // Only where no operation of this round can move the end
    if (expected < length || this.#model.nextSize !== this.#model.size) return;
    const at = this.#cursor;
    this.#cursor += length;
    this.#note(`read ${length} at the cursor, ${at}`);
    const { bytesRead, buffer } = await this.#files[0]!.read(new Uint8Array(length));
    this.#check({ at, length }, buffer.subarray(0, bytesRead), "read at the cursor");
  }

  async #readMany(): Promise<void> {
    const random = this.#random;
    const ranges = Array.from({ length: random.between(1, 20) }, () => {
      const { at, length } = this.#anywhere();
      return { position: at, length: Math.min(length, 20_000), data: length };
    });
    const order = random.pick(["completion", "request"] as const);
    const depth = random.pick([1, 3, 16]);
    const leaveAfter = random.once(4) ? random.between(1, ranges.length) : Infinity;
    this.#note(`readMany ${ranges.length}, ${order}, depth ${depth}, leave after ${leaveAfter}`);
    let count = 0;
    const seen = new Set<number>();
    const requests = ranges.map(({ position, length }, data) => ({ position, length, data }));
    for await (
      const { position, bytes, data } of random.pick(this.#files).readMany(requests, {
        order,
        depth,
      })
    ) {
      const request = requests[data]!;
      assert.equal(position, request.position);
      assert.ok(!seen.has(data), "a range came twice");
      if (order === "request") assert.equal(data, count, "a range came out of order");
      seen.add(data);
      this.#check({ at: position, length: request.length }, bytes, "readMany");
      this.operations++;
      if (++count === leaveAfter) break;
    }
    assert.equal(count, Math.min(leaveAfter, ranges.length), "ranges");
  }

  async #scan(): Promise<void> {
    const random = this.#random;
    const { size } = this.#model;
    if (this.#model.nextSize < size) return;
    const start = random.below(size + 1);
    const end = random.between(start, size);
    const blockSize = random.pick([512, 4096, 5000, 65536]);
    const order = random.pick(["completion", "request"] as const);
    this.#note(`scan ${start} to ${end} in blocks of ${blockSize}`);
    let total = 0;
    for await (
      const { position, bytes } of random.pick(this.#files).scan({ start, end, blockSize, order })
    ) {
      this.#check({ at: position, length: bytes.length }, bytes, "scan");
      total += bytes.length;
    }
    assert.equal(total, end - start, "bytes of a scan");
  }

  /** Memory that requests use in place, at times not quite aligned; other memory if that is full. */
  #place(length: number): Uint8Array<ArrayBuffer> {
    const start = this.#placed + this.#random.pick([0, 0, 512, 1]);
    if (start + length > this.#places.length) return new Uint8Array(length);
    this.#placed = Math.ceil((start + length) / 4096) * 4096;
    return this.#places.subarray(start, start + length);
  }

  #note(text: string): void {
    this.operations++;
    this.#history.note(`${this.#round}: ${text}`);
  }
}
