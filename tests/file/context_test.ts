import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { execFileSync } from "node:child_process";
import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { AioContext, type AioFile, open } from "../../mod.ts";
import { pattern, sameBytes } from "../support/bytes.ts";
import { onGrounds, POSITION_GROUNDS, Scene, testWithin } from "../support/file_grounds.ts";
import { counting } from "../support/file_kernels.ts";
import { linuxOnly } from "../support/real_kernel.ts";
import { TempFolder } from "../support/temp.ts";
import { within } from "../support/within.ts";

const CONTENT = pattern(3_000_017);

onGrounds("a file uses the context that it is given", async (ground) => {
  await using scene = new Scene(ground);
  const { kernel, submitted } = counting();
  await using context = new AioContext({ kernel, entries: 4 });
  const file = await scene.holding(CONTENT, "r", { context });
  sameBytes(await file.readAt(5, 500), CONTENT.subarray(5, 505));
  assert.equal(submitted.length, 1);
  const other = await scene.holding(CONTENT, "r");
  await other.readAt(5, 500);
  assert.equal(submitted.length, 1);
});

onGrounds("one place in a context is enough for everything", async (ground) => {
  await using scene = new Scene(ground);
  await using context = new AioContext({ entries: 1 });
  const file = await scene.holding(CONTENT, "r+", { context });
  const reads = Array.from({ length: 50 }, (_, i) => file.readAt(i * 1000, 1000));
  const whole = file.readFile();
  for (const [i, read] of reads.entries()) {
    sameBytes(await read, CONTENT.subarray(i * 1000, (i + 1) * 1000));
  }
  sameBytes(await whole, CONTENT);
  await Promise.all(
    [7, 8, 9].map((fill) => file.write(Buffer.alloc(100, fill), 0, 100, fill * 100)),
  );
  await file.sync();
  let total = 0;
  for await (const { bytes } of file.scan({ depth: 50, blockSize: 10_000 })) total += bytes.length;
  assert.equal(total, CONTENT.length);
}, POSITION_GROUNDS);

onGrounds("a closed context is a clear error", async (ground) => {
  await using scene = new Scene(ground);
  const context = new AioContext({ entries: 4 });
  const path = scene.file(CONTENT);
  const file = await scene.open(path, "r+", { context });
  await file.readAt(0, 1);
  await context[Symbol.asyncDispose]();
  const attempts: (() => Promise<unknown>)[] = [
    () => file.readAt(0, 1),
    () => file.read(),
    () => file.write("x"),
    () => file.readFile(),
    () => file.sync(),
    async () => {
      for await (const _ of file.scan()) assert.fail("a block");
    },
    () => scene.open(path, "r", { context }).then((other) => other.readAt(0, 1)),
  ];
  for (const attempt of attempts) {
    await assert.rejects(within(attempt()), /context is closed/);
  }
  await file.close();
});

onGrounds("a context that is closed waits for what its files are about", async (ground) => {
  await using scene = new Scene(ground);
  for (let round = 0; round < 5; round++) {
    const context = new AioContext({ entries: 5 });
    const file = await scene.holding(CONTENT, "r+", { context });
    // Of several steps each; in between nothing of them is in flight
    const operations: Promise<unknown>[] = [
      file.readFile(),
      file.readAt(3, 2_500_000),
      file.write(Buffer.alloc(1000, 1), 0, 1000, 100),
      file.write(Buffer.alloc(1000, 2), 0, 1000, 3000),
      file.write(Buffer.alloc(1000, 3), 0, 1000, 4_000_100),
      file.truncate(4_000_000),
    ];
    const settled = Promise.allSettled(operations);
    for (let turn = 0; turn < round; turn++) await Promise.resolve();
    const closing = context[Symbol.asyncDispose]();
    await within(closing);
    // Takes over what the closed context had in the kernel
    const next = new AioContext({ entries: 5 });
    const other = await scene.holding(CONTENT, "r", { context: next });
    for (let i = 0; i < 100; i++) {
      const bytes = await within(other.readAt(i * 29_000, 3000));
      sameBytes(bytes, CONTENT.subarray(i * 29_000, i * 29_000 + 3000), `round ${round}`);
    }
    // Done, or refused because of the context; nothing else, and none for ever under way
    for (const result of await within(settled)) {
      if (result.status === "rejected") assert.match(String(result.reason), /context is closed/);
    }
    await within(file.close());
    await other.close();
    await next[Symbol.asyncDispose]();
  }
}, POSITION_GROUNDS);

onGrounds("a context that is closed does not wait for a producer that is stuck", async (ground) => {
  await using scene = new Scene(ground);
  const context = new AioContext({ entries: 8 });
  const file = await scene.holding("", "r+", { context });
  const stuck = Promise.withResolvers<void>();
  const writing = file.writeFile(async function* () {
    yield "one";
    await stuck.promise;
    yield "two";
  }());
  writing.catch(() => {});
  try {
    await setTimeout(5);
    await within(context[Symbol.asyncDispose]());
  } finally {
    stuck.resolve();
  }
  await assert.rejects(within(writing), /context is closed/);
  await within(file.close());
  assert.equal(readFileSync(file.path, "latin1"), "one");
}, POSITION_GROUNDS);

