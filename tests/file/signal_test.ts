import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { AioContext, type AioFile } from "../../mod.ts";
import { pattern, sameBytes } from "../support/bytes.ts";
import {
  type Ground,
  GROUNDS,
  onGrounds,
  POSITION_GROUNDS,
  Scene,
} from "../support/file_grounds.ts";
import { allocating, SlowKernel } from "../support/file_kernels.ts";
import { WatchedSignal } from "../support/file_listeners.ts";

const MIB = 1 << 20;
const CONTENT = pattern(3 * MIB + 11);
const REASON = { why: "enough" };

/** All that takes a signal. */
const OPERATIONS: Record<string, (file: AioFile, signal: AbortSignal) => Promise<unknown>> = {
  "readAt": (file, signal) => file.readAt(1, 5000, { signal }),
  "readAt of 3 MiB": (file, signal) => file.readAt(1, 3 * MIB, { signal }),
  "readFile": (file, signal) => file.readFile({ signal }),
  "readMany": (file, signal) =>
    drain(file.readMany([{ position: 0, length: 100 }, { position: 5, length: 600 }], { signal })),
  "scan": (file, signal) => drain(file.scan({ signal, depth: 4 })),
  "writeFile": (file, signal) => file.writeFile(["one", "two"], { signal }),
};

/** Members of FileHandle have an error of their own for it, kaio's members the reason itself. */
function isAbort(name: string, reason: unknown): (error: unknown) => boolean {
  return (error) => {
    if (!name.endsWith("File")) return error === reason;
    const { code, cause } = error as { code?: string; cause?: unknown };
    return error instanceof Error && error.name === "AbortError" && code === "ABORT_ERR" &&
      cause === reason;
  };
}

async function drain(ranges: AsyncIterable<unknown>): Promise<number> {
  let count = 0;
  for await (const _ of ranges) count++;
  return count;
}

for (const [name, operation] of Object.entries(OPERATIONS)) {
  onGrounds(`${name}: a signal aborted before rejects with its reason`, async (ground) => {
    await using scene = new Scene(ground);
    const file = await scene.holding(CONTENT);
    for (const reason of [REASON, "text", new Error("mine")]) {
      const watched = new WatchedSignal();
      watched.abort(reason);
      await assert.rejects(operation(file, watched.signal), isAbort(name, reason));
      assert.equal(watched.listeners, 0);
    }
    const { signal } = new AbortController();
    await operation(file, signal);
    sameBytes(await file.readAt(MIB, 100), CONTENT.subarray(MIB, MIB + 100));
  });

  onGrounds(`${name}: a signal that is not aborted is left alone`, async (ground) => {
    await using scene = new Scene(ground);
    const file = await scene.holding(CONTENT);
    const watched = new WatchedSignal();
    await operation(file, watched.signal);
    assert.equal(watched.listeners, 0);
    watched.abort(REASON);
    await setImmediate();
    sameBytes(await file.readAt(MIB, 100), CONTENT.subarray(MIB, MIB + 100));
  });
}

onGrounds("readFile and writeFile ask what is a signal without events", async (ground) => {
  await using scene = new Scene(ground);
  const refusing = new Proxy(new AbortController().signal, {
    get(signal, key) {
      if (key === "addEventListener") throw new Error("no listeners here");
      return Reflect.get(signal, key, signal);
    },
  });
  for (const signal of [{ aborted: false } as AbortSignal, refusing]) {
    const file = await scene.holding(CONTENT, "r+");
    sameBytes(await file.readFile({ signal }), CONTENT);
    await file.writeFile(["one", "two"], { signal });
    sameBytes(await file.readAt(CONTENT.length, 6), new TextEncoder().encode("onetwo"));
  }
  for (const name of ["readFile", "writeFile"]) {
    const file = await scene.holding(CONTENT, "r+");
    const before = { aborted: true, reason: REASON } as AbortSignal;
    await assert.rejects(OPERATIONS[name]!(file, before), isAbort(name, REASON));
    const meanwhile = { aborted: false, reason: REASON };
    const operation = OPERATIONS[name]!(file, meanwhile as unknown as AbortSignal);
    meanwhile.aborted = true;
    await assert.rejects(operation, isAbort(name, REASON));
  }
}, POSITION_GROUNDS);

/** What is read step by step. */
const ITERATIONS: Record<string, (file: AioFile, signal: AbortSignal) => AsyncIterator<unknown>> = {
  "readMany": (file, signal) => file.readMany([{ position: 0, length: 100 }], { signal }),
  "scan": (file, signal) => file.scan({ signal }),
};

