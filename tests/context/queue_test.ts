import assert from "node:assert/strict";
import { constants } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { EAGAIN, EINTR } from "../../src/abi/errno.ts";
import { POLLIN } from "../../src/abi/poll.ts";
import { AioContext } from "../../mod.ts";
import type { Completion } from "../../src/context/completion.ts";
import { allocate } from "../../src/memory/allocate.ts";
import { bothWays } from "../support/both_ways.ts";
import { pattern, sameBytes } from "../support/bytes.ts";
import { decorate } from "../support/decorated_kernel.ts";
import { Pollable } from "../support/pollable.ts";
import { real } from "../support/real_kernel.ts";
import { O_DIRECT, SHM, TempFile } from "../support/temp.ts";
import { waitFor } from "../support/wait_for.ts";

const BYTES = pattern(40_000);

/** The word that `pattern` has at each place. */
function word(buffer: Uint8Array): number {
  return new DataView(buffer.buffer, buffer.byteOffset).getUint32(0, true);
}

bothWays("10 000 reads on 8 entries complete once each, at most 8 in flight", async (way) => {
  using file = new TempFile(BYTES, { parent: SHM });
  await using aio = new AioContext<number>({ ...way, entries: 8 });
  for (let i = 0; i < 10_000; i++) {
    aio.read(file.fd, new Uint8Array(4), { position: 4 * i, data: i });
  }
  assert.deepEqual([aio.queued, aio.inFlight], [10_000, 0]);
  assert.equal(aio.submit(), 8);
  assert.deepEqual([aio.queued, aio.inFlight], [9_992, 8]);
  const seen = new Uint8Array(10_000);
  let count = 0;
  for await (const { data, res, buffer } of aio) {
    assert.ok(aio.inFlight <= 8);
    assert.equal(res, 4);
    assert.equal(word(buffer), word(BYTES.subarray(4 * data)));
    seen[data]!++;
    count++;
    assert.ok(aio.queued + aio.inFlight <= 10_000 - count);
  }
  assert.ok(seen.every((times) => times === 1));
  assert.deepEqual([aio.queued, aio.inFlight], [0, 0]);
});

bothWays("the kernel never has more than the entries, even from the disk", async (way) => {
  let outstanding = 0;
  let most = 0;
  const kernel = decorate({
    io_submit(ctx_id, nr, iocbpp) {
      const accepted = real.io_submit(ctx_id, nr, iocbpp);
      outstanding += Math.max(0, accepted);
      most = Math.max(most, outstanding);
      return accepted;
    },
  });
  using file = new TempFile(pattern(1 << 20), { flags: constants.O_RDONLY | O_DIRECT });
  await using aio = new AioContext({ ...way, kernel, entries: 5 });
  const memory = allocate(256 * 4096);
  for (let page = 0; page < 256; page++) {
    const buffer = memory.subarray(page * 4096, (page + 1) * 4096);
    aio.read(file.fd, buffer, { position: page * 4096 });
  }
  let count = 0;
  for await (const batch of aio.batches()) {
    outstanding -= batch.length;
    count += batch.length;
  }
  assert.equal(count, 256);
  // Those in completed batches that were not handed out yet count as outstanding here, no others
  assert.ok(most <= 10, `${most}`);
  sameBytes(memory, pattern(1 << 20));
});

bothWays("submit sends what is queued with one io_submit, and says how many", async (way) => {
  let calls = 0;
  const kernel = decorate({
    io_submit(...args) {
      calls++;
      return real.io_submit(...args);
    },
  });
  using file = new TempFile(BYTES);
  await using aio = new AioContext({ ...way, kernel, entries: 32 });
  for (let i = 0; i < 20; i++) aio.read(file.fd, new Uint8Array(4));
  assert.equal(calls, 0);
  assert.equal(aio.submit(), 20);
  assert.equal(calls, 1);
  assert.equal(aio.submit(), 0);
  assert.equal(calls, 1);
  assert.equal(aio.wait(20).length, 20);
  assert.equal(calls, 1);
});

