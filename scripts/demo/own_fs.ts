/**
 * Reads every block of a file with the runtime's own `FileHandle.read`, some of them in flight at
 * a time, and prints the figures that `kaio scan --json` prints.
 *
 *     node scripts/demo/own_fs.ts FILE BLOCK DEPTH direct|cached
 *
 * @module
 */
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import process from "node:process";
import { allocate } from "../../mod.ts";

const [path, blockText, depthText, mode] = process.argv.slice(2);
const block = Number(blockText);
const depth = Number(depthText);
const direct = mode === "direct" ? constants.O_DIRECT : 0;
const file = await open(path!, constants.O_RDONLY | direct);
const { size } = await file.stat();
// Page-aligned, as O_DIRECT wants it
const memory = allocate(block * depth);
let position = 0;
let bytes = 0;
let reads = 0;

async function readOn(slot: number): Promise<void> {
  const buffer = memory.subarray(slot * block, (slot + 1) * block);
  while (position < size) {
    const at = position;
    position += block;
    const { bytesRead } = await file.read(buffer, 0, block, at);
    bytes += bytesRead;
    reads++;
  }
}

const cpu = process.cpuUsage();
const began = performance.now();
await Promise.all(Array.from({ length: depth }, (_, slot) => readOn(slot)));
const seconds = (performance.now() - began) / 1000;
const { user, system } = process.cpuUsage(cpu);
await file.close();
console.log(JSON.stringify({
  bytes,
  reads,
  seconds,
  megabytesPerSecond: bytes / 1e6 / seconds,
  readsPerSecond: reads / seconds,
  cpuMicrosecondsPerRead: (user + system) / reads,
}));