onGrounds("a context that is closed ends the iterations over its files", async (ground) => {
  await using scene = new Scene(ground);
  for (const order of ["completion", "request"] as const) {
    const context = new AioContext({ entries: 8 });
    const file = await scene.holding(CONTENT, "r", { context });
    let closing: Promise<void> | undefined;
    let count = 0;
    const iterate = async () => {
      for await (const { position, bytes } of file.scan({ blockSize: 4096, depth: 30, order })) {
        sameBytes(bytes, CONTENT.subarray(position, position + bytes.length));
        if (++count === 10) closing = context[Symbol.asyncDispose]();
      }
    };
    await assert.rejects(within(iterate()), /context is closed/);
    await within(closing!);
    assert.ok(count >= 10 && count < CONTENT.length / 4096, `${count} blocks`);
    await within(file.close());
  }
});

onGrounds("a loop over the context never sees what its files do", async (ground) => {
  await using scene = new Scene(ground);
  await using context = new AioContext<number>({ entries: 16 });
  const path = scene.file(CONTENT);
  const file = await scene.open(path, "r", { context });
  const fd = openSync(path, "r");
  try {
    let queued = 0;
    const queue = () =>
      context.read(fd, new Uint8Array(1000), { position: queued, data: queued++ });
    const reads: Promise<void>[] = [];
    const seen = new Set<number>();
    while (queued < 10) queue();
    for await (const { data, res, buffer, position } of context) {
      assert.equal(typeof data, "number");
      assert.equal(res, 1000);
      sameBytes(buffer, CONTENT.subarray(position, position + 1000));
      seen.add(data);
      const at = seen.size * 1000;
      reads.push(
        file.readAt(at, 700).then((bytes) => sameBytes(bytes, CONTENT.subarray(at, at + 700))),
      );
      if (queued < 300) queue();
    }
    assert.equal(seen.size, 300);
    await within(Promise.all(reads));
  } finally {
    closeSync(fd);
  }
});

onGrounds("reads of a file under way do not keep batches() from ending", async (ground) => {
  await using scene = new Scene(ground);
  await using context = new AioContext<number>({ entries: 8 });
  const file = await scene.holding(CONTENT, "r", { context });
  const reads = Array.from({ length: 100 }, (_, i) => file.readAt(i * 1000, 1000));
  context.read(file.fd, new Uint8Array(10), { data: 1 });
  let count = 0;
  for await (const batch of context.batches()) {
    for (const { data } of batch) count += data;
  }
  assert.equal(count, 1);
  for (const [i, read] of reads.entries()) {
    sameBytes(await read, CONTENT.subarray(i * 1000, (i + 1) * 1000));
  }
});

/** A pipe whose other end is open and silent; gone when it is disposed of. */
class SilentPipe implements AsyncDisposable {
  readonly #folder = new TempFolder();
  readonly #fd: number;
  file!: AioFile;

  constructor() {
    execFileSync("mkfifo", [this.path]);
    // For both, so that it does not wait for the other end
    this.#fd = openSync(this.path, "r+");
  }

  get path(): string {
    return this.#folder.join("pipe");
  }

  static async open(context: AioContext): Promise<SilentPipe> {
    const pipe = new SilentPipe();
    pipe.file = await open(pipe.path, "r", { context });
    return pipe;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Ends what still waits
    writeSync(this.#fd, new Uint8Array(1000));
    await within(this.file.close());
    closeSync(this.#fd);
    this.#folder[Symbol.dispose]();
  }
}

testWithin("a file that waits for a pipe does not keep a loop from ending", async () => {
  await using context = new AioContext({ entries: 8 });
  await using pipe = await SilentPipe.open(context);
  const waiting = pipe.file.readAt(0, 10);
  await setTimeout(5);
  await using file = await open("/proc/version", "r");
  const buffer = new Uint8Array(10);
  context.read(file.fd, buffer);
  const loop = async () => {
    let count = 0;
    for await (const { res } of context) {
      assert.equal(res, 10);
      count++;
    }
    return count;
  };
  assert.equal(await within(loop()), 1);
  sameBytes(buffer, readFileSync("/proc/version").subarray(0, 10));
  waiting.catch(() => {});
});

testWithin("a context that is closed ends the wait for pipes", async () => {
  const context = new AioContext({ entries: 2 });
  await using pipes = new AsyncDisposableStack();
  const reads: Promise<unknown>[] = [];
  // More than the context has places for, and some behind one another at one pipe
  for (let i = 0; i < 6; i++) {
    const { file } = pipes.use(await SilentPipe.open(context));
    reads.push(file.readAt(0, 10), file.readAt(0, 10));
  }
  const settled = Promise.allSettled(reads);
  await setTimeout(5);
  await within(context[Symbol.asyncDispose]());
  for (const result of await within(settled)) {
    assert.equal(result.status, "rejected");
    assert.match(String(result.reason), /context is closed/);
  }
}, linuxOnly("a read of a pipe cannot be called back from the runtime's threads"));
