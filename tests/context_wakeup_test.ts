import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { AioContext } from "../src/context.ts";
import { POLLIN } from "../src/abi/poll.ts";
import { decorate } from "./support/decorated_kernel.ts";
import { linuxOnly, real } from "./support/real_kernel.ts";
import { Pollable } from "./support/pollable.ts";

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

for (
  const [what, promptly, options, sleeps] of [
    ["by default", {}, {}, true],
    ["where the event loop wakes as soon", { wakesPromptly: true }, {}, false],
    ["there for `maxWait`", { wakesPromptly: true }, { maxWait: 100 }, true],
  ] as const
) {
  const sleepsOrNot = sleeps ? "sleeps" : "does not sleep";
  test(
    `who waits ${sleepsOrNot} in io_getevents ${what}`,
    linuxOnly("the portable kernel never does"),
    async () => {
      let count = 0;
      const kernel = decorate({
        ...promptly,
        io_getevents: (...args) => {
          if (args[1] > 0) count++;
          return real.io_getevents(...args);
        },
      });
      await using aio = new AioContext({ ...options, kernel, entries: 4 });
      // One wait may be over before it began, where the machine stood still
      for (let wait = 0; wait < 5; wait++) await waitOnce(aio);
      assert.equal(count > 0, sleeps);
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
    for (let wait = 0; wait < 20; wait++) await waitOnce(aio);
    // More than one only where the machine stood still for a while
    assert.ok(streams > 0 && streams <= 5, `${streams} streams`);
    const before = streams;
    await sleep(100);
    await waitOnce(aio);
    assert.equal(streams, before + 1);
  } finally {
    Bun!.file = file;
  }
});
