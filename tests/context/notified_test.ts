import assert from "node:assert/strict";
import { setImmediate, setTimeout } from "node:timers/promises";
import { AioContext, open } from "../../mod.ts";
import { internalsOf } from "../../src/context/aio_context.ts";
import { POLLIN } from "../../src/syscalls.ts";
import { bothWays } from "../support/both_ways.ts";
import { bare } from "../support/decorated_kernel.ts";
import { Fifo } from "../support/fifo.ts";
import { collectGarbage } from "../support/gc.ts";
import { Pollable } from "../support/pollable.ts";
import { kernelName, real } from "../support/real_kernel.ts";
import { SHM, TempFile } from "../support/temp.ts";
import { waitFor } from "../support/wait_for.ts";
import { within } from "../support/within.ts";

/** Takes all completions of a context; what their requests carried. */
async function takeAll(aio: AioContext<string>): Promise<string[]> {
  const seen: string[] = [];
  for await (const { data } of aio) seen.push(data);
  return seen;
}

bothWays("a loop is told of a completion that the read of a file took on the way", async (way) => {
  using fifo = new Pollable();
  using temp = new TempFile(new Uint8Array(4096), { parent: SHM });
  await using aio = new AioContext<string>({ ...way, entries: 8, maxWait: 0 });
  await using file = await open(temp.path, "r", { context: aio as AioContext });
  aio.poll(fifo.fd, POLLIN, { data: "poll" });
  const loop = takeAll(aio);
  await setTimeout(20);
  file.readAt(0, 1);
  for (let turn = 0; turn < 5; turn++) await setImmediate();
  fifo.fill();
  assert.equal((await file.readAt(0, 10)).length, 10);
  assert.deepEqual(await within(loop), ["poll"]);
});

bothWays("a loop that waits is told of what the kernel refuses in a submit", async (way) => {
  using fifo = new Pollable();
  await using aio = new AioContext<string>({ ...way, entries: 8 });
  aio.poll(fifo.fd, POLLIN, { data: "poll" });
  const steps = aio[Symbol.asyncIterator]();
  const step = steps.next();
  // On a busy machine the timer may come before the turn that sends the poll.
  while (aio.inFlight === 0) await setTimeout(20);
  aio.read(0x7ffffff0, new Uint8Array(10), { data: "refused" });
  assert.equal(aio.submit(), 0);
  assert.equal((await within(step)).value.data, "refused");
  await steps.return!();
});

bothWays("a loop that waits is told of what is cancelled", async (way) => {
  using fifo = new Pollable();
  await using aio = new AioContext<string>({ ...way, entries: 1 });
  aio.poll(fifo.fd, POLLIN, { data: "poll" });
  const steps = aio[Symbol.asyncIterator]();
  const step = steps.next();
  // On a busy machine the timer may come before the turn that sends the poll.
  while (aio.inFlight === 0) await setTimeout(20);
  assert.ok(aio.cancel(aio.read(fifo.fd, new Uint8Array(10), { data: "cancelled" })));
  assert.equal((await within(step)).value.data, "cancelled");
  await steps.return!();
});

bothWays("wait does not count what files have in flight", async (way) => {
  using fifo = new Fifo();
  using temp = new TempFile(new Uint8Array(4096));
  await using aio = new AioContext<string>({ ...way, entries: 8 });
  await using pipe = await open(fifo.path, "r", { context: aio as AioContext });
  const pending = pipe.read(new Uint8Array(1));
  await setTimeout(20);
  aio.read(temp.fd, new Uint8Array(8), { data: "own" });
  // A wait that counts the pipe would hang
  assert.deepEqual(waitFor(aio, 2).map(({ data }) => data), ["own"]);
  fifo.fill();
  assert.equal((await pending).bytesRead, 1);
});

bothWays("a loop that is always behind keeps nothing of what it has seen", async (way) => {
  using temp = new TempFile(new Uint8Array(4096), { parent: SHM });
  await using aio = new AioContext<object>({ ...way, entries: 8 });
  const { core } = internalsOf(aio as AioContext);
  const first: WeakRef<object>[] = [];
  const queue = () => {
    const data = {};
    if (first.length < 100) first.push(new WeakRef(data));
    aio.read(temp.fd, new Uint8Array(8), { data });
  };
  for (let i = 0; i < 32; i++) queue();
  let seen = 0;
  let behind = 0;
  let kept = first.length;
  // The portable kernel works on this thread, and so is hardly ever behind.
  const enough = () => seen >= 4000 && (kernelName === "portable" || behind > 3000);
  for await (const _ of aio) {
    seen++;
    if (core.ready.length > 0) behind++;
    if (!enough()) queue();
    else if (kept >= 10) {
      collectGarbage();
      kept = first.filter((reference) => reference.deref() !== undefined).length;
    }
    await setImmediate();
  }
  // A collector that looks at the stack may take a number there for one of them.
  assert.ok(kept < 10, `${kept} of ${first.length} are kept`);
});

bothWays("a request that finds no memory takes no slot", async (way) => {
  using temp = new TempFile(new Uint8Array(4096));
  let usedUp = false;
  const kernel = bare();
  const allocate = (byteLength: number) => {
    if (usedUp) throw new RangeError("Cannot allocate memory: it is used up");
    return real.allocate(byteLength);
  };
  await using aio = new AioContext<string>({
    ...way,
    kernel: { ...kernel, allocate },
    entries: 1,
  });
  usedUp = true;
  assert.throws(() => aio.read(temp.fd, new Uint8Array(16)), RangeError);
  assert.deepEqual([aio.queued, aio.inFlight], [0, 0]);
  usedUp = false;
  aio.read(temp.fd, new Uint8Array(8), { data: "next" });
  assert.deepEqual(await within(takeAll(aio)), ["next"]);
});
