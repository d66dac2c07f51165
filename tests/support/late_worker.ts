import { openSync } from "node:fs";
import process from "node:process";
import { workerData } from "node:worker_threads";
import { AioContext } from "../../mod.ts";

// The program of a worker that submits a write when its contexts have been destroyed: this listener
// is called after the one that does that.
const { path, state } = workerData as { path: string; state: Int32Array };
const fd = openSync(path, "r+");
const aio = new AioContext({ entries: 4 });
process.on("exit", () => {
  Atomics.store(state, 0, 1);
  Atomics.wait(state, 0, 1);
  aio.write(fd, new Uint8Array(100));
  if (aio.submit() === 0) Atomics.store(state, 0, 3);
});
