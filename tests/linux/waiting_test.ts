import assert from "node:assert/strict";
import { writeSync } from "node:fs";
import { test } from "node:test";
import { Fifo } from "../support/fifo.ts";
import { linuxOnly } from "../support/real_kernel.ts";
import { runScript } from "../support/script.ts";

/** More than the threads that any runtime has for calls that block. */
const WAITING = 600;

/** Waits on all contexts at once, and has the runtime do something by threads of its own meanwhile. */
const PROGRAM = `
const fifo = pollable(argument);
const contexts = Array.from({ length: ${WAITING} }, () => new AioContext({ entries: 1, maxWait: 0 }));
const loops = contexts.map(async (aio) => {
  aio.poll(fifo, abi.POLLIN);
  let count = 0;
  for await (const { res } of aio) count += res & abi.POLLIN;
  return count;
});
await new Promise((resolve) => setTimeout(resolve, 1000));
const stats = await Promise.all(Array.from({ length: 20 }, () => fs.promises.readFile("/proc/version")));
console.log(stats.length);
const counts = await Promise.all(loops);
console.log(counts.length, counts.every((count) => count === abi.POLLIN));
// A second round, as a watch is armed again and again.
contexts[7].poll(fifo, abi.POLLIN);
for await (const { res } of contexts[7]) console.log(res & abi.POLLIN);
process.exit();
`;

test(
  `${WAITING} contexts that wait leave the runtime its threads`,
  linuxOnly("waits by timers"),
  async () => {
    using fifo = new Fifo();
    const { code, stdout, stderr } = await runScript(PROGRAM, fifo.path, "ring", () => {
      writeSync(fifo.writeFd, "x");
    });
    assert.equal(code, 0, stderr);
    assert.deepEqual(stdout.split("\n"), ["20", `${WAITING} true`, "1"]);
  },
);
