/**
 * Cases of hostile callers: requests of a context, operations of a file, and calls of anything with
 * anything. Whatever the objects do, only the memory that was meant is read or written, each request
 * completes once, and closing comes to an end.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { readFileSync, writeFileSync } from "node:fs";
import fc from "fast-check";
import {
  AioContext,
  AioError,
  type AioFile,
  allocate,
  type Completion,
  open,
  probe,
} from "../../mod.ts";
import { Iocb, IoEvent, type Kernel } from "../../src/syscalls.ts";
import { EFAULT } from "../../src/abi/errno.ts";
import { pattern, sameBytes } from "./bytes.ts";
import { guarded } from "./guarded_kernel.ts";
import {
  type HostileMemory,
  hostileMemory,
  hostileOptions,
  hostileSignal,
  hostileValue,
  surroundingsAreIntact,
} from "./hostile.ts";
import { Random } from "./random.ts";
import { kernelName, real } from "./real_kernel.ts";
import { SHM, TempFile } from "./temp.ts";
import { within } from "./within.ts";

/** More than the longest vector. */
const REGION = 12_288;
const REGIONS = 12;
const CONTENT = pattern(REGION * REGIONS);
/** Around blocks and pages; more than one thread takes at once. */
const LENGTHS = [0, 1, 7, 512, 4095, 4096, 5003, 8192];

/** One case; the same case does the same. */
export interface HostileCase {
  readonly seed: number;
  readonly steps: number;
  readonly kind: "context" | "file" | "anything";
}

const cases: fc.Arbitrary<HostileCase> = fc.record({
  seed: fc.integer(),
  steps: fc.integer({ min: 1, max: 8 }),
  kind: fc.constantFrom("context", "context", "file", "file", "anything"),
});

/** A write that was accepted, and where it goes. */
interface Written {
  readonly region: number;
  readonly bytes: Uint8Array;
}

/** The property, and what its cases share. */
export class HostileProperty implements Disposable {
  /** Holds whatever a case does. */
  readonly property: fc.IAsyncProperty<[HostileCase]>;
  readonly #file = new TempFile(CONTENT, { parent: SHM });
  /** What calls of anything may write to. */
  readonly #scratch = new TempFile(CONTENT, { parent: SHM });
  /** Memory with guards, where that is possible: pieces are used again, and stay. */
  readonly #guarded: Kernel | undefined = kernelName === "linux" ? guarded().kernel : undefined;

  /** @param begin Called before each case, with its number */
  constructor(begin: (case_: HostileCase, number: number) => void = () => {}) {
    let number = 0;
    this.property = fc.asyncProperty(cases, async (case_) => {
      begin(case_, ++number);
      await within(this.#run(case_));
    });
  }

  [Symbol.dispose](): void {
    this.#file[Symbol.dispose]();
    this.#scratch[Symbol.dispose]();
  }

  async #run({ seed, steps, kind }: HostileCase): Promise<void> {
    const random = new Random(seed);
    // Here, as a case that failed leaves anything
    writeFileSync(kind === "anything" ? this.#scratch.path : this.#file.path, CONTENT);
    switch (kind) {
      case "context":
        return await this.#runContext(random, steps);
      case "file":
        return await this.#runFile(random, steps);
      case "anything":
        return await this.#runAnything(random, steps);
    }
  }

  #kernel(random: Random): Kernel {
    return random.once(2) ? this.#guarded ?? real : real;
  }