for (const [name, iterate] of Object.entries(ITERATIONS)) {
  onGrounds(`${name}: without a step no listener is left`, async (ground) => {
    await using scene = new Scene(ground);
    const file = await scene.holding(CONTENT);
    const watched = new WatchedSignal();
    const untouched = iterate(file, watched.signal);
    assert.equal(watched.listeners, 0);
    await iterate(file, watched.signal).return!();
    assert.equal(watched.listeners, 0);
    const begun = iterate(file, watched.signal);
    await begun.next();
    await begun.return!();
    assert.equal(watched.listeners, 0);
    watched.abort(REASON);
    await assert.rejects(untouched.next(), (error) => error === REASON);
    assert.equal(watched.listeners, 0);
  });
}

/** Where the kernel makes the reads that threads make of a file in the page cache. */
const IN_KERNEL: Record<string, readonly Ground[]> = {
  "readFile": POSITION_GROUNDS.filter(({ direct }) => direct),
  "readAt of 3 MiB": GROUNDS.filter(({ direct }) => direct),
};

for (const name of ["readAt", "readAt of 3 MiB", "readFile", "readMany", "scan"]) {
  onGrounds(`${name}: aborted while the kernel works, rejects at once`, async (ground) => {
    await using scene = new Scene(ground);
    const slow = new SlowKernel();
    await using context = new AioContext({ kernel: slow.kernel, entries: 16 });
    const file = await scene.holding(CONTENT, "r+", { context });
    slow.holding = true;
    const watched = new WatchedSignal();
    const read = OPERATIONS[name]!(file, watched.signal);
    while (slow.held === 0) await setImmediate();
    watched.abort(REASON);
    await assert.rejects(read, isAbort(name, REASON));
    assert.ok(slow.held > 0, "the kernel was not done");
    slow.release();
    sameBytes(await file.readAt(MIB, 100), CONTENT.subarray(MIB, MIB + 100));
    // Now the kernel has let go of all
    await file.close();
    assert.equal(watched.listeners, 0);
  }, IN_KERNEL[name] ?? GROUNDS);
}

onGrounds(
  "readFile: aborted before its bytes are there, rejects with the reason",
  async (ground) => {
    await using scene = new Scene(ground);
    const file = await scene.holding(CONTENT);
    const watched = new WatchedSignal();
    const read = file.readFile({ signal: watched.signal });
    watched.abort(REASON);
    await assert.rejects(read, isAbort("readFile", REASON));
    sameBytes(await file.readAt(MIB, 100), CONTENT.subarray(MIB, MIB + 100));
    await file.close();
    assert.equal(watched.listeners, 0);
  },
  POSITION_GROUNDS,
);

onGrounds("a signal that aborts a read in the queue takes it back", async (ground) => {
  await using scene = new Scene(ground);
  const slow = new SlowKernel();
  await using context = new AioContext({ kernel: slow.kernel, entries: 2 });
  const file = await scene.holding(CONTENT, "r", { context });
  slow.holding = true;
  const controllers = Array.from({ length: 6 }, () => new AbortController());
  const reads = controllers.map(({ signal }, i) => file.readAt(i * 1000, 1000, { signal }));
  while (slow.held === 0) await setImmediate();
  // The first two are with the kernel, the others wait for a slot
  controllers[3]!.abort(REASON);
  controllers[5]!.abort(REASON);
  await assert.rejects(reads[3]!, (error) => error === REASON);
  await assert.rejects(reads[5]!, (error) => error === REASON);
  assert.equal(context.queued, 2);
  slow.release();
  for (const i of [0, 1, 2, 4]) {
    sameBytes(await reads[i]!, CONTENT.subarray(i * 1000, (i + 1) * 1000));
  }
});

onGrounds("the memory of an aborted read is the kernel's until it lets go", async (ground) => {
  await using scene = new Scene(ground);
  const slow = new SlowKernel();
  await using context = new AioContext({ kernel: slow.kernel, entries: 64 });
  const foreign = await scene.holding(new Uint8Array(64 * 4096).fill(0xee), "r", { context });
  const file = await scene.holding(CONTENT, "r", { context });
  slow.holding = true;
  const controller = new AbortController();
  const { signal } = controller;
  const aborted = Array.from({ length: 16 }, (_, i) => foreign.readAt(i * 4096, 4096, { signal }));
  const many = foreign.readMany([0, 1, 2, 3].map((i) => ({ position: i * 4096, length: 4096 })), {
    signal,
  });
  const step = many.next();
  while (slow.held < 20) await setImmediate();
  controller.abort(REASON);
  for (const read of [...aborted, step]) await assert.rejects(read, (error) => error === REASON);

  // What is read now must not lie where the kernel is still going to write
  slow.holding = false;
  const requests = Array.from({ length: 32 }, (_, i) => ({ position: i * 4096, length: 4096 }));
  let count = 0;
  for await (const { position, bytes } of file.readMany(requests, { depth: 32 })) {
    if (count++ === 0) slow.release();
    await setImmediate();
    sameBytes(bytes, CONTENT.subarray(position, position + 4096), `at ${position}`);
  }
  assert.equal(count, 32);
});

