/** What differed from the kernel of the machine: the same calls on both kernels. */
import assert from "node:assert/strict";
import process from "node:process";
import { after, test } from "node:test";
import type { Kernel } from "../../src/kernel.ts";
import { linux } from "../../src/syscalls.ts";
import { ContextOf } from "../support/portable_context.ts";
import { Side } from "../support/twin_sides.ts";
import { HANG_MILLISECONDS } from "../support/within.ts";

const onLinux = { skip: process.platform === "linux" ? false : "is about files of Linux" };

const names = linux === undefined ? ["portable" as const] : ["portable" as const, "linux" as const];
const sides = process.platform === "linux" ? names.map((name) => new Side(name)) : [];
after(() => sides.forEach((side) => side[Symbol.dispose]()));

type Calls = ContextOf<Kernel>;

/** Makes the same calls on each kernel. */
function onEach(
  expected: unknown,
  program: (context: Calls, side: Side) => unknown,
) {
  for (const side of sides) {
    const context = new ContextOf(side.kernel, 64);
    assert.deepEqual(program(context, side), expected, side.name);
    side.kernel.io_destroy(context.id);
  }
}

test(
  "a loop that only asks for events finds them, and never gives way",
  onLinux,
  () => {
    onEach(1, (context, { fds }) => {
      context.iocb(0, { fildes: fds.small, buf: context.dataAddress, nbytes: 8 });
      assert.equal(context.submit(0), 1);
      const end = performance.now() + HANG_MILLISECONDS;
      let count = 0;
      while (count === 0 && performance.now() < end) count = context.getevents(0, 1, 0);
      return count;
    });
  },
);
