import { parentPort, workerData } from "node:worker_threads";
import { open } from "../../mod.ts";

// The program of a worker that waits for one read at a time: each wakes the event loop
const file = await open(workerData as string, "r", { direct: "try" });
parentPort!.postMessage("reading");
for (let index = 0;; index++) await file.readAt((index % 256) * 4096, 4096);
