import assert from "node:assert/strict";
import { constants } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { POLLIN } from "../../src/abi/poll.ts";
import { EINVAL } from "../../src/abi/errno.ts";
import { AioContext } from "../../mod.ts";
import type { Completion } from "../../src/context/completion.ts";
import { bothWays } from "../support/both_ways.ts";
import { pattern } from "../support/bytes.ts";
import { decorate } from "../support/decorated_kernel.ts";
import { Pollable } from "../support/pollable.ts";
import { kernelName, real } from "../support/real_kernel.ts";
import { BLOCK, DISK, O_DIRECT, SHM, TempFile } from "../support/temp.ts";

const BYTES = pattern(64 * BLOCK);

function queueReads(aio: AioContext<number>, fd: number, count: number, from = 0): void {
  for (let i = from; i < from + count; i++) {
    aio.read(fd, new Uint8Array(BLOCK), { position: BLOCK * (i % 64), data: i });
  }
}

bothWays("a loop over an empty context ends at once", async (way) => {
  await using aio = new AioContext({ ...way, entries: 4 });
  for await (const _ of aio) assert.fail("nothing was queued");
  for await (const _ of aio.batches()) assert.fail("nothing was queued");
});

bothWays("a loop ends when nothing is queued or in flight, and another can follow", async (way) => {
  using file = new TempFile(BYTES);
  await using aio = new AioContext<number>({ ...way, entries: 4 });
  for (let round = 0; round < 3; round++) {
    queueReads(aio, file.fd, 10);
    let count = 0;
    for await (const _ of aio) count++;
    assert.equal(count, 10);
    assert.deepEqual([aio.inFlight, aio.queued], [0, 0]);
  }
});

/** Waits until all that was queued is ready for the next steps of a loop. */
async function completed(aio: AioContext<number>): Promise<void> {
  while (aio.queued + aio.inFlight > 0) await sleep(1);
}

bothWays("steps that are asked for at once get a result each", async (way) => {
  using file = new TempFile(BYTES);
  await using aio = new AioContext<number>({ ...way, entries: 8 });
  queueReads(aio, file.fd, 8);
  const loop = aio[Symbol.asyncIterator]();
  const first = await loop.next();
  await completed(aio);
  // The value of the first is not taken before the others have theirs.
  const others = await Promise.all(Array.from({ length: 7 }, () => loop.next()));
  const results = [first, ...others];
  assert.deepEqual(results.map(({ done }) => done), new Array(8).fill(false));
  const all = results.map(({ value }) => (value as Completion<number>).data);
  assert.deepEqual(all.sort((a, b) => a - b), [0, 1, 2, 3, 4, 5, 6, 7]);
  assert.deepEqual(await loop.next(), { done: true, value: undefined });
});

bothWays(
  "a result of which the value was taken is used again, a completion is not",
  async (way) => {
    using file = new TempFile(BYTES);
    await using aio = new AioContext<number>({ ...way, entries: 4 });
    queueReads(aio, file.fd, 4);
    const loop = aio[Symbol.asyncIterator]();
    const completions: Completion<number>[] = [(await loop.next()).value];
    await completed(aio);
    const second = await loop.next();
    const copy = { ...second };
    assert.deepEqual(copy, { done: false, value: second.value });
    completions.push(second.value);
    const third = await loop.next();
    assert.equal(third, second);
    assert.notEqual(third.value, copy.value);
    completions.push(third.value, (await loop.next()).value);
    const all = completions.map(({ data }) => data);
    assert.deepEqual(all.sort(), [0, 1, 2, 3]);
  },
);

