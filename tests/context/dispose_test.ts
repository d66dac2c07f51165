import assert from "node:assert/strict";
import { constants, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { POLLIN } from "../../src/abi/poll.ts";
import { AioContext } from "../../mod.ts";
import { allocate } from "../../src/memory/allocate.ts";
import { bothWays } from "../support/both_ways.ts";
import { pattern, sameBytes } from "../support/bytes.ts";
import { Pollable } from "../support/pollable.ts";
import { O_DIRECT, TempFile } from "../support/temp.ts";
import { waitFor } from "../support/wait_for.ts";

const BYTES = pattern(1 << 20);

bothWays("closing waits for what is in flight", async (way) => {
  using file = new TempFile(BYTES, { flags: constants.O_RDWR | O_DIRECT });
  const aio = new AioContext({ ...way, entries: 4 });
  const bytes = allocate(1 << 20);
  bytes.set(pattern(1 << 20, 1));
  aio.write(file.fd, bytes);
  aio.submit();
  await aio[Symbol.asyncDispose]();
  assert.equal(aio.inFlight, 0);
  sameBytes(readFileSync(file.path), bytes);
});

bothWays("closing sends what is queued, and what waits for a slot", async (way) => {
  using file = new TempFile(BYTES);
  const expected = BYTES.slice();
  {
    await using aio = new AioContext({ ...way, entries: 2 });
    for (let i = 0; i < 10; i++) {
      const bytes = pattern(100, i + 1);
      aio.write(file.fd, bytes, { position: 1000 * i });
      expected.set(bytes, 1000 * i);
    }
  }
  sameBytes(readFileSync(file.path), expected);
});

bothWays("closing cancels polls: in flight, queued, and waiting for a slot", async (way) => {
  using fifo = new Pollable();
  for (const submitted of [true, false]) {
    const aio = new AioContext({ ...way, entries: 2 });
    for (let i = 0; i < 5; i++) aio.poll(fifo.fd, POLLIN);
    if (submitted) aio.submit();
    await aio[Symbol.asyncDispose]();
    assert.deepEqual([aio.inFlight, aio.queued], [0, 0]);
  }
});

bothWays("closing ends polls between which reads wait for a slot", async (way) => {
  using fifo = new Pollable();
  using file = new TempFile(BYTES);
  const aio = new AioContext({ ...way, entries: 2 });
  const buffers = Array.from({ length: 6 }, () => new Uint8Array(16));
  for (const buffer of buffers) {
    aio.poll(fifo.fd, POLLIN);
    aio.read(file.fd, buffer, { position: 5 });
  }
  aio.submit();
  await aio[Symbol.asyncDispose]();
  for (const buffer of buffers) sameBytes(buffer, BYTES.subarray(5, 21));
});

bothWays("closing ends a loop that waits for a poll", async (way) => {
  using fifo = new Pollable();
  const aio = new AioContext({ ...way, entries: 2 });
  aio.poll(fifo.fd, POLLIN);
  const codes: (string | undefined)[] = [];
  const loop = (async () => {
    for await (const { error } of aio) codes.push(error?.code);
  })();
  await sleep(10);
  await aio[Symbol.asyncDispose]();
  await loop;
  assert.deepEqual(codes, ["ECANCELED"]);
});

/** Loops over all completions of a context; `first` is called with the first that comes. */
const LOOPS: Record<string, (aio: AioContext<number>, first: () => unknown) => Promise<number[]>> =
  {
    "a loop": async (aio, first) => {
      const seen: number[] = [];
      for await (const { data, res } of aio) {
        assert.equal(res, 16);
        if (seen.push(data) === 1) await first();
      }
      return seen;
    },
    "a loop over batches": async (aio, first) => {
      const seen: number[] = [];
      for await (const batch of aio.batches()) {
        const isFirst = seen.length === 0;
        for (const { data, res } of batch) {
          assert.equal(res, 16);
          seen.push(data);
        }
        if (isFirst) await first();
      }
      return seen;
    },
  };

for (const [name, loop] of Object.entries(LOOPS)) {
  bothWays(`${name} gets all completions when the context is closed in it`, async (way) => {
    using file = new TempFile(BYTES);
    for (const count of [1, 2, 3, 100]) {
      const aio = new AioContext<number>({ ...way, entries: 2 });
      const all = Array.from({ length: count }, (_, data) => data);
      for (const data of all) aio.read(file.fd, new Uint8Array(16), { data });
      const seen = await loop(aio, () => aio[Symbol.asyncDispose]());
      assert.deepEqual(seen.sort((a, b) => a - b), all);
    }
  });

  bothWays(`${name} gets all completions when the context is closed beside it`, async (way) => {
    using file = new TempFile(BYTES);
    for (const turns of [0, 1, 2, 10]) {
      const aio = new AioContext<number>({ ...way, entries: 4 });
      const all = Array.from({ length: 50 }, (_, data) => data);
      for (const data of all) aio.read(file.fd, new Uint8Array(16), { data });
      const looping = loop(aio, () => sleep(1));
      for (let turn = 0; turn < turns; turn++) await Promise.resolve();
      await aio[Symbol.asyncDispose]();
      assert.deepEqual((await looping).sort((a, b) => a - b), all);
      // What it used is used again by the next context
      await using next = new AioContext<number>({ ...way, entries: 4 });
      next.read(file.fd, new Uint8Array(16), { data: 7 });
      assert.deepEqual(await loop(next, () => {}), [7]);
    }
  });
}

bothWays("closing twice, and at the same time, is closing once", async (way) => {
  using file = new TempFile(BYTES);
  const aio = new AioContext({ ...way, entries: 2 });
  aio.read(file.fd, new Uint8Array(8));
  aio.submit();
  await Promise.all([aio[Symbol.asyncDispose](), aio[Symbol.asyncDispose]()]);
  await aio[Symbol.asyncDispose]();
  // Had it been given back twice, two contexts would share it
  const fresh = [0, 1].map(() => new AioContext<number>({ ...way, entries: 2 }));
  fresh.forEach((context, index) => {
    context.read(file.fd, new Uint8Array(8), { data: index });
    context.submit();
  });
  for (const [index, context] of fresh.entries()) {
    assert.deepEqual(waitFor(context, 1).map(({ data }) => data), [index]);
    await context[Symbol.asyncDispose]();
  }
});

bothWays("a closed context takes nothing more, and says so", async (way) => {
  using file = new TempFile(BYTES);
  const aio = new AioContext({ ...way, entries: 2 });
  const ticket = aio.read(file.fd, new Uint8Array(8));
  await aio[Symbol.asyncDispose]();
  const closed = { name: "Error", message: /context is closed/ };
  const buffer = new Uint8Array(8);
  assert.throws(() => aio.read(file.fd, buffer), closed);
  assert.throws(() => aio.write(file.fd, buffer), closed);
  assert.throws(() => aio.readv(file.fd, [buffer]), closed);
  assert.throws(() => aio.writev(file.fd, [buffer]), closed);
  assert.throws(() => aio.fsync(file.fd), closed);
  assert.throws(() => aio.fdatasync(file.fd), closed);
  assert.throws(() => aio.poll(file.fd, POLLIN), closed);
  assert.throws(() => aio.submit(), closed);
  assert.throws(() => aio.wait(1), closed);
  assert.equal(aio.cancel(ticket), false);
});

bothWays("a context takes nothing more from the moment that closing begins", async (way) => {
  using fifo = new Pollable();
  const aio = new AioContext({ ...way, entries: 2 });
  aio.poll(fifo.fd, POLLIN);
  aio.submit();
  const closing = aio[Symbol.asyncDispose]();
  assert.throws(() => aio.read(fifo.fd, new Uint8Array(8)), /context is closed/);
  await closing;
});

bothWays(
  "completions that no loop has taken are dropped when the context is closed",
  async (way) => {
    using file = new TempFile(BYTES);
    const aio = new AioContext({ ...way, entries: 4 });
    for (let i = 0; i < 4; i++) aio.read(file.fd, new Uint8Array(8));
    aio.submit();
    await aio[Symbol.asyncDispose]();
    for await (const _ of aio) assert.fail("the context is closed");
  },
);
