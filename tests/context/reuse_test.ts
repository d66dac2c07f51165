import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { AioContext } from "../../mod.ts";
import type { Kernel } from "../../src/kernel.ts";
import { bothWays } from "../support/both_ways.ts";
import { pattern, sameBytes } from "../support/bytes.ts";
import { decorate } from "../support/decorated_kernel.ts";
import { Pollable } from "../support/pollable.ts";
import { real } from "../support/real_kernel.ts";
import { SHM, TempFile } from "../support/temp.ts";
import { waitFor } from "../support/wait_for.ts";

const BYTES = pattern(4096);

interface Counts {
  setup: number;
  destroy: number;
}

function counting(more: Partial<Kernel> = {}): [Kernel, Counts] {
  const counts = { setup: 0, destroy: 0 };
  const kernel = decorate({
    io_setup(nr_events, ctxp) {
      const errno = real.io_setup(nr_events, ctxp);
      if (errno === 0) counts.setup++;
      return errno;
    },
    io_destroy(ctx_id) {
      counts.destroy++;
      return real.io_destroy(ctx_id);
    },
    ...more,
  });
  return [kernel, counts];
}

bothWays("100 contexts of one size, one after the other, are one of the kernel", async (way) => {
  using file = new TempFile(BYTES);
  const [kernel, counts] = counting();
  for (let i = 0; i < 100; i++) {
    await using aio = new AioContext({ ...way, kernel, entries: 7 });
    const buffer = new Uint8Array(8);
    aio.read(file.fd, buffer, { position: i });
    for await (const { res } of aio) assert.equal(res, 8);
    sameBytes(buffer, BYTES.subarray(i, i + 8));
  }
  assert.deepEqual(counts, { setup: 1, destroy: 0 });
});

test("fs.aio-nr and the open descriptors do not grow with contexts that are closed", async () => {
  const account = () => real.limits()?.aioNr ?? 0;
  const descriptors = () => readdirSync("/proc/self/fd").length;
  await new AioContext({ entries: 97 })[Symbol.asyncDispose]();
  const [aioNr, open] = [account(), descriptors()];
  for (let i = 0; i < 100; i++) await new AioContext({ entries: 97 })[Symbol.asyncDispose]();
  // Half of what it would be: others on this machine have contexts of their own
  assert.ok(account() - aioNr < 50 * 97, `${account() - aioNr}`);
  assert.ok(descriptors() - open < 50, `${descriptors() - open}`);
});

bothWays("contexts that are open at the same time are each their own", async (way) => {
  using file = new TempFile(BYTES);
  const [kernel, counts] = counting();
  for (let round = 0; round < 3; round++) {
    const contexts = Array.from(
      { length: 3 },
      () => new AioContext<number>({ ...way, kernel, entries: 5 }),
    );
    contexts.forEach((aio, index) => {
      aio.read(file.fd, new Uint8Array(8), { data: index });
      aio.submit();
    });
    for (const [index, aio] of contexts.entries()) {
      for await (const { data } of aio) assert.equal(data, index);
      await aio[Symbol.asyncDispose]();
    }
  }
  assert.deepEqual(counts, { setup: 3, destroy: 0 });
});

bothWays("a context used again is not disturbed by its last owner", async (way) => {
  using file = new TempFile(BYTES, { parent: SHM });
  const [kernel, counts] = counting();
  for (let round = 0; round < 20; round++) {
    const first = new AioContext<string>({ ...way, kernel, entries: 3 });
    first.read(file.fd, new Uint8Array(8), { data: "first" });
    first.submit();
    first.wait(1);
    // No turn of the event loop from here to the requests of the second
    await first[Symbol.asyncDispose]();
    const second = new AioContext<string>({ ...way, kernel, entries: 3 });
    second.read(file.fd, new Uint8Array(8), { data: "second" });
    second.submit();
    await sleep(2);
    const seen = waitFor(second, 1).map(({ data }) => data);
    assert.deepEqual(seen, ["second"], `round ${round}`);
    await second[Symbol.asyncDispose]();
  }
  assert.equal(counts.setup, 1);
});

bothWays("a context used again after a poll was cancelled starts with nothing", async (way) => {
  using fifo = new Pollable();
  const [kernel, counts] = counting();
  for (let round = 0; round < 5; round++) {
    const aio = new AioContext({ ...way, kernel, entries: 2 });
    aio.poll(fifo.fd, 1);
    aio.submit();
    await sleep(1);
    await aio[Symbol.asyncDispose]();
    const next = new AioContext({ ...way, kernel, entries: 2 });
    assert.deepEqual([next.inFlight, next.queued], [0, 0]);
    assert.equal(next.wait(1, { timeout: 1 }).length, 0);
    for await (const _ of next) assert.fail("nothing was queued");
    await next[Symbol.asyncDispose]();
  }
  assert.equal(counts.setup, 1);
});

test("closed contexts of other sizes make room when the account is full", async () => {
  let room = 100;
  const sizes = new Map<bigint, number>();
  const [kernel, counts] = counting({
    io_setup(nr_events, ctxp) {
      if (nr_events > room) return -11;
      const errno = real.io_setup(nr_events, ctxp);
      sizes.set(ctxp[0]!, nr_events);
      room -= nr_events;
      return errno;
    },
    io_destroy(ctx_id) {
      counts.destroy++;
      room += sizes.get(BigInt(ctx_id)) ?? 0;
      return real.io_destroy(ctx_id);
    },
  });
  await new AioContext({ kernel, entries: 60 })[Symbol.asyncDispose]();
  const open = new AioContext({ kernel, entries: 30 });
  assert.equal(counts.destroy, 0);
  await using other = new AioContext({ kernel, entries: 50 });
  assert.equal(counts.destroy, 1);
  assert.equal(other.entries, 50);
  assert.throws(() => new AioContext({ kernel, entries: 21 }), { code: "EAGAIN" });
  await open[Symbol.asyncDispose]();
});

test("a context that cannot be made whole is given back to the kernel", () => {
  const [kernel, counts] = counting({
    wakeup() {
      throw new Error("Cannot make an eventfd: no file descriptor is left");
    },
  });
  assert.throws(() => new AioContext({ kernel, entries: 3 }), /no file descriptor is left/);
  assert.deepEqual(counts, { setup: 1, destroy: 1 });
});
