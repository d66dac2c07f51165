import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { AioContext } from "../../mod.ts";
import { POLLIN } from "../../src/abi/poll.ts";
import { allocate } from "../../src/memory/allocate.ts";
import { open } from "../../mod.ts";
import { pattern, sameBytes } from "../support/bytes.ts";
import { runFileScript, RUNTIME } from "../support/file_script.ts";
import { Pollable } from "../support/pollable.ts";
import { linuxOnly, real } from "../support/real_kernel.ts";
import { TempFile } from "../support/temp.ts";
import { within } from "../support/within.ts";
import type { End } from "../support/working_worker.ts";

const LENGTH = 1 << 20;
const BYTES = pattern(LENGTH);
const WORKERS = 3;

/**
 * Where the contexts of this process lie: each is a mapping of that name. fs.aio-nr counts those of
 * other processes, too.
 */
function contexts(): string[] {
  const lines = readFileSync("/proc/self/maps", "utf8").split("\n");
  return lines.filter((line) => line.includes("/[aio]")).map((line) => line.split("-")[0]!);
}

/** Runs a worker to its end. */
async function work(path: string, end: End): Promise<void> {
  const worker = new Worker(new URL("../support/working_worker.ts", import.meta.url), {
    workerData: { path, end },
  });
  const failure = new Promise<void>((_, reject) => {
    worker.on("error", (error) => end === "an error" || reject(error));
  });
  const ended = new Promise<void>((resolve) => worker.on("exit", () => resolve()));
  const busy = new Promise<void>((resolve) => worker.on("message", () => resolve()));
  await within(Promise.race([busy, failure]));
  if (end === "terminate") {
    await sleep(Math.random() * 5);
    await worker.terminate();
  }
  await within(Promise.race([ended, failure]));
}

const reason = linuxOnly("contexts are memory of the thread, and end with it");

for (const end of ["nothing is left", "process.exit", "an error", "terminate"] as const) {
  test(`no context stays behind when workers end: ${end}`, reason, async () => {
    using file = new TempFile(BYTES);
    await using context = new AioContext({ entries: 16 });
    await using opened = await open(file.path, "r+", { direct: "try", context });
    const memory = allocate(LENGTH);
    memory.set(BYTES);
    const before = new Set(contexts());
    assert.ok(before.size > 0);
    for (let round = 0; round < WORKERS; round++) {
      const reads = Array.from({ length: 32 }, (_, index) => opened.readAt(index * 30_000, 30_000));
      await work(file.path, end);
      for (const [index, bytes] of (await Promise.all(reads)).entries()) {
        sameBytes(bytes, BYTES.subarray(index * 30_000, (index + 1) * 30_000));
      }
      sameBytes(memory, BYTES);
      sameBytes(await opened.readAt(0, LENGTH), BYTES);
    }
    // The last thread may end a little after its worker
    const left = () => contexts().filter((context) => !before.has(context));
    await within((async () => {
      while (left().length > 0) await sleep(10);
    })());
  });
}

test("a worker may be terminated just when a completion wakes it", reason, async () => {
  using file = new TempFile(BYTES);
  for (let round = 0; round < 10; round++) {
    const program = new URL("../support/waiting_worker.ts", import.meta.url);
    const worker = new Worker(program, { workerData: file.path });
    await within(new Promise((resolve) => worker.once("message", resolve)));
    await sleep(Math.random() * 5);
    await within(worker.terminate());
  }
});

test(
  "a worker that ends leaves alone what has the id of a context it once made",
  reason,
  async (t) => {
    const worker = new Worker(new URL("../support/context_maker.ts", import.meta.url));
    const theirs = await within(new Promise<number>((resolve) => worker.on("message", resolve)));
    assert.equal(real.io_destroy(theirs), 0);
    // The kernel gives the highest gap that is large enough, and other threads may have left some.
    const others: number[] = [];
    const setup = (): number => {
      const id = new BigUint64Array(1);
      assert.equal(real.io_setup(64, id), 0);
      return Number(id[0]);
    };
    let made = 0;
    while (others.length < 50 && (made = setup()) !== theirs) others.push(made);
    const ended = new Promise((resolve) => worker.on("exit", resolve));
    worker.postMessage("end");
    await within(ended);
    for (const id of others) real.io_destroy(id);
    if (made !== theirs) return t.skip("another thread has the memory where it lay");
    assert.equal(real.io_destroy(theirs), 0, "it lives");
  },
);

test("a Web Worker may end beside a context", {
  skip: reason.skip || (RUNTIME === "bun" ? false : "only Bun tells node:process of Web Workers"),
}, async () => {
  const { code, stdout, stderr } = await runFileScript(`
const aio = new AioContext({ entries: 4 });
const program = new Blob(["postMessage('hi')"], { type: "text/javascript" });
const worker = new Worker(URL.createObjectURL(program));
const { data } = await new Promise((resolve) => worker.onmessage = resolve);
worker.terminate();
await aio.close();
console.log(data);
`);
  assert.deepEqual([code, stdout], [0, "hi"], stderr);
});

test("what a worker submits after its contexts were destroyed goes nowhere", reason, async () => {
  using file = new TempFile(BYTES);
  await using first = new AioContext({ entries: 1 });
  assert.equal(first.inFlight, 0);
  // 0: the worker runs, 1: its contexts are destroyed, 2: others have their ids.
  const state = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(new URL("../support/late_worker.ts", import.meta.url), {
    workerData: { path: file.path, state },
  });
  const ended = new Promise<unknown>((resolve) => {
    worker.on("error", resolve).on("exit", () => resolve("ended"));
  });
  await within((async () => {
    while (Atomics.load(state, 0) === 0) await sleep(5);
  })());
  using fifo = new Pollable();
  const contexts = Array.from({ length: 30 }, () => new AioContext({ entries: 4 }));
  for (const context of contexts) {
    context.poll(fifo.fd, POLLIN);
    context.submit();
  }
  Atomics.store(state, 0, 2);
  Atomics.notify(state, 0);
  assert.equal(await within(ended), "ended");
  assert.equal(Atomics.load(state, 0), 3, "the worker's requests were refused");
  for (const context of contexts) {
    assert.deepEqual([...context.wait(1, { timeout: 10 })], []);
    await context.close();
  }
});

for (const end of ["terminate", "process.exit"]) {
  test(`a worker that waits for a completion can be ended: ${end}`, reason, async () => {
    const { code, stdout, stderr } = await runFileScript(
      `
import { Worker } from "node:worker_threads";
const worker = new Worker(new URL(${
        JSON.stringify(new URL("../support/blocked_worker.ts", import.meta.url))
      }));
await new Promise((resolve) => worker.once("message", resolve));
if (argument === "terminate") await worker.terminate();
console.log("ended");
process.exit(0);
`,
      { argument: end },
    );
    assert.deepEqual([code, stdout], [0, "ended"], stderr);
  });
}
