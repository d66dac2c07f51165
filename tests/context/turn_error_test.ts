import assert from "node:assert/strict";
import { test } from "node:test";
import { AioContext } from "../../mod.ts";
import { POLLIN } from "../../src/abi/poll.ts";
import { decorate } from "../support/decorated_kernel.ts";
import { Pollable } from "../support/pollable.ts";
import { real } from "../support/real_kernel.ts";
import { within } from "../support/within.ts";

test("what the kernel refuses in a turn of the event loop reaches the loop that waits", async () => {
  let failing = false;
  const kernel = decorate({
    io_getevents(...args) {
      return failing ? -22 : real.io_getevents(...args);
    },
  });
  using pollable = new Pollable();
  await using aio = new AioContext({ kernel, entries: 2, reap: "syscall", maxWait: 50 });
  aio.poll(pollable.fd, POLLIN);
  const step = aio[Symbol.asyncIterator]().next();
  // The first look has been; what follows is in turns that nobody calls
  failing = true;
  await within(assert.rejects(step, { code: "EINVAL", syscall: "io_getevents" }));
  failing = false;
  pollable.fill();
  let count = 0;
  for await (const _ of aio) count++;
  assert.equal(count, 1);
});
