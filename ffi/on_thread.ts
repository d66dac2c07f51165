/**
 * Calls of libc by a thread of their own, where the runtime's FFI knows none.
 *
 * @module
 */
import { Worker } from "node:worker_threads";
import { LIBC_NAMES } from "./runtime.ts";

/** The plainest JavaScript, so that it starts without a file of its own; `open` is the runtime's. */
const PROGRAM = `"use strict";
const { parentPort, workerData: { names, symbol, words } } =
  process.getBuiltinModule("node:worker_threads");
function open(name) { OPEN }
let libc, refusal;
for (const name of names) {
  try {
    libc = open(name);
    break;
  } catch (error) {
    refusal ??= error;
  }
}
if (libc === undefined) throw refusal;
const place = libc.errnoPlace();
const result = libc.call(words);
parentPort.postMessage(result === -1 ? -libc.errno(place) : result);
`;

/**
 * A function that has libc called by another thread.
 *
 * @param open JavaScript that opens the library `name` and returns an object with `errnoPlace()`,
 * `call(words)`, of the function `symbol`, and `errno(place)`
 * @returns See {@link Runtime.callOnThread} of runtime.ts
 */
export function inWorker(open: string): (symbol: string, words: number[]) => Promise<number> {
  const program = PROGRAM.replace("OPEN", () => open);
  return (symbol, words) =>
    new Promise((resolve, reject) => {
      const workerData = { names: LIBC_NAMES, symbol, words };
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
