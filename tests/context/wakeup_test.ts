import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { AioContext } from "../../mod.ts";
import { POLLIN } from "../../src/abi/poll.ts";
import { decorate } from "../support/decorated_kernel.ts";
import { linuxOnly, real } from "../support/real_kernel.ts";
import { Pollable } from "../support/pollable.ts";
import { within } from "../support/within.ts";

interface BunGlobal {
  file(fd: number): unknown;
}

const { Bun } = globalThis as { Bun?: BunGlobal };
const skip = Bun === undefined ? "only Bun's wake-ups take memory" : linuxOnly("wakes").skip;

/** Waits through the event loop for a poll that is not ready yet, and for nothing after it. */
async function waitOnce(aio: AioContext): Promise<void> {
  using fifo = new Pollable();
  aio.poll(fifo.fd, POLLIN);
  setTimeout(() => fifo.fill(), 2);
  for await (const { res } of aio) assert.ok(res & POLLIN);
}

/** Repeats what shows something only where the machine does not stand still, until it does. */
async function until(shown: () => Promise<boolean>): Promise<void> {
  const repeat = async () => {
    while (!(await shown()));
  };
  await within(repeat());
}

for (
  const [what, prompt, options, sleeps] of [
    ["by default", false, {}, true],
    ["where the event loop wakes as soon", true, {}, false],
    ["there for `maxWait`", true, { maxWait: 100 }, true],
  ] as const
) {
  const sleepsOrNot = sleeps ? "sleeps" : "does not sleep";
  test(
    `who waits ${sleepsOrNot} in io_getevents ${what}`,
    linuxOnly("the portable kernel never does"),
    async () => {
      let count = 0;
      const kernel = decorate({
        wakeup: (wake) => Object.assign(real.wakeup(wake), { prompt }),
        io_getevents: (...args) => {
          if (args[1] > 0) count++;
          return real.io_getevents(...args);
        },
      });
      await using aio = new AioContext({ ...options, kernel, entries: 4 });
      for (let wait = 0; wait < 5; wait++) await waitOnce(aio);
      if (!sleeps) assert.equal(count, 0);
      // A wait may be over before it began
      else await until(async () => (await waitOnce(aio), count > 0));
    },
  );
}

test("waits that follow one another share one stream of Bun's, which is not kept for long", {
  skip,
}, async () => {
  await using aio = new AioContext({ entries: 4, maxWait: 0 });
  const { file } = Bun!;
  let streams = 0;
  Bun!.file = (fd) => (streams++, file.call(Bun, fd));
  try {
    const newStreams = async () => {
      const before = streams;
      await waitOnce(aio);
      return streams - before;
    };
    await until(async () => await newStreams() === 1);
    await until(async () => await newStreams() === 0);
    // The timer that lets go of the stream comes before this one
    await sleep(100);
    await until(async () => await newStreams() === 1);
  } finally {
    Bun!.file = file;
  }
});