for (const [name, parent, flags] of [["memory", SHM, 0], ["the disk", DISK, O_DIRECT]] as const) {
  bothWays(`a loop over ${name} that is left by break loses nothing`, async (way) => {
    using file = new TempFile(BYTES, { parent, flags: constants.O_RDONLY | flags });
    await using aio = new AioContext<number>({ ...way, entries: 8 });
    queueReads(aio, file.fd, 100);
    const seen: number[] = [];
    while (seen.length < 100) {
      const before = seen.length;
      for await (const { data, res } of aio) {
        assert.equal(res, BLOCK);
        seen.push(data);
        if (seen.length % 7 === 0) break;
      }
      assert.ok(seen.length > before, "a loop brought nothing");
      if (seen.length % 21 === 0) await sleep(1);
    }
    assert.deepEqual(seen.sort((a, b) => a - b), Array.from({ length: 100 }, (_, i) => i));
  });

  bothWays(`a loop over ${name} that is left by throw loses nothing`, async (way) => {
    using file = new TempFile(BYTES, { parent, flags: constants.O_RDONLY | flags });
    await using aio = new AioContext<number>({ ...way, entries: 8 });
    queueReads(aio, file.fd, 40);
    const seen: number[] = [];
    const thrown = new Error("thrown by the test");
    const loop = async () => {
      for await (const { data } of aio) {
        seen.push(data);
        if (seen.length === 5) throw thrown;
      }
    };
    await assert.rejects(loop, (error) => error === thrown);
    assert.equal(seen.length, 5);
    for (const { data } of aio.wait(10)) seen.push(data);
    await loop();
    assert.deepEqual(seen.sort((a, b) => a - b), Array.from({ length: 40 }, (_, i) => i));
  });
}

bothWays("a second loop gets a clear error at once, and the first goes on", async (way) => {
  using file = new TempFile(BYTES);
  await using aio = new AioContext<number>({ ...way, entries: 4 });
  queueReads(aio, file.fd, 20);
  let count = 0;
  for await (const _ of aio) {
    if (++count !== 3) continue;
    for (const second of [aio, aio.batches()]) {
      await assert.rejects(async () => {
        for await (const _ of second) assert.fail("a completion of the first loop");
      }, { name: "Error", message: /another loop/ });
    }
  }
  assert.equal(count, 20);
  // The second is free to begin when the first is over
  queueReads(aio, file.fd, 1);
  for await (const _ of aio.batches()) count++;
  assert.equal(count, 21);
});

bothWays("a second loop gets its error while the first waits", async (way) => {
  using fifo = new Pollable();
  await using aio = new AioContext({ ...way, entries: 4 });
  aio.poll(fifo.fd, POLLIN);
  const first = aio[Symbol.asyncIterator]();
  const waiting = first.next();
  await sleep(5);
  await assert.rejects(aio[Symbol.asyncIterator]().next(), /another loop/);
  fifo.fill();
  assert.equal((await waiting).value!.error, undefined);
  assert.equal((await first.next()).done, true);
});

bothWays("each completion of a loop is an object of its own", async (way) => {
  using file = new TempFile(BYTES);
  await using aio = new AioContext<number>({ ...way, entries: 8 });
  const kept = new Set<Completion<number>>();
  for (let round = 0; round < 3; round++) {
    queueReads(aio, file.fd, 50, 50 * round);
    for await (const completion of aio) kept.add(completion);
  }
  assert.equal(kept.size, 150);
  // What was kept still says what it said
  const data = [...kept].map((completion) => completion.data).sort((a, b) => a - b);
  assert.deepEqual(data, Array.from({ length: 150 }, (_, i) => i));
  assert.ok([...kept].every(({ res, buffer }) => res === BLOCK && buffer.length === BLOCK));
});

bothWays("a loop waits for what comes late, while timers run", async (way) => {
  using fifo = new Pollable();
  await using aio = new AioContext({ ...way, entries: 4 });
  aio.poll(fifo.fd, POLLIN);
  let ticks = 0;
  // Nothing completes before timers have run
  const ticking = setInterval(() => ++ticks === 10 && fifo.fill(), 5);
  for await (const { res } of aio) assert.equal(res & POLLIN, POLLIN);
  clearInterval(ticking);
  assert.ok(ticks >= 10, `${ticks} ticks`);
});

