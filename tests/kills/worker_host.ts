import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { clearTimeout, setTimeout } from "node:timers";
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { AioContext, allocate, open } from "../../mod.ts";
import { chosenKernel as kernel } from "../soak/kernel.ts";
import { aioNr } from "../soak/vitals.ts";
import { pattern, sameBytes } from "../support/bytes.ts";
import { Random } from "../support/random.ts";
import { TempFolder } from "../support/temp.ts";
import { HANG_MILLISECONDS } from "../support/within.ts";

// worker_host.ts COUNT SEED: terminates workers that have requests in flight, and looks whether
// anybody else's memory or requests suffer
const [count, seed] = process.argv.slice(2) as [string, string];
const random = new Random(Number(seed));
const LENGTH = 1 << 20;

using folder = new TempFolder();
const path = folder.join("workers");
const own = folder.join("own");
const content = pattern(LENGTH, 0x11);
writeFileSync(path, new Uint8Array(LENGTH).fill(0xaa));
writeFileSync(own, content);

const context = new AioContext<never>({ entries: 16, ...(kernel && { kernel }) });
await using file = await open(own, "r+", { direct: "try", context });
const memory = allocate(LENGTH);
memory.set(pattern(LENGTH, 0x22));
const heap = pattern(LENGTH, 0x33);
const before = aioNr();

for (let round = 1; round <= Number(count); round++) {
  const worker = new Worker(new URL("worker.ts", import.meta.url), { workerData: { path } });
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("The worker does nothing")), HANG_MILLISECONDS);
    worker.on("error", reject);
    worker.on("message", () => {
      clearTimeout(timer);
      resolve();
    });
  });
  const reads = Array.from({ length: 32 }, (_, index) => file.readAt(index * 32_000, 32_000));
  await sleep(random.below(20));
  await worker.terminate();
  for (const [index, read] of (await Promise.all(reads)).entries()) {
    sameBytes(read, content.subarray(index * 32_000, (index + 1) * 32_000), "the host's reads");
  }
  await file.write(memory, 0, LENGTH, 0);
  sameBytes(await file.readAt(0, LENGTH), pattern(LENGTH, 0x22), "the host's writes");
  await file.write(content, 0, LENGTH, 0);
  sameBytes(memory, pattern(LENGTH, 0x22), "the host's memory");
  sameBytes(heap, pattern(LENGTH, 0x33), "the host's heap");
  if (round % 5 === 0) console.log(`${round} workers terminated, fs.aio-nr ${aioNr()}`);
}
assert.ok(readFileSync(path).every((byte) => byte === 0xaa), "the workers' file");
console.log(`fs.aio-nr: ${before} before the workers, ${aioNr()} after them`);
await file.close();
await context[Symbol.asyncDispose]();
