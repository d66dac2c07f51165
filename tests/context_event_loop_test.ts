import assert from "node:assert/strict";
import { constants } from "node:fs";
import { clearInterval, setInterval } from "node:timers";
import { AioContext, type AioContextOptions } from "../src/context.ts";
import { allocate } from "../src/memory/allocate.ts";
import { bothWays } from "./support/both_ways.ts";
import { pattern } from "./support/bytes.ts";
import { bare } from "./support/decorated_kernel.ts";
import { DISK, O_DIRECT, SHM, TempFile } from "./support/temp.ts";

const MILLISECONDS = 250;
const TICK = 5;

/** Keeps 64 reads in flight in a loop for a quarter of a second, and counts a timer's ticks. */
async function ticksDuring(
  options: AioContextOptions,
  file: TempFile,
  loop: (aio: AioContext, again: (buffer: Uint8Array) => void) => Promise<void>,
): Promise<{ ticks: number; reads: number }> {
  await using aio = new AioContext({ ...options, entries: 64 });
  const memory = allocate(64 * 4096);
  let reads = 0;
  let ticks = 0;
  const end = performance.now() + MILLISECONDS;
  const timer = setInterval(() => ticks++, TICK);
  const again = (buffer: Uint8Array) => {
    reads++;
    if (performance.now() < end) aio.read(file.fd, buffer, { position: reads % 16 * 4096 });
  };
  for (let i = 0; i < 64; i++) {
    aio.read(file.fd, memory.subarray(4096 * i, 4096 * (i + 1)), { position: i % 16 * 4096 });
  }
  await loop(aio, again);
  clearInterval(timer);
  return { ticks, reads };
}

async function oneByOne(aio: AioContext, again: (buffer: Uint8Array) => void): Promise<void> {
  for await (const { buffer } of aio) again(buffer);
}

async function inBatches(aio: AioContext, again: (buffer: Uint8Array) => void): Promise<void> {
  for await (const batch of aio.batches()) for (const { buffer } of batch) again(buffer);
}

async function withMicrotasks(aio: AioContext, again: (buffer: Uint8Array) => void): Promise<void> {
  for await (const { buffer } of aio) {
    for (let i = 0; i < 10; i++) await Promise.resolve();
    again(buffer);
  }
}

const LOOPS = { "for await": oneByOne, "batches": inBatches, "microtasks": withMicrotasks };

for (const [name, loop] of Object.entries(LOOPS)) {
  for (const maxWait of [0, 100]) {
    bothWays(`timers fire beside a busy loop: ${name}, maxWait ${maxWait}`, async (way) => {
      using file = new TempFile(pattern(16 * 4096), { parent: SHM });
      const { ticks, reads } = await ticksDuring({ ...way, maxWait }, file, loop);
      assert.ok(ticks > MILLISECONDS / TICK / 4, `${ticks} ticks during ${reads} reads`);
      assert.ok(reads > 1000, `${reads} reads`);
    });
  }
}

bothWays("timers fire beside a loop that waits for the disk", async (way) => {
  using file = new TempFile(pattern(16 * 4096), {
    parent: DISK,
    flags: constants.O_RDONLY | O_DIRECT,
  });
  for (const maxWait of [0, 100, 2000]) {
    const { ticks, reads } = await ticksDuring({ ...way, maxWait }, file, oneByOne);
    assert.ok(ticks > MILLISECONDS / TICK / 4, `${ticks} ticks during ${reads} reads`);
    assert.ok(reads >= 64, `${reads} reads`);
  }
});

bothWays("a kernel with nothing that is optional works by timers, and with copies", async (way) => {
  using file = new TempFile(pattern(16 * 4096), { flags: constants.O_RDONLY | O_DIRECT });
  const { ticks, reads } = await ticksDuring({ ...way, kernel: bare() }, file, oneByOne);
  assert.ok(ticks > MILLISECONDS / TICK / 4, `${ticks} ticks during ${reads} reads`);
  assert.ok(reads >= 64, `${reads} reads`);
});
