/**
 * Shows that memory stays flat: ten million reads in batches, RSS and heap looked at all the way.
 *
 * Usage: `bun bench/memory.ts [READS]`, `deno run -A --v8-flags=--expose-gc bench/memory.ts`,
 * `node --expose-gc bench/memory.ts`. Ends with 1 if RSS grew by more than 16 MiB after warm-up.
 *
 * @module
 */
import { constants } from "node:fs";
import process from "node:process";
import { AioContext } from "../mod.ts";
import { SHM, TempFile } from "../tests/support/temp.ts";
import { BLOCK, makeBuffers } from "./blocks.ts";

const BLOCKS = 4096;
const DEPTH = 64;
const STEPS = 10;
const ALLOWED_GROWTH = 16 * 2 ** 20;

const reads = Number(process.argv[2] ?? 10_000_000);
using file = new TempFile(new Uint8Array(BLOCK * BLOCKS), {
  parent: SHM,
  flags: constants.O_RDONLY | constants.O_DIRECT,
});
await using aio = new AioContext<number>({ entries: DEPTH });
const buffers = makeBuffers(DEPTH);
let failed = false;
await readMany(reads / STEPS);
const before = look("after warm-up");
for (let step = 1; step <= STEPS; step++) {
  await readMany(reads / STEPS);
  const now = look(`${step * reads / STEPS} reads`);
  if (now - before > ALLOWED_GROWTH) failed = true;
}
console.log(failed ? "RSS grew by more than 16 MiB" : "RSS stayed within 16 MiB");
process.exitCode = failed ? 1 : 0;

async function readMany(count: number): Promise<void> {
  let queued = 0;
  const queue = (slot: number) => {
    aio.read(file.fd, buffers[slot]!, { position: (queued++ % BLOCKS) * BLOCK, data: slot });
  };
  for (let slot = 0; slot < DEPTH; slot++) queue(slot);
  for await (const batch of aio.batches()) {
    for (const { res, error, data } of batch) {
      if (res !== BLOCK) throw error ?? new Error(`Read ${res} bytes`);
      if (queued < count) queue(data);
    }
  }
}

/** Collects garbage where the runtime lets us, and prints what is left. */
function look(name: string): number {
  const runtime = globalThis as { gc?: () => void; Bun?: { gc(force: boolean): void } };
  if (runtime.Bun !== undefined) runtime.Bun.gc(true);
  else runtime.gc?.();
  const { rss, heapUsed } = process.memoryUsage();
  const mebibytes = (bytes: number) => (bytes / 2 ** 20).toFixed(2).padStart(7);
  console.log(`${name.padEnd(16)} RSS ${mebibytes(rss)} MiB, heap ${mebibytes(heapUsed)} MiB`);
  return rss;
}
