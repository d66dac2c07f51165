import assert from "node:assert/strict";
import { constants } from "node:fs";
import { clearInterval, setInterval } from "node:timers";
import { AioContext, type AioContextOptions } from "../../mod.ts";
import { allocate } from "../../src/memory/allocate.ts";
import { bothWays } from "../support/both_ways.ts";
import { pattern } from "../support/bytes.ts";
import { bare } from "../support/decorated_kernel.ts";
import { DISK, O_DIRECT, SHM, TempFile } from "../support/temp.ts";
import { HANG_MILLISECONDS } from "../support/within.ts";

/** Ticks of a timer and reads that a loop must see before it ends. */
const TICKS = 20;
const READS = 1000;

/** Keeps 64 reads in flight in a loop until a timer has ticked beside it; hangs where it never does. */
async function untilTicks(
  options: AioContextOptions,
  file: TempFile,
  loop: (aio: AioContext, again: (buffer: Uint8Array) => void) => Promise<void>,
): Promise<void> {
  await using aio = new AioContext({ ...options, entries: 64 });
  const memory = allocate(64 * 4096);
  let reads = 0;
  let ticks = 0;
  // A loop without an end for the timer would not let the limit of the test fire, either
  const end = performance.now() + HANG_MILLISECONDS;
  const timer = setInterval(() => ticks++, 1);
  const again = (buffer: Uint8Array) => {
    reads++;
    assert.ok(performance.now() < end, `${ticks} ticks during ${reads} reads`);
    if (ticks >= TICKS && reads >= READS) return;
    aio.read(file.fd, buffer, { position: reads % 16 * 4096 });
  };
  for (let i = 0; i < 64; i++) {
    aio.read(file.fd, memory.subarray(4096 * i, 4096 * (i + 1)), { position: i % 16 * 4096 });
  }
  try {
    await loop(aio, again);
  } finally {
    clearInterval(timer);
  }
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
      await untilTicks({ ...way, maxWait }, file, loop);
    });
  }
}

bothWays("timers fire beside a loop that waits for the disk", async (way) => {
  using file = new TempFile(pattern(16 * 4096), {
    parent: DISK,
    flags: constants.O_RDONLY | O_DIRECT,
  });
  for (const maxWait of [0, 100, 2000]) {
    await untilTicks({ ...way, maxWait }, file, oneByOne);
  }
});

bothWays("a kernel with nothing that is optional works by timers, and with copies", async (way) => {
  using file = new TempFile(pattern(16 * 4096), { flags: constants.O_RDONLY | O_DIRECT });
  await untilTicks({ ...way, kernel: bare() }, file, oneByOne);
});
