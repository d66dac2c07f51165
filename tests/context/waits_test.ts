import assert from "node:assert/strict";
import { test } from "node:test";
import { AioContext } from "../../mod.ts";
import type { Kernel } from "../../src/kernel.ts";
import { Waits } from "../../src/context/waits.ts";
import { PATIENCE_MILLISECONDS } from "../../src/tuning.ts";
import { LateKernel } from "../support/late_kernel.ts";
import { linuxOnly, real } from "../support/real_kernel.ts";
import { TempFile } from "../support/temp.ts";

const LINUX = linuxOnly("holds requests back");
const LONG = 3 * PATIENCE_MILLISECONDS;
const SHORT = PATIENCE_MILLISECONDS / 5;

/** Waits, and a clock that stands still. */
function makeWaits() {
  const clock = { time: 0 };
  const waits = new Waits(() => clock.time);
  const wait = (milliseconds: number): void => {
    waits.begin();
    clock.time += milliseconds;
    waits.end();
  };
  return { clock, waits, wait };
}

test("a wait is short until it lasts", () => {
  const { clock, waits } = makeWaits();
  assert.equal(waits.isShort, false, "nothing waits");
  waits.begin();
  assert.equal(waits.isShort, true);
  clock.time += PATIENCE_MILLISECONDS;
  waits.begin();
  assert.equal(waits.isShort, true, "a second look does not begin another");
  clock.time += 0.001;
  assert.equal(waits.isShort, false);
});

test("after long waits no wait is short, until some were", () => {
  const { waits, wait } = makeWaits();
  const isShort = (): boolean => {
    waits.begin();
    const { isShort } = waits;
    waits.forget();
    return isShort;
  };
  wait(1e6);
  assert.equal(isShort(), true, "one long wait is an exception, however long");
  let long = 1;
  for (; long < 16 && isShort(); long++) wait(LONG);
  assert.ok(long > 2 && !isShort(), `${long} long waits`);
  for (let i = 0; i < 1000; i++) wait(LONG);
  let short = 0;
  for (; short < 16 && !isShort(); short++) wait(SHORT);
  assert.ok(short > 2 && isShort(), `${short} short waits`);
});

test("what was forgotten counts as no wait", () => {
  const { clock, waits } = makeWaits();
  for (let i = 0; i < 100; i++) {
    waits.begin();
    clock.time += LONG;
    waits.forget();
    waits.end();
  }
  waits.begin();
  assert.equal(waits.isShort, true);
});

test("the thread does not sleep for what takes long", LINUX, async () => {
  const late = new LateKernel();
  let sleeps = 0;
  const kernel: Kernel = {
    ...late.kernel,
    io_getevents: (ctx_id, min_nr, nr, events, timeout) => {
      if (min_nr > 0) sleeps++;
      return real.io_getevents(ctx_id, min_nr, nr, events, timeout);
    },
  };
  late.delay = 4 * PATIENCE_MILLISECONDS;
  using file = new TempFile(new Uint8Array(8));
  await using aio = new AioContext({ entries: 1, kernel, maxWait: 100 });
  const sleepsOf = async (reads: number): Promise<number> => {
    sleeps = 0;
    for (let i = 0; i < reads; i++) {
      aio.read(file.fd, new Uint8Array(8));
      for await (const { res } of aio) assert.equal(res, 8);
    }
    return sleeps;
  };
  assert.notEqual(await sleepsOf(4), 0);
  await sleepsOf(16);
  assert.equal(await sleepsOf(4), 0);
});
