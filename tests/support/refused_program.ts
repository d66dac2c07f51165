/**
 * A program that uses kaio where the kernel refuses a system call: from the beginning, or with
 * `later` for the first argument once kaio is in use. The other arguments are the call, what it
 * answers, and a file. Prints one object of JSON with what came of each use.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import process from "node:process";
import { POLLIN } from "../../src/abi/poll.ts";
import { AioContext, AioError, type AioFile, open, probe } from "../../mod.ts";
import { Fifo } from "./fifo.ts";
import { type Refusal, refuse, type Refused } from "./seccomp.ts";

const LENGTH = 100_000;
const [when, call, refusal, path] = process.argv.slice(2) as [
  "first" | "later",
  Refused,
  Refusal,
  string,
];

/** What a use of kaio came to: "works", or an error and whether it is kaio's. */
async function outcome(use: () => unknown): Promise<string> {
  try {
    await use();
    return "works";
  } catch (error) {
    if (error instanceof AioError) return `${error.code} of ${error.syscall}`;
    return error instanceof Error ? error.stack! : String(error);
  }
}

const content = readFileSync(path);

async function useFile(file: AioFile): Promise<void> {
  const blocks = Array.from({ length: 20 }, (_, index) => file.readAt(index * 5000, 5000));
  for (const [index, bytes] of (await Promise.all(blocks)).entries()) {
    if (!content.subarray(index * 5000, index * 5000 + 5000).equals(bytes)) {
      throw new Error(`Wrong bytes at ${index * 5000}`);
    }
  }
  await file.write(content.subarray(0, 7000), { position: 0, durable: true });
  await file.sync();
  let scanned = 0;
  for await (const { bytes } of file.scan({ blockSize: 4096 })) scanned += bytes.length;
  if (scanned !== LENGTH) throw new Error(`Scanned ${scanned} bytes`);
}

async function useContext(aio: AioContext, fd: number): Promise<void> {
  for (let count = 0; count < 50; count++) aio.read(fd, new Uint8Array(2000));
  for await (const { res, error } of aio) {
    if (error) throw error;
    if (res !== 2000) throw new Error(`Read ${res} bytes`);
  }
}

if (when === "first") refuse(call, refusal);
const polling = new AioContext({ entries: 8 });
using fifo = new Fifo();
const before = {
  contexts: [new AioContext({ entries: 64 }), new AioContext({ entries: 64, reap: "syscall" })],
  files: [await open(path, "r+"), await open(path, "r+", { direct: "try" })],
};
const [ring, syscall] = before.contexts as [AioContext, AioContext];
const [buffered, direct] = before.files as [AioFile, AioFile];
if (when === "later") {
  await Promise.all(before.files.map(useFile));
  await Promise.all(before.contexts.map((aio) => useContext(aio, buffered.fd)));
  refuse(call, refusal);
}
const results: Record<string, unknown> = {
  kernel: probe().kernel,
  reason: probe().reason,
  direct: direct.direct,
  context: await outcome(() => useContext(ring, buffered.fd)),
  "context by io_getevents": await outcome(() => useContext(syscall, buffered.fd)),
  wait: await outcome(() => {
    ring.read(buffered.fd, new Uint8Array(10));
    if (ring.wait(1, { timeout: 10_000 }).length === 0) throw new Error("Nothing came");
  }),
  "new context": await outcome(() => new AioContext({ entries: 77 })[Symbol.asyncDispose]()),
  file: await outcome(() => useFile(buffered)),
  "direct file": await outcome(() => useFile(direct)),
  "new file": await outcome(async () => {
    await using file = await open(path, "r+");
    await useFile(file);
  }),
  position: await outcome(async () => {
    for (let count = 0; count < 3; count++) await direct.read(new Uint8Array(512));
  }),
};
for (const file of before.files) await file.close();
results.close = await outcome(() => ring[Symbol.asyncDispose]());
results["close under a poll"] = await outcome(() => {
  polling.poll(fifo.fd, POLLIN);
  polling.submit();
  return polling.close();
});
console.log(JSON.stringify(results));