onGrounds("closing waits for aborted reads that the kernel still has", async (ground) => {
  await using scene = new Scene(ground);
  const slow = new SlowKernel();
  await using context = new AioContext({ kernel: slow.kernel, entries: 16 });
  const file = await scene.holding(CONTENT, "r", { context });
  slow.holding = true;
  const controller = new AbortController();
  const read = file.readAt(0, 4096, { signal: controller.signal });
  while (slow.held === 0) await setImmediate();
  controller.abort(REASON);
  await assert.rejects(read);
  let closed = false;
  const closing = file.close().then(() => closed = true);
  for (let turn = 0; turn < 20; turn++) await setImmediate();
  assert.equal(closed, false);
  slow.release();
  await closing;
});

/** Bytes of memory that the process has. */
function resident(): number {
  return Number(readFileSync("/proc/self/statm", "utf8").split(" ")[1]) * 4096;
}

onGrounds("ten thousand aborted reads cost nothing", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.holding(CONTENT, "r");
  const reasons = new Map<unknown, number>();
  const round = async (count: number) => {
    for (let done = 0; done < count; done += 100) {
      const controller = new AbortController();
      const { signal } = controller;
      const reads = Array.from({ length: 100 }, (_, i) => file.readAt(i * 7919, 8192, { signal }));
      // Half of the rounds abort what is queued, half what the kernel has
      if (done % 200 === 0) await Promise.resolve();
      controller.abort(REASON);
      for (const result of await Promise.allSettled(reads)) {
        const reason = result.status === "rejected" ? result.reason : "resolved";
        reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
      }
    }
  };
  await round(2000);
  const before = resident();
  await round(10_000);
  const grown = resident() - before;
  assert.ok(grown < 48 * MIB, `${grown / MIB} MiB more`);
  assert.ok((reasons.get(REASON) ?? 0) >= 6000, `aborted: ${reasons.get(REASON)}`);
  assert.deepEqual([...reasons.keys()].filter((key) => key !== REASON && key !== "resolved"), []);
  for (let i = 0; i < 200; i++) {
    sameBytes(await file.readAt(i * 7919, 8192), CONTENT.subarray(i * 7919, i * 7919 + 8192));
  }
});

onGrounds("aborted reads give their memory back", async (ground) => {
  await using scene = new Scene(ground);
  const { kernel, allocated } = allocating();
  await using context = new AioContext({ kernel, entries: 32 });
  const file = await scene.holding(CONTENT, "r", { context });
  const round = async (turns: number) => {
    const controller = new AbortController();
    const { signal } = controller;
    const reads = Array.from({ length: 64 }, (_, i) => file.readAt(i * 7919, 8192, { signal }));
    for (let turn = 0; turn < turns; turn++) await Promise.resolve();
    controller.abort(REASON);
    await Promise.allSettled(reads);
    // When this is there, so is what the kernel had before it
    await Promise.all(Array.from({ length: 32 }, (_, i) => file.readAt(i, 1)));
  };
  for (let i = 0; i < 10; i++) await round(i % 4);
  const before = allocated.length;
  for (let i = 0; i < 200; i++) await round(i % 4);
  // The disk may hold more at once in one round than in another, but not more and more.
  const more = allocated.slice(before).reduce((sum, byteLength) => sum + byteLength, 0);
  assert.ok(more <= 2 * MIB, `${more} bytes more`);
});

onGrounds("what is no signal is a TypeError, and leaves nothing behind", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.holding(CONTENT);
  const uses: Record<string, (signal: AbortSignal) => unknown> = {
    ...Object.fromEntries(
      // These take what those of the runtime's FileHandle take.
      Object.entries(OPERATIONS).filter(([name]) => !name.endsWith("File"))
        .map(([name, use]) => [name, (signal) => use(file, signal)]),
    ),
    writeAt: (signal) => file.writeAt(0, new Uint8Array(1), { signal }),
    writeMany: (signal) => file.writeMany([], { signal }),
    readableWebStream: (signal) => file.readableWebStream({ signal }),
    "readableWebStream of a range": (signal) => file.readableWebStream({ start: 0, signal }),
  };
  for (const wrong of [1, "no", null, {}, new AbortController()]) {
    for (const [name, use] of Object.entries(uses)) {
      const failed = async (): Promise<unknown> => await use(wrong as AbortSignal);
      await assert.rejects(failed, { name: "TypeError", code: "ERR_INVALID_ARG_TYPE" }, name);
    }
  }
  // Streams that could not be made do not count.
  await file.readableWebStream().cancel();
  await file.close();
});
