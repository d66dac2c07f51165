import process from "node:process";
import { parentPort, workerData } from "node:worker_threads";
import { AioContext, allocate, open } from "../../mod.ts";

/** How the worker is to end; it reads until then. */
export type End = "nothing is left" | "process.exit" | "an error" | "terminate";

// The program of a worker: a context of its own and that of all files, with requests in flight
const { path, end } = workerData as { path: string; end: End };
const context = new AioContext<never>({ entries: 16 });
const file = await open(path, "r", { direct: "try", context });
const other = await open(path, "r");
const memory = allocate(1 << 20);
let reads = 0;
let over = false;

async function reader(index: number): Promise<void> {
  while (!over) {
    const at = ((index * 7919 + reads++) % 250) * 4096;
    await file.read(memory.subarray(at, at + 4096), 0, 4096, at);
    await other.readAt(at + 1, 3000);
    if (reads === 100) parentPort!.postMessage("busy");
    if (reads < 120 || end === "terminate") continue;
    over = true;
    if (end === "process.exit") process.exit(0);
    if (end === "an error") throw new Error("The worker ends");
  }
}
await Promise.all(Array.from({ length: 32 }, (_, index) => reader(index)));
