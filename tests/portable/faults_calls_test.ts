import assert from "node:assert/strict";
import { test } from "node:test";
import { EAGAIN, EINTR } from "../../src/abi/errno.ts";
import { IOCB_CMD_PREAD } from "../../src/abi/opcodes.ts";
import { AioContext } from "../../mod.ts";
import { type Faults, PortableKernel } from "../../src/portable/mod.ts";
import { pattern } from "../support/bytes.ts";
import { Bare, Simulation } from "../support/simulation.ts";
import { within } from "../support/within.ts";

test("a refused request gets EAGAIN, until the machine has memory again", () => {
  using simulation = new Simulation(1, { refusedSubmit: 1 }, pattern(512));
  const bare = new Bare(simulation.kernel);
  const read = () => bare.submit(0, { opcode: IOCB_CMD_PREAD, fildes: simulation.file.fd }, 512);
  assert.equal(read(), -EAGAIN);
  assert.equal(read(), -EAGAIN);
  assert.equal(bare.getevents(1, 10), 0);
  assert.equal(read(), 1, "refused a second time, after a wait");
  assert.equal(bare.getevents(1, undefined), 1);
  assert.equal(bare.result(), 512);
  assert.deepEqual(simulation.fates(), ["EAGAIN", "completed"]);
});

test("who asks again and again without waiting is not refused for ever", () => {
  using simulation = new Simulation(1, { refusedSubmit: 1 }, pattern(512));
  const bare = new Bare(simulation.kernel);
  let asked = 0;
  while (bare.submit(0, { opcode: IOCB_CMD_PREAD, fildes: simulation.file.fd }, 512) < 0) {
    assert.ok(++asked < 1000);
  }
  assert.ok(asked > 1);
});

test("a context loses no request that is refused", async () => {
  using simulation = new Simulation(1, { refusedSubmit: 0.5 }, pattern(512));
  const completions = await within(simulation.run<number>((aio, fd) => {
    for (let i = 0; i < 100; i++) aio.read(fd, new Uint8Array(512), { data: i });
  }));
  assert.deepEqual(completions.map(({ data }) => data!).sort((a, b) => a - b), [
    ...Array(100).keys(),
  ]);
  assert.ok(simulation.fates().filter((fate) => fate === "EAGAIN").length > 20);
});

test("a thread that waits outlasts refusals and signals", async () => {
  using simulation = new Simulation(1, { refusedSubmit: 1, interruptedWait: 1 }, pattern(512));
  await using aio = new AioContext({ kernel: simulation.kernel });
  for (let i = 0; i < 20; i++) aio.read(simulation.file.fd, new Uint8Array(512));
  assert.equal(aio.wait(20).length, 20);
  assert.ok(simulation.fates().includes("EINTR"));
});

test("a signal ends a wait with EINTR, but never two in a row", () => {
  using simulation = new Simulation(1, { interruptedWait: 1 }, pattern(512));
  const bare = new Bare(simulation.kernel);
  bare.submit(0, { opcode: IOCB_CMD_PREAD, fildes: simulation.file.fd }, 512);
  assert.equal(bare.getevents(1, 10), -EINTR);
  assert.equal(bare.getevents(1, 10), 1);
  assert.equal(bare.getevents(1, 10), -EINTR);
  assert.deepEqual(simulation.fates(), ["EINTR", "completed", "EINTR"]);
});

test("a call that does not wait is never interrupted", () => {
  using simulation = new Simulation(1, { interruptedWait: 1 });
  const bare = new Bare(simulation.kernel);
  assert.equal(bare.getevents(0, 10), 0);
  assert.equal(bare.getevents(1, 0), 0);
});

test("the seed can be read; faults alone have seed 0; without either the disk is real", () => {
  assert.equal(new PortableKernel({ seed: 17 }).seed, 17);
  assert.equal(new PortableKernel({ seed: 17 }).spawn().seed, 17);
  assert.equal(new PortableKernel({ faults: {} }).seed, 0);
  const real = new PortableKernel();
  assert.equal(real.seed, undefined);
  assert.deepEqual(real.log, []);
  assert.throws(() => real.crash(), { message: /the disk is real; make the kernel with `seed`/ });
});

test("what is no seed, no fault and no probability is refused", () => {
  for (const seed of [-1, 0.5, 2 ** 32, NaN]) {
    assert.throws(() => new PortableKernel({ seed }), RangeError);
  }
  assert.throws(() => new PortableKernel({ faults: { shortRead: 1.1 } }), RangeError);
  assert.throws(() => new PortableKernel({ faults: { delay: -1 } }), RangeError);
  assert.throws(() => new PortableKernel({ faults: { delay: Infinity } }), RangeError);
  const faults = { shortReads: 1 } as Faults;
  assert.throws(() => new PortableKernel({ faults }), { name: "TypeError", message: /shortReads/ });
});
