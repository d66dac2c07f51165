/**
 * Calls of libc by a thread of their own: the runtime's FFI knows none, or leaves errno with it.
 *
 * @module
 */
import { Worker } from "node:worker_threads";
import { libcName } from "./runtime.ts";

/** The plainest JavaScript, so that it starts without a file of its own; `OPEN` is the runtime's. */
const PROGRAM = `"use strict";
const { parentPort, workerData: { name, symbol, words } } =
  process.getBuiltinModule("node:worker_threads");
const libc = (() => { OPEN })();
const place = libc.errnoPlace();
const result = libc.call(words);
parentPort.postMessage(result === -1 ? -libc.errno(place) : result);
`;

/**
 * A function that has libc called by another thread.
 *
 * @param open The body of a function that opens the library `name` and returns an object with
 * `errnoPlace()`, `call(words)`, of the function `symbol`, and `errno(place)`
 * @returns See {@link Runtime.callOnThread} of runtime.ts
 */
export function inWorker(open: string): (symbol: string, words: number[]) => Promise<number> {
  const program = PROGRAM.replace("OPEN", () => open);
  return (symbol, words) =>
    new Promise((resolve, reject) => {
      const workerData = { name: libcName, symbol, words };
      // A copy of the environment would be one more permission to ask for, and options of the
      // program's own could make a module of the text.
      const worker = new Worker(program, { eval: true, env: {}, execArgv: [], workerData });
      worker.once("message", resolve);
      worker.once("error", reject);
      worker.once(
        "exit",
        () => reject(new Error(`Cannot call ${symbol}: the thread for it ended`)),
      );
    });
}