  async #runContext(random: Random, steps: number): Promise<void> {
    const entries = random.between(1, 3);
    const reap = random.pick(["ring", "syscall"] as const);
    await using aio = new AioContext<number>({ kernel: this.#kernel(random), entries, reap });
    const expected = new Map<
      number,
      { reads: HostileMemory[]; region: number; written: Buffer[] }
    >();
    const memories: HostileMemory[] = [];
    const losable: (() => void)[] = [];
    const mischief = () => {
      if (random.once(3)) random.pick([...losable, () => aio.submit()])();
      if (random.once(40)) aio[Symbol.asyncDispose]();
    };
    for (let step = 0; step < steps; step++) {
      const memory = hostileMemory(random, random.pick(LENGTHS));
      memories.push(memory);
      if (memory.lose) losable.push(memory.lose);
      const isWrite = random.once(2);
      if (isWrite && memory.bytes.byteLength > 0) {
        memory.bytes.set(pattern(memory.bytes.byteLength, step + 1));
      }
      const other = new Uint8Array(random.pick([0, 3, 100])).fill(step);
      const isVector = random.once(3);
      const vector = isVector ? [[memory.view, other], [other, memory.view]][random.below(2)]! : [];
      const parts = isVector
        ? vector.map((part) => part === other ? other : memory.bytes)
        : [memory.bytes];
      // As it was before anything could be lost
      const written = isWrite ? parts.map((part) => Buffer.from(part)) : [];
      const options = hostileOptions(random, { position: step * REGION, data: step }, mischief);
      try {
        const { fd } = this.#file;
        if (isVector) aio[isWrite ? "writev" : "readv"](fd, vector, options);
        else aio[isWrite ? "write" : "read"](fd, memory.view, options);
        const isEmpty = memory.bytes.byteLength === 0;
        assert.ok(memory.isView || isEmpty, "what is no view was taken");
        expected.set(step, {
          reads: isWrite ? [] : parts.map((bytes) => ({ ...memory, bytes })),
          region: step,
          // What was lost while the options were read had no bytes when they were counted
          written: written.filter((_, index) => parts[index]!.byteLength > 0),
        });
      } catch (error) {
        assert.ok(error instanceof Error && !(error instanceof assert.AssertionError), `${error}`);
      }
      if (random.once(4) && losable.length > 0) random.pick(losable)();
      if (random.once(4)) tryTo(() => aio.submit());
      if (random.once(4)) tryTo(() => aio.cancel(hostileValue(random) as number));
    }
    const file = Buffer.from(CONTENT);
    const seen = ({ data, res }: Completion<number>) => {
      const request = expected.get(data);
      assert.ok(request !== undefined, `${data} completed twice, or was never accepted`);
      expected.delete(data);
      const { reads, region, written } = request;
      let at = region * REGION;
      if (res === -EFAULT) return;
      assert.ok(res >= 0, `result ${res}`);
      for (const bytes of written) {
        bytes.copy(file, at);
        at += bytes.length;
      }
      if (written.length > 0) return assert.equal(res, at - region * REGION);
      for (const { bytes } of reads) {
        sameBytes(bytes, CONTENT.subarray(at, at + bytes.byteLength), `read at ${at}`);
        at += bytes.byteLength;
      }
    };
    await tryTo(() => drain(aio, random, seen));
    // Closing drops what no loop has taken; then nobody knows which of the writes were made
    const allCame = expected.size === 0;
    await aio[Symbol.asyncDispose]();
    assert.deepEqual([aio.inFlight, aio.queued], [0, 0]);
    if (allCame) sameBytes(readFileSync(this.#file.path), file, "the file");
    for (const memory of memories) {
      assert.ok(surroundingsAreIntact(memory), "memory beside the view was changed");
    }
  }

  async #runFile(random: Random, steps: number): Promise<void> {
    const direct = random.once(2) ? "try" : false;
    await using context = new AioContext({
      kernel: this.#kernel(random),
      entries: random.between(1, 4),
    });
    await using file = await open(this.#file.path, "r+", { direct, context });
    const memories: HostileMemory[] = [];
    const settled: Promise<unknown>[] = [];
    const writes: Written[] = [];
    const losable: (() => void)[] = [];
    const mischief = () => {
      if (random.once(3) && losable.length > 0) random.pick(losable)();
      if (random.once(40)) file.close().catch(() => {});
    };
    for (let step = 0; step < steps; step++) {
      const memory = hostileMemory(random, random.pick(LENGTHS));
      memories.push(memory);
      if (memory.lose) losable.push(memory.lose);
      const { view, bytes } = memory;
      const position = step * REGION;
      const isWrite = random.once(2);
      if (isWrite && bytes.byteLength > 0) bytes.set(pattern(bytes.byteLength, step + 1));
      if (isWrite) writes.push({ region: step, bytes: Uint8Array.from(bytes) });
      const operation = isWrite
        ? this.#write(file, random, view, position, mischief)
        : this.#read(file, random, memory, position, mischief);
      settled.push(operation.then(() => {}, (error) => {
        assert.ok(!(error instanceof assert.AssertionError), `${error}`);
      }));
      if (random.once(3) && losable.length > 0) random.pick(losable)();
      if (random.once(3)) await Promise.resolve();
    }
    if (random.once(2)) mischief();
    await Promise.all(settled);
    await file.close();
    await context[Symbol.asyncDispose]();
    assert.deepEqual([context.inFlight, context.queued], [0, 0]);
    for (const memory of memories) {
      assert.ok(surroundingsAreIntact(memory), "memory beside the view was changed");
    }
    this.#checkFile(writes);
  }

  #read(
    file: AioFile,
    random: Random,
    { view, bytes }: HostileMemory,
    position: number,
    mischief: () => void,
  ): Promise<unknown> {
    const length = random.pick([1, 100, 4096, 5000]);
    const options = (more: Record<string, unknown>) =>
      hostileOptions(random, more, mischief) as never;
    const checked = async (read: Promise<{ bytesRead: number }>) => {
      const { bytesRead } = await read;
      const count = Math.min(bytesRead, bytes.byteLength);
      sameBytes(bytes.subarray(0, count), CONTENT.subarray(position, position + count));
    };
    return random.pick<() => Promise<unknown>>([
      () => checked(file.read(view, 0, null, position)),
      () => checked(file.read(view, options({ position }))),
      () => checked(file.read(options({ buffer: view, position }))),
      () => checked(file.readv([view, new Uint8Array(5)], position)),
      async () => {
        const bytes = await file.readAt(position, length, { signal: hostileSignal(random) });
        sameBytes(bytes, CONTENT.subarray(position, position + length));
      },
      () => file.readAt(position, length, options({ signal: hostileSignal(random) })),
      () => stepThrough(() => file.readMany(ranges(random, mischief), options({ depth: 2 }))),
      () =>
        stepThrough(() =>
          file.scan(options({ start: position, end: position + length, blockSize: 999 }))
        ),
      () => stepThrough(() => file.scan({ start: 0, end: 5000, signal: hostileSignal(random) })),
      () => file.readFile({ signal: hostileSignal(random) }),
      () => file.stat(options({ bigint: true })),
    ])();
  }

  #write(
    file: AioFile,
    random: Random,
    view: Uint8Array,
    position: number,
    mischief: () => void,
  ): Promise<unknown> {
    const options = (more: Record<string, unknown>) =>
      hostileOptions(random, more, mischief) as never;
    // What kaio rejects, another file of the runtime may write elsewhere
    return random.pick<() => Promise<unknown>>([
      () => file.write(view, 0, null, position),
      () => file.write(view, options({ position })),
      () => file.write(view, options({ position, durable: true })),
      () => file.writev([view], position),
      () => file.writev([view], position, options({ durable: true })),
      () => file.writeAt(position, view, options({ durable: true })),
      () => file.writeAt(position, view, options({ signal: hostileSignal(random) })),
      () => file.writeMany([options({ position, bytes: view })], options({ durable: true })),
      () => file.writeMany([{ position, bytes: view }], { signal: hostileSignal(random) }),
      () => file.sync(),
    ])();
  }

  /** Each region is as before, or holds what a write to it held. */
  #checkFile(writes: Written[]): void {
    const found = readFileSync(this.#file.path);
    assert.equal(found.length, CONTENT.length);
    for (let region = 0; region < REGIONS; region++) {
      const [start, end] = [region * REGION, (region + 1) * REGION];
      const now = found.subarray(start, end);
      const before = Buffer.from(CONTENT.subarray(start, end));
      const after = Buffer.from(before);
      const write = writes.find((write) => write.region === region);
      if (write !== undefined) after.set(write.bytes);
      assert.ok(now.equals(before) || now.equals(after), `region ${region} holds something else`);
    }
  }

  async #runAnything(random: Random, steps: number): Promise<void> {
    const value = () => hostileValue(random) as never;
    // Some runtimes take a function for the callback of node:fs, and end the process for null
    const object = () => {
      const options: unknown = value();
      return (typeof options === "function" || options === null ? undefined : options) as never;
    };
    // Of the descriptors that others have, none is to be used
    const descriptor = () => {
      const number = value();
      return (typeof number === "number" && number >= 0 && number < 1e9 ? -2 : number) as never;
    };
    const kernel = this.#kernel(random);
    await using aio = new AioContext<number>({ kernel, entries: 2 });
    await using context = new AioContext({ kernel, entries: 2 });
    await using file = await open(this.#scratch.path, "r+", { context });
    const made: AsyncDisposable[] = [];
    const { fd } = this.#scratch;
    const calls: (() => unknown)[] = [
      () => aio.read(descriptor(), new Uint8Array(8), value()),
      () => aio.read(fd, value(), value()),
      () => aio.write(fd, value(), value()),
      () => aio.readv(fd, value(), value()),
      () => aio.writev(fd, value(), value()),
      () => aio.fsync(fd, value()),
      () => aio.fdatasync(descriptor(), value()),
      () => aio.poll(fd, value(), value()),
      () => aio.cancel(value()),
      () => aio.wait(value(), { timeout: value() }),
      () => aio.wait(0, value()),
      () => made.push(new AioContext(value())),
      () => allocate(value()),
      () => probe(),
      () => open(value(), value(), value()).then((file) => file.close()),
      () => open(this.#scratch.path, value(), value()).then((file) => file.close()),
      () => open(this.#scratch.path, "r", value()).then((file) => file.close()),
      () => new Iocb(value(), value()),
      () => new IoEvent(value(), value()),
      () => kernel.io_setup(value(), value()),
      () => kernel.io_setup(1, value()),
      () => kernel.io_submit(0, value(), value()),
      () => kernel.io_getevents(0, value(), value(), value(), value()),
      () => file.read(value(), value(), value(), value()),
      () => file.read(new Uint8Array(8), value(), value(), value()),
      () => file.readv(value(), value()),
      () => file.readAt(value(), value(), value()),
      () => file.readAt(0, 5, value()),
      () => file.writeAt(value(), value(), value()),
      () => file.writeAt(0, new Uint8Array(5), value()),
      () => file.writeMany(value(), value()),
      () => file.writeMany([value(), { position: 0, bytes: value() }]),
      () => file.readFile(object()),
      () => file.stat(object()),
      () => stepThrough(() => file.readMany(value(), value())),
      () => stepThrough(() => file.readMany([value(), value()])),
      () => stepThrough(() => file.scan(value())),
      () => file.readableWebStream(value()).cancel(),
    ];
    const results: Promise<unknown>[] = [];
    for (let step = 0; step < steps; step++) {
      results.push(tryTo(random.pick(calls)));
      if (random.once(2)) await Promise.resolve();
    }
    await Promise.all(results);
    await tryTo(() => drain(aio, random, () => {}));
    await Promise.all([
      aio[Symbol.asyncDispose](),
      file.close(),
      ...made.map((one) => one[Symbol.asyncDispose]()),
    ]);
    await context[Symbol.asyncDispose]();
    for (const { inFlight, queued } of [aio, context]) assert.deepEqual([inFlight, queued], [0, 0]);
  }
}

/** Calls, and waits for the result; what is thrown and rejected is lost, but no failed assertion. */
async function tryTo(call: () => unknown): Promise<void> {
  try {
    await call();
  } catch (error) {
    if (error instanceof assert.AssertionError) throw error;
  }
}

/** Takes all completions of a context, in one of the ways there are. */
async function drain(
  aio: AioContext<number>,
  random: Random,
  seen: (completion: Completion<number>) => void,
): Promise<void> {
  const way = random.below(3);
  if (way === 0) {
    for await (const batch of aio.batches()) {
      for (const completion of batch) seen(completion);
      spoil(random, batch as Completion<number>[]);
    }
  } else if (way === 1) {
    try {
      while (aio.queued + aio.inFlight > 0) {
        const batch = aio.wait(1);
        for (const completion of batch) seen(completion);
        spoil(random, batch as Completion<number>[]);
      }
    } catch (error) {
      // A kernel that works on this thread cannot wait for its pool
      if (!(error instanceof AioError)) throw error;
    }
  }
  for await (const completion of aio) seen(completion);
}

/** What a caller may do to a batch. */
function spoil(random: Random, batch: Completion<number>[]): void {
  random.pick<() => unknown>([
    () => batch.push(batch[0]!),
    () => batch.push({} as never),
    () => Object.freeze(batch),
    () => batch.length = 0,
    () => batch.length = 100,
    () => Object.assign(batch, { push: null, [Symbol.iterator]: null }),
    () => Object.defineProperty(batch, 0, { get: () => assert.fail("The batch was read") }),
    () => {},
  ])();
}

/** Goes through an iteration, whose bytes must be those of the file. */
async function stepThrough(
  begin: () => AsyncIterable<{ position: number; bytes: Uint8Array }>,
): Promise<void> {
  for await (const _ of begin()) continue;
}

/** Ranges that do something when they are asked. */
function* ranges(
  random: Random,
  mischief: () => void,
): Generator<{ position: number; length: number }> {
  for (let count = 0; count < 4; count++) {
    mischief();
    yield random.once(8)
      ? hostileValue(random) as never
      : hostileOptions(random, { position: random.below(9000), length: 99 }, mischief) as never;
  }
}
