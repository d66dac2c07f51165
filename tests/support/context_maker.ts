import { parentPort } from "node:worker_threads";
import { real } from "./real_kernel.ts";

// A worker that makes a context, tells its id, and ends when it is told to
const id = new BigUint64Array(1);
real.io_setup(64, id);
parentPort!.once("message", () => parentPort!.close());
parentPort!.postMessage(Number(id[0]));
