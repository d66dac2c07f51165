import assert from "node:assert/strict";
import { constants } from "node:fs";
import { POLLIN } from "../../src/abi/poll.ts";
import { AioContext } from "../../mod.ts";
import { bothWays } from "../support/both_ways.ts";
import { pattern, sameBytes } from "../support/bytes.ts";
import { Pollable } from "../support/pollable.ts";
import { kernelName } from "../support/real_kernel.ts";
import { BLOCK, DISK, O_DIRECT, SHM, TempFile } from "../support/temp.ts";
import { waitFor } from "../support/wait_for.ts";
import { HANG_MILLISECONDS } from "../support/within.ts";

const BYTES = pattern(64 * BLOCK);

const FILES = {
  "memory": { parent: SHM },
  "the disk": { parent: DISK, flags: constants.O_RDONLY | O_DIRECT },
};

function queueReads(aio: AioContext<number>, fd: number, count: number): void {
  for (let i = 0; i < count; i++) {
    aio.read(fd, new Uint8Array(BLOCK), { position: BLOCK * (i % 64), data: i });
  }
}

bothWays("wait sends what is queued and returns when enough has completed", async (way) => {
  using file = new TempFile(BYTES, { flags: constants.O_RDONLY | O_DIRECT });
  await using aio = new AioContext<number>({ ...way, entries: 16 });
  queueReads(aio, file.fd, 10);
  const batch = aio.wait(10);
  assert.equal(batch.length, 10);
  for (const { res, buffer, position } of batch) {
    assert.equal(res, BLOCK);
    sameBytes(buffer, BYTES.subarray(position, position + BLOCK));
  }
});

bothWays("wait for more than the entries takes as many rounds as it needs", async (way) => {
  using file = new TempFile(BYTES, { flags: constants.O_RDONLY | O_DIRECT });
  await using aio = new AioContext<number>({ ...way, entries: 3 });
  queueReads(aio, file.fd, 50);
  const data = aio.wait(50).map((completion) => completion.data);
  assert.deepEqual(data.sort((a, b) => a - b), Array.from({ length: 50 }, (_, i) => i));
});

bothWays("wait for more than there is returns what there is", async (way) => {
  using file = new TempFile(BYTES);
  await using aio = new AioContext<number>({ ...way, entries: 8 });
  assert.equal(aio.wait(5).length, 0);
  queueReads(aio, file.fd, 3);
  assert.equal(aio.wait(1000).length, 3);
});

bothWays("wait waits for one where nothing is said", async (way) => {
  using file = new TempFile(BYTES, { flags: constants.O_RDONLY | O_DIRECT });
  await using aio = new AioContext<number>({ ...way, entries: 4 });
  queueReads(aio, file.fd, 4);
  let count = 0;
  while (count < 4) {
    const { length } = aio.wait();
    assert.ok(length >= 1);
    count += length;
  }
});

bothWays("wait for none sends what is queued and takes what is there", async (way) => {
  using file = new TempFile(BYTES, { parent: SHM });
  using fifo = new Pollable();
  await using aio = new AioContext<number>({ ...way, entries: 8 });
  aio.poll(fifo.fd, POLLIN);
  queueReads(aio, file.fd, 3);
  // What is in memory has come when the submit returns, unless this thread has to do it
  let taken = aio.wait(0).length;
  if (kernelName === "portable" && taken < 3) taken += aio.wait(3 - taken).length;
  assert.equal(taken, 3);
  assert.equal(aio.wait(0).length, 0);
  assert.equal(aio.inFlight, 1);
});

bothWays("wait gives up after its timeout, and the request goes on", async (way) => {
  using fifo = new Pollable();
  await using aio = new AioContext({ ...way, entries: 4 });
  aio.poll(fifo.fd, POLLIN, { data: "poll" });
  for (const timeout of [0, 1, 60]) {
    const end = performance.now() + timeout;
    assert.equal(aio.wait(1, { timeout }).length, 0);
    // Timers and this clock may round apart
    assert.ok(performance.now() > end - 1, "it gave up before its time");
  }
  assert.equal(aio.inFlight, 1);
  fifo.fill();
  const [completion] = waitFor(aio, 1);
  assert.deepEqual([completion!.data, completion!.res & POLLIN], ["poll", POLLIN]);
});

bothWays("wait returns fewer than asked for after its timeout", async (way) => {
  using fifo = new Pollable();
  using file = new TempFile(BYTES, { parent: SHM });
  await using aio = new AioContext<number>({ ...way, entries: 8 });
  aio.poll(fifo.fd, POLLIN);
  queueReads(aio, file.fd, 3);
  let count = 0;
  while (count < 3) count += aio.wait(4, { timeout: 20 }).length;
  assert.equal(count, 3);
});

for (const [name, options] of Object.entries(FILES)) {
  bothWays(`wait goes on over ${name} while a poll holds one of the slots`, async (way) => {
    using fifo = new Pollable();
    using file = new TempFile(BYTES, options);
    await using aio = new AioContext<number>({ ...way, entries: 3 });
    aio.poll(fifo.fd, POLLIN);
    queueReads(aio, file.fd, 20);
    // It would hang if it slept with requests still to be sent
    assert.equal(waitFor(aio, 20).length, 20);
  });
}

bothWays("wait gives no completion twice, and uses its objects again", async (way) => {
  using file = new TempFile(BYTES, { parent: SHM });
  await using aio = new AioContext<number>({ ...way, entries: 4 });
  const objects = new Set<unknown>();
  const seen: number[] = [];
  for (let round = 0; round < 100; round++) {
    aio.read(file.fd, new Uint8Array(8), { data: round });
    for (const completion of aio.wait(1)) {
      objects.add(completion);
      seen.push(completion.data);
    }
  }
  assert.deepEqual(seen, Array.from({ length: 100 }, (_, i) => i));
  assert.ok(objects.size <= 8, `${objects.size} objects`);
});

bothWays("wait during a loop is an error, and the loop goes on", async (way) => {
  using file = new TempFile(BYTES);
  await using aio = new AioContext<number>({ ...way, entries: 4 });
  queueReads(aio, file.fd, 10);
  let count = 0;
  for await (const _ of aio) {
    count++;
    assert.throws(() => aio.wait(1), { name: "Error", message: /another loop/ });
  }
  assert.equal(count, 10);
  queueReads(aio, file.fd, 1);
  assert.equal(aio.wait(1).length, 1);
});

bothWays("wait takes what a loop that was left has not", async (way) => {
  using file = new TempFile(BYTES, { parent: SHM });
  await using aio = new AioContext<number>({ ...way, entries: 16 });
  queueReads(aio, file.fd, 10);
  for await (const _ of aio) break;
  assert.equal(aio.wait(9).length, 9);
});

for (const minimum of [0, 1]) {
  bothWays(`a loop that only looks finds what it waits for (minimum ${minimum})`, async (way) => {
    using file = new TempFile(BYTES);
    await using aio = new AioContext<number>({ ...way, entries: 4 });
    queueReads(aio, file.fd, 3);
    // The event loop does not turn in between.
    const end = performance.now() + HANG_MILLISECONDS;
    let found = 0;
    while (found < 3 && performance.now() < end) found += aio.wait(minimum, { timeout: 0 }).length;
    assert.equal(found, 3);
  });
}
