import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { POLLERR, POLLHUP, POLLIN, POLLOUT, POLLRDNORM } from "../../src/abi/poll.ts";
import { AioContext } from "../../mod.ts";
import { internalsOf } from "../../src/context/aio_context.ts";
import { bothWays } from "../support/both_ways.ts";
import { Pollable } from "../support/pollable.ts";
import { waitFor } from "../support/wait_for.ts";

bothWays("a poll completes with the mask of what is ready", async (way) => {
  using fifo = new Pollable();
  await using aio = new AioContext<string>({ ...way, entries: 4 });
  aio.poll(fifo.writeFd, POLLOUT | POLLIN, { data: "write end" });
  fifo.fill();
  aio.poll(fifo.fd, POLLIN | POLLOUT, { data: "read end" });
  const seen: Record<string, number> = {};
  for await (const { data, res, error, fd } of aio) {
    assert.equal(error, undefined);
    assert.equal(fd, data === "read end" ? fifo.fd : fifo.writeFd);
    seen[data] = res;
  }
  assert.deepEqual(seen, { "read end": POLLIN, "write end": POLLOUT });
});

bothWays("a poll waits until it is ready, and completes once", async (way) => {
  using fifo = new Pollable();
  await using aio = new AioContext({ ...way, entries: 4 });
  aio.poll(fifo.fd, POLLIN);
  assert.equal(aio.wait(1, { timeout: 20 }).length, 0);
  fifo.fill();
  const [completion] = waitFor(aio, 1);
  // A poll that had to wait gets from the kernel all that it was woken for, asked for or not
  assert.equal(completion!.res & ~POLLRDNORM, POLLIN);
  fifo.fill();
  assert.equal(aio.wait(1, { timeout: 20 }).length, 0);
  assert.equal(aio.inFlight, 0);
});

bothWays("a poll tells of a hang-up without being asked", async (way) => {
  using fifo = new Pollable();
  await using aio = new AioContext({ ...way, entries: 4 });
  aio.poll(fifo.fd, 0);
  assert.equal(aio.wait(1, { timeout: 20 }).length, 0);
  fifo.hangUp();
  const [completion] = waitFor(aio, 1);
  assert.equal(completion!.res & ~POLLERR, POLLHUP);
  assert.equal(completion!.error, undefined);
});

bothWays("many polls wait beside each other", async (way) => {
  const fifos = Array.from({ length: 8 }, () => new Pollable());
  {
    await using aio = new AioContext<number>({ ...way, entries: 8 });
    fifos.forEach(({ fd }, index) => aio.poll(fd, POLLIN, { data: index }));
    aio.submit();
    const order = [3, 0, 7, 5, 1, 6, 2, 4];
    fifos[order[0]!]!.fill();
    const seen: number[] = [];
    for await (const { data } of aio) {
      seen.push(data);
      const next = order[seen.length];
      if (next !== undefined) fifos[next]!.fill();
    }
    assert.deepEqual(seen, order);
  }
  for (const fifo of fifos) fifo[Symbol.dispose]();
});

/** How often a context has looked for completions so far. */
function countLooks(aio: AioContext): () => number {
  let looks = 0;
  const { reaper } = internalsOf(aio).core;
  const [reap, sleep] = [reaper.reap, reaper.sleep];
  reaper.reap = () => (looks++, reap.call(reaper));
  reaper.sleep = (...args) => (looks++, sleep.apply(reaper, args));
  return () => looks;
}

bothWays("a loop that waits for a poll costs no processor time", async (way) => {
  using fifo = new Pollable();
  for (const maxWait of [0, 100]) {
    await using aio = new AioContext({ ...way, entries: 4, maxWait });
    const looks = countLooks(aio);
    aio.poll(fifo.fd, POLLIN);
    const loop = (async () => {
      for await (const { res } of aio) assert.equal(res & POLLIN, POLLIN);
    })();
    // A loop that spins or naps looks again and again, and this never ends. Between two timers the
    // event loop has had its turn, however long it stood still
    for (let before = -1; looks() !== before;) {
      before = looks();
      for (let tick = 0; tick < 50; tick++) await sleep(1);
    }
    fifo.fill();
    await loop;
    fifo.empty();
  }
});
