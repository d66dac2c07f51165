import { parentPort, workerData } from "node:worker_threads";
import { AioContext, allocate, open } from "../../mod.ts";
import { chosenKernel as kernel } from "../soak/kernel.ts";

// Reads and writes until it is terminated: never waits for one before it begins the next
const { path } = workerData as { path: string };
const LENGTH = 1 << 20;

const context = new AioContext<never>({ entries: 16, ...(kernel && { kernel }) });
const file = await open(path, "r+", { direct: "try", context });
const memory = allocate(LENGTH).fill(0xaa);
let count = 0;
async function reader(index: number): Promise<void> {
  while (true) {
    const at = ((index * 7919 + count++) % 250) * 4096;
    const piece = memory.subarray(at, at + 4096);
    await file.read(piece, 0, 4096, at);
    await file.readAt(at + 1, 3000);
    await file.write(piece, 0, 4096, at);
    if (count === 100) parentPort!.postMessage("busy");
  }
}
await Promise.all(Array.from({ length: 32 }, (_, index) => reader(index)));