bothWays("requests queued and sent from elsewhere reach a loop that waits", async (way) => {
  using fifo = new Pollable();
  using file = new TempFile(BYTES);
  await using aio = new AioContext<string>({ ...way, entries: 4 });
  aio.poll(fifo.fd, POLLIN, { data: "poll" });
  assert.equal(aio.submit(), 1);
  setTimeout(() => {
    aio.read(file.fd, new Uint8Array(1), { data: "read" });
    assert.equal(aio.submit(), 1);
  }, 20);
  const seen: string[] = [];
  for await (const { data } of aio) {
    seen.push(data);
    if (data === "read") fifo.fill();
  }
  assert.deepEqual(seen, ["read", "poll"]);
});

bothWays("an iterator that is asked by hand gives one completion for each next", async (way) => {
  using file = new TempFile(BYTES);
  await using aio = new AioContext<number>({ ...way, entries: 2 });
  queueReads(aio, file.fd, 6);
  const iterator = aio[Symbol.asyncIterator]();
  const results = await Promise.all(Array.from({ length: 6 }, () => iterator.next()));
  assert.deepEqual(
    results.map(({ done, value }) => [done, (value as Completion<number>).data]).sort(),
    [0, 1, 2, 3, 4, 5].map((data) => [false, data]),
  );
  assert.equal((await iterator.next()).done, true);
});

for (const kind of ["single", "batches"] as const) {
  bothWays(`a step that was given up takes nothing from the next loop (${kind})`, async (way) => {
    using file = new TempFile(BYTES);
    using fifo = new Pollable();
    await using aio = new AioContext<number>({ ...way, entries: 8 });
    aio.poll(fifo.fd, POLLIN, { data: 7 });
    const iterator = kind === "single" ? aio[Symbol.asyncIterator]() : aio.batches();
    const steps = [iterator.next(), iterator.next()];
    const timeout = new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal(await Promise.race([...steps, timeout]), undefined);
    assert.deepEqual(await iterator.return!(), { value: undefined, done: true });
    for (const step of steps) assert.deepEqual(await step, { value: undefined, done: true });
    fifo.fill();
    queueReads(aio, file.fd, 3);
    const found: number[] = [];
    for await (const { data } of aio) found.push(data);
    assert.deepEqual(found.sort(), [0, 1, 2, 7]);
  });
}

bothWays("a loop that fails does not lock out the next one", async (way) => {
  // Then nothing is asked for that could fail
  if (way.reap === "ring" && kernelName === "portable") return;
  let failing = true;
  const kernel = decorate({
    io_getevents(...args) {
      return failing ? -EINVAL : real.io_getevents(...args);
    },
  });
  using fifo = new Pollable();
  await using aio = new AioContext({ ...way, kernel, entries: 2, maxWait: 50 });
  fifo.fill();
  const iterator = aio[Symbol.asyncIterator]();
  // The first step begins a turn; within it the next one calls io_getevents by itself
  aio.poll(fifo.fd, POLLIN);
  failing = way.reap === "syscall" ? false : failing;
  await iterator.next();
  failing = true;
  fifo.empty();
  aio.poll(fifo.fd, POLLIN);
  await assert.rejects(iterator.next(), { code: "EINVAL", syscall: "io_getevents" });
  failing = false;
  fifo.fill();
  let count = 0;
  for await (const _ of aio) count++;
  assert.equal(count, 1);
});

bothWays("what is queued while a loop waits is sent by it", async (way) => {
  using file = new TempFile(BYTES);
  using waited = new Pollable();
  await using aio = new AioContext<string>({ ...way, entries: 4 });
  aio.poll(waited.fd, POLLIN, { data: "poll" });
  const loop = aio[Symbol.asyncIterator]();
  const step = loop.next();
  // Until then the loop has stopped looking.
  await sleep(30);
  aio.read(file.fd, new Uint8Array(BLOCK), { data: "read" });
  assert.equal((await step).value.data, "read");
  await loop.return!();
});