bothWays("what the kernel accepts only in parts is sent in parts", async (way) => {
  const sizes: number[] = [];
  const kernel = decorate({
    io_submit(ctx_id, nr, iocbpp) {
      sizes.push(nr);
      return real.io_submit(ctx_id, Math.min(nr, 3), iocbpp);
    },
  });
  using file = new TempFile(BYTES);
  await using aio = new AioContext<number>({ ...way, kernel, entries: 8 });
  for (let i = 0; i < 8; i++) aio.read(file.fd, new Uint8Array(4), { position: 4 * i, data: i });
  assert.equal(aio.submit(), 8);
  assert.deepEqual(sizes, [8, 5, 2]);
  const seen: number[] = [];
  for await (const { data, buffer } of aio) {
    assert.equal(word(buffer), word(BYTES.subarray(4 * data)));
    seen.push(data);
  }
  assert.deepEqual(seen.sort(), [0, 1, 2, 3, 4, 5, 6, 7]);
});

bothWays("a request is not lost while the kernel has no room or is interrupted", async (way) => {
  const moods = [-EAGAIN, 0, -EINTR, -EAGAIN, 1, -EINTR, -EAGAIN, 2];
  let call = 0;
  const kernel = decorate({
    io_submit(ctx_id, nr, iocbpp) {
      const mood = moods[call++ % moods.length]!;
      return mood < 0 ? mood : real.io_submit(ctx_id, Math.min(nr, 1 + mood), iocbpp);
    },
    io_getevents(ctx_id, min_nr, nr, events, timeout) {
      if (call++ % 2 === 1) return real.io_getevents(ctx_id, min_nr, nr, events, timeout);
      // An interrupted call takes what there is, and is EINTR only if there is nothing.
      return real.io_getevents(ctx_id, 0, nr, events, 0) || -EINTR;
    },
  });
  using file = new TempFile(BYTES, { parent: SHM });
  await using aio = new AioContext<number>({ ...way, kernel, entries: 4 });
  for (let i = 0; i < 50; i++) aio.read(file.fd, new Uint8Array(4), { position: 4 * i, data: i });
  const seen = new Set<number>();
  const see = ({ data, res }: Completion<number>) => {
    assert.ok(!seen.has(data));
    assert.equal(res, 4);
    seen.add(data);
  };
  for await (const completion of aio) {
    see(completion);
    if (seen.size === 30) break;
  }
  while (seen.size < 50) waitFor(aio, Math.min(7, 50 - seen.size)).forEach(see);
  assert.deepEqual([aio.queued, aio.inFlight], [0, 0]);
});

bothWays("those who wait for a slot get it oldest first, as slots come free", async (way) => {
  using fifo = new Pollable();
  using file = new TempFile(BYTES, { parent: SHM });
  await using aio = new AioContext<string>({ ...way, entries: 2 });
  aio.poll(fifo.fd, POLLIN, { data: "poll" });
  // With one slot taken for long there is one left: the order of the others is that of the queue
  for (const data of ["a", "b", "c", "d"]) aio.read(file.fd, new Uint8Array(4), { data });
  const seen: string[] = [];
  for await (const { data } of aio) {
    seen.push(data);
    if (data === "d") fifo.fill();
  }
  assert.deepEqual(seen, ["a", "b", "c", "d", "poll"]);
});

bothWays(
  "the next step of a loop sends what is queued, though completions lie ready",
  async (way) => {
    using file = new TempFile(BYTES, { parent: SHM });
    await using aio = new AioContext<string>({ ...way, entries: 8 });
    for (let i = 0; i < 3; i++) aio.read(file.fd, new Uint8Array(4), { data: "early" });
    let step = 0;
    for await (const _ of aio) {
      if (++step === 1) aio.read(file.fd, new Uint8Array(4), { data: "late" });
      if (step !== 2) continue;
      // It would hang where only a further step sends it
      while (aio.queued > 0) await sleep(1);
    }
    assert.equal(step, 4);
  },
);

bothWays("requests queued while completions come are sent with no call of submit", async (way) => {
  using file = new TempFile(BYTES, { parent: SHM });
  await using aio = new AioContext<number>({ ...way, entries: 4 });
  let queued = 0;
  const queue = () => {
    aio.read(file.fd, new Uint8Array(4), { position: 4 * queued, data: queued });
    queued++;
  };
  queue();
  const seen: number[] = [];
  for await (const { data, buffer } of aio) {
    assert.equal(word(buffer), word(BYTES.subarray(4 * data)));
    seen.push(data);
    // Two for one, beyond the entries
    while (queued < Math.min(1000, 2 * seen.length + 1)) queue();
  }
  assert.equal(new Set(seen).size, 1000);
  assert.equal(seen.length, 1000);
});
