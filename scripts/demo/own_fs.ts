/**
 * Reads every block of a file with the runtime's own `FileHandle.read`, some of them in flight at
 * a time, and prints figures as `kaio scan --json` does.
 *
 *     node scripts/demo/own_fs.ts FILE DEPTH direct|cached
 *
 * @module
 */
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import process from "node:process";
import { BLOCK, makeBuffers } from "../../bench/blocks.ts";

const [path, depth, mode] = process.argv.slice(2);
const direct = mode === "direct" ? constants.O_DIRECT : 0;
const file = await open(path!, constants.O_RDONLY | direct);
const { size } = await file.stat();
const buffers = makeBuffers(Number(depth));
let position = 0;
let bytes = 0;
let reads = 0;

const cpu = process.cpuUsage();
const began = performance.now();
await Promise.all(buffers.map(async (buffer) => {
  while (position < size) {
    const at = position;
    position += BLOCK;
    const { bytesRead } = await file.read(buffer, 0, BLOCK, at);
    bytes += bytesRead;
    reads++;
  }
}));
const seconds = (performance.now() - began) / 1000;
const { user, system } = process.cpuUsage(cpu);
await file.close();
console.log(JSON.stringify({
  bytes,
  megabytesPerSecond: bytes / 1e6 / seconds,
  readsPerSecond: reads / seconds,
  cpuMicrosecondsPerRead: (user + system) / reads,
}));
