import assert from "node:assert/strict";
import { test } from "node:test";
import { runFileScript } from "../support/file_script.ts";
import { linuxOnly } from "../support/real_kernel.ts";
import { TempFolder } from "../support/temp.ts";

const LINUX = linuxOnly("its contexts have no descriptors");

/** What the programs have in common: `fill` leaves no descriptor, or so many. */
const HEAD = `
import { closeSync, openSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
const taken = [];
// Deno takes the descriptors to be told of signals at the first listener, or half a second after the
// start for one of its own; without descriptors by then it panics.
process.on("SIGUSR2", () => {});
function fill(left = 0) {
  try {
    while (true) taken.push(openSync("/dev/null", "r"));
  } catch {
    while (left-- > 0) closeSync(taken.pop());
  }
}
`;

/** Runs a program that may have a hundred descriptors; what it prints. */
async function run(program: string): Promise<string> {
  using folder = new TempFolder();
  const options = { argument: folder.join("file"), descriptors: 100 };
  const { code, signal, stdout, stderr } = await runFileScript(HEAD + program, options);
  assert.deepEqual([code, signal], [0, null], `${stdout}\n${stderr}`);
  return stdout;
}

test("a worker may end while no descriptor is left", LINUX, async () => {
  const printed = await run(`
const aio = new AioContext({ entries: 4 });
const worker = new Worker(
  'const { parentPort } = require("node:worker_threads");' +
    'parentPort.once("message", () => process.exit(0)); parentPort.postMessage("up");',
  { eval: true },
);
await new Promise((resolve) => worker.once("message", resolve));
worker.on("exit", () => fill());
fill();
worker.postMessage("end");
// The contexts of a worker are looked for until a second after its end.
await sleep(1500);
for (const fd of taken) closeSync(fd);
await aio.close();
console.log("alive");
process.exit(0);
`);
  assert.equal(printed, "alive");
});

test("a sync that takes a while comes back though no descriptor is left", LINUX, async () => {
  const printed = await run(`
const file = await open(argument, "w+");
await file.write("first", 0);
await file.sync();
const bytes = new Uint8Array(1 << 20);
for (let at = 0; at < 40; at++) await file.write(bytes, 0, bytes.length, at << 20);
await sleep(100);
fill();
await file.sync();
for (const fd of taken) closeSync(fd);
await file.close();
console.log("synced");
`);
  assert.equal(printed, "synced");
});

test(
  "contexts of many sizes, each closed before the next, need one descriptor",
  LINUX,
  async () => {
    const printed = await run(`
for (let entries = 1; entries <= 150; entries++) {
  const aio = new AioContext({ entries });
  await aio.close();
}
console.log("made");
`);
    assert.equal(printed, "made");
  },
);

test("allocate without a descriptor for a thread is EMFILE", LINUX, async () => {
  const printed = await run(`
const file = await open(argument, "w+");
for (const left of [0, 4]) {
  fill(left);
  const error = await file.allocate(0, 4096).catch((error) => error);
  console.log(error?.name, error?.code);
}
for (const fd of taken) closeSync(fd);
await file.allocate(0, 4096);
console.log((await file.stat()).size);
await file.close();
`);
  assert.equal(printed, "AioError EMFILE\nAioError EMFILE\n4096");
});
