import assert from "node:assert/strict";
import { constants, readFileSync } from "node:fs";
import { POLLIN } from "../../src/abi/poll.ts";
import { AioContext } from "../../mod.ts";
import { allocate } from "../../src/memory/allocate.ts";
import { bothWays } from "../support/both_ways.ts";
import { pattern, sameBytes } from "../support/bytes.ts";
import { outcome } from "../support/outcome.ts";
import { Pollable } from "../support/pollable.ts";
import { O_DIRECT, SHM, TempFile } from "../support/temp.ts";

const BYTES = pattern(1 << 20);

bothWays("a queued request that is cancelled completes so, and is not sent", async (way) => {
  using file = new TempFile(BYTES);
  await using aio = new AioContext<string>({ ...way, entries: 8 });
  aio.read(file.fd, new Uint8Array(8), { data: "before" });
  const write = aio.write(file.fd, new Uint8Array(8), { data: "write" });
  const readv = aio.readv(file.fd, [new Uint8Array(8)], { data: "readv" });
  aio.read(file.fd, new Uint8Array(8), { data: "after" });
  assert.equal(aio.cancel(write), true);
  assert.equal(aio.cancel(readv), true);
  assert.equal(aio.cancel(write), false);
  assert.equal(aio.queued, 2);
  assert.equal(aio.submit(), 2);
  assert.deepEqual(await outcome(aio), {
    before: 8,
    write: "ECANCELED",
    readv: "ECANCELED",
    after: 8,
  });
  sameBytes(readFileSync(file.path), BYTES);
});

bothWays("the error of a cancelled request says what it was", async (way) => {
  using file = new TempFile(BYTES);
  await using aio = new AioContext({ ...way, entries: 8 });
  const buffer = new Uint8Array(8);
  aio.cancel(aio.read(file.fd, buffer, { position: 77 }));
  const [completion] = aio.wait(1);
  assert.equal(completion!.res, -125);
  assert.equal(completion!.buffer, buffer);
  const { code, errno, syscall, fd, position, length } = completion!.error!;
  assert.deepEqual(
    { code, errno, syscall, fd, position, length },
    { code: "ECANCELED", errno: -125, syscall: "pread", fd: file.fd, position: 77, length: 8 },
  );
});

bothWays(
  "a request that waits for a slot is cancelled, the others keep their turn",
  async (way) => {
    using file = new TempFile(BYTES, { parent: SHM });
    await using aio = new AioContext<string>({ ...way, entries: 1 });
    const tickets = Array.from(
      { length: 8 },
      (_, i) => aio.read(file.fd, new Uint8Array(8), { data: `${i}` }),
    );
    for (const i of [7, 1, 4]) assert.equal(aio.cancel(tickets[i]!), true);
    assert.equal(aio.cancel(tickets[4]!), false);
    assert.equal(aio.queued, 5);
    const seen = await outcome(aio);
    assert.deepEqual(seen, {
      0: 8,
      1: "ECANCELED",
      2: 8,
      3: 8,
      4: "ECANCELED",
      5: 8,
      6: 8,
      7: "ECANCELED",
    });
    for (const ticket of tickets) assert.equal(aio.cancel(ticket), false);
  },
);

bothWays("the right request is cancelled in a long queue that moves on", async (way) => {
  using file = new TempFile(BYTES, { parent: SHM });
  await using aio = new AioContext<number>({ ...way, entries: 8 });
  const TOTAL = 6000;
  const tickets = Array.from(
    { length: TOTAL },
    (_, data) => aio.read(file.fd, new Uint8Array(8), { data }),
  );
  const cancelled = new Set<number>();
  const seen = new Set<number>();
  let last = 0;
  for await (const { data, error } of aio) {
    assert.ok(!seen.has(data));
    assert.equal(error?.code, cancelled.has(data) ? "ECANCELED" : undefined, `${data}`);
    seen.add(data);
    // Far enough behind all that began to be still waiting, whatever part of the queue was cut off
    // by now. A thread that does one read may stand still while the others do a thousand.
    if (!error) last = Math.max(last, data);
    const other = last + 700;
    if (data % 100 !== 0 || error || cancelled.has(other) || other >= TOTAL) continue;
    assert.equal(aio.cancel(tickets[other]!), true);
    cancelled.add(other);
  }
  assert.equal(seen.size, TOTAL);
  assert.ok(cancelled.size >= 20);
});

bothWays("cancelling a queued request makes room for one that waits", async (way) => {
  using file = new TempFile(BYTES, { parent: SHM });
  await using aio = new AioContext<string>({ ...way, entries: 2 });
  const first = aio.read(file.fd, new Uint8Array(8), { data: "first" });
  aio.read(file.fd, new Uint8Array(8), { data: "second" });
  aio.read(file.fd, new Uint8Array(8), { data: "third" });
  assert.equal(aio.cancel(first), true);
  assert.equal(aio.submit(), 2);
  assert.deepEqual(await outcome(aio), { first: "ECANCELED", second: 8, third: 8 });
});

bothWays("all can be cancelled, queued and waiting", async (way) => {
  using file = new TempFile(BYTES);
  await using aio = new AioContext<string>({ ...way, entries: 3 });
  for (let round = 0; round < 5; round++) {
    const tickets = Array.from(
      { length: 10 },
      (_, i) => aio.read(file.fd, new Uint8Array(8), { data: `${i}` }),
    );
    for (const ticket of tickets) assert.equal(aio.cancel(ticket), true);
    assert.deepEqual([aio.queued, aio.inFlight], [0, 0]);
    const seen = await outcome(aio);
    assert.equal(Object.keys(seen).length, 10);
    assert.ok(Object.values(seen).every((code) => code === "ECANCELED"));
  }
});

bothWays("a submitted poll is cancelled, and its slot serves again", async (way) => {
  using fifo = new Pollable();
  using file = new TempFile(BYTES);
  await using aio = new AioContext<string>({ ...way, entries: 1 });
  for (let round = 0; round < 10; round++) {
    const ticket = aio.poll(fifo.fd, POLLIN, { data: "poll" });
    aio.read(file.fd, new Uint8Array(8), { data: "read" });
    assert.equal(aio.submit(), 1);
    assert.equal(aio.cancel(ticket), true);
    assert.equal(aio.cancel(ticket), false);
    assert.deepEqual(await outcome(aio), { poll: "ECANCELED", read: 8 });
    assert.equal(aio.cancel(ticket), false);
  }
});

bothWays("a poll that is cancelled while a loop waits for it ends the loop", async (way) => {
  using fifo = new Pollable();
  await using aio = new AioContext<string>({ ...way, entries: 4 });
  const ticket = aio.poll(fifo.fd, POLLIN, { data: "poll" });
  setTimeout(() => assert.equal(aio.cancel(ticket), true), 20);
  assert.deepEqual(await outcome(aio), { poll: "ECANCELED" });
});

bothWays("a poll that became ready is not cancelled", async (way) => {
  using fifo = new Pollable();
  await using aio = new AioContext<string>({ ...way, entries: 4 });
  const ticket = aio.poll(fifo.fd, POLLIN, { data: "poll" });
  aio.submit();
  fifo.fill();
  assert.equal(aio.cancel(ticket), false);
  const { poll } = await outcome(aio);
  assert.equal(Number(poll) & POLLIN, POLLIN);
});

bothWays("a submitted read or write is not cancelled, and completes", async (way) => {
  using file = new TempFile(BYTES, { flags: constants.O_RDWR | O_DIRECT });
  await using aio = new AioContext<string>({ ...way, entries: 4 });
  const buffer = allocate(1 << 19);
  const tickets = [
    aio.read(file.fd, buffer, { data: "read" }),
    aio.write(file.fd, pattern(4096, 1), { position: 1 << 19, data: "write" }),
    aio.fsync(file.fd, { data: "fsync" }),
  ];
  assert.equal(aio.submit(), 3);
  for (const ticket of tickets) assert.equal(aio.cancel(ticket), false);
  assert.deepEqual(await outcome(aio), { read: 1 << 19, write: 4096, fsync: 0 });
  sameBytes(buffer, BYTES.subarray(0, 1 << 19));
  for (const ticket of tickets) assert.equal(aio.cancel(ticket), false);
});

bothWays("a ticket that never was is not cancelled", async (way) => {
  using file = new TempFile(BYTES);
  await using aio = new AioContext<string>({ ...way, entries: 2 });
  aio.read(file.fd, new Uint8Array(8), { data: "read" });
  for (const ticket of [0, -1, 2, 1.5, NaN, Infinity]) {
    assert.equal(aio.cancel(ticket), false, `${ticket}`);
  }
  assert.deepEqual(await outcome(aio), { read: 8 });
});

bothWays("cancelled requests keep the objects of batches few", async (way) => {
  using file = new TempFile(BYTES, { parent: SHM });
  await using aio = new AioContext<string>({ ...way, entries: 4 });
  const objects = new Set<unknown>();
  for (let round = 0; round < 100; round++) {
    aio.cancel(aio.read(file.fd, new Uint8Array(8)));
    aio.read(file.fd, new Uint8Array(8));
    for (const completion of aio.wait(2)) objects.add(completion);
  }
  assert.ok(objects.size <= 8, `${objects.size} objects`);
});
