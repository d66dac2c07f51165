import assert from "node:assert/strict";
import { test } from "node:test";
import { EDEADLK } from "../../src/abi/errno.ts";
import { IOCB_CMD_PREAD } from "../../src/abi/opcodes.ts";
import { AioContext } from "../../mod.ts";
import { PortableKernel } from "../../src/portable/mod.ts";
import { pattern } from "../support/bytes.ts";
import { Bare, Simulation } from "../support/simulation.ts";
import { within } from "../support/within.ts";

const HOUR = 3600e3;

test("a wait of an hour returns at once, and the clock moved an hour", () => {
  const kernel = new PortableKernel({ seed: 1 });
  const bare = new Bare(kernel);
  const end = performance.now() + HOUR;
  assert.equal(bare.getevents(1, HOUR), 0);
  assert.equal(kernel.now(), HOUR);
  assert.ok(performance.now() < end, "the clock that moved was that of the machine");
});

test("what is due after an hour is done at once by the event loop, in order", async () => {
  const kernel = new PortableKernel({ seed: 1 });
  const order: [string, number][] = [];
  await within(
    new Promise<void>((resolve) => {
      kernel.after(HOUR, () => {
        order.push(["hour", kernel.now()]);
        resolve();
      });
      kernel.after(1, () => order.push(["millisecond", kernel.now()]));
      kernel.after(0.0004, () => order.push(["soon", kernel.now()]));
      kernel.after(Infinity, () => order.push(["never", kernel.now()]));
      assert.deepEqual(order, [], "before the program had its turn");
    }),
  );
  assert.deepEqual(order, [["soon", 0.001], ["millisecond", 1], ["hour", HOUR]]);
});

test("a wait ends when its time has come, with requests that need longer still in flight", () => {
  using simulation = new Simulation(3, { delay: 1000 }, pattern(512));
  const bare = new Bare(simulation.kernel);
  for (let i = 0; i < 4; i++) {
    bare.submit(i, { opcode: IOCB_CMD_PREAD, fildes: simulation.file.fd }, 512);
  }
  const early = bare.getevents(4, 1000);
  assert.ok(early > 0 && early < 4, `${early} of 4 after a second`);
  assert.equal(simulation.kernel.now(), 1000);
  assert.equal(bare.getevents(4 - early, undefined), 4 - early);
  const { now, last } = {
    now: simulation.kernel.now(),
    last: simulation.kernel.log.at(-1)!.time,
  };
  assert.equal(now, last);
  assert.ok(now > 1000 && now <= 2000);
});

test("the timeout of a context's wait goes by the clock of the simulation", async () => {
  using simulation = new Simulation(3, { delay: 1000 }, pattern(512));
  const { kernel, file } = simulation;
  await using aio = new AioContext({ entries: 4, kernel });
  for (let i = 0; i < 4; i++) aio.read(file.fd, new Uint8Array(512));
  const early = aio.wait(4, { timeout: 1000 }).length;
  assert.ok(early > 0 && early < 4, `${early} of 4 after a second`);
  assert.equal(kernel.now(), 1000);
  assert.equal(aio.wait(4 - early).length, 4 - early);
});

test("a wait for ever for what never comes is EDEADLK", () => {
  assert.equal(new Bare(new PortableKernel({ seed: 1 })).getevents(1, undefined), -EDEADLK);
});

test("who looks again and again without waiting gets the completion some day", () => {
  using simulation = new Simulation(1, {}, pattern(512));
  const bare = new Bare(simulation.kernel);
  bare.submit(0, { opcode: IOCB_CMD_PREAD, fildes: simulation.file.fd }, 512);
  let looks = 0;
  while (bare.getevents(1, 0) === 0) assert.ok(++looks < 10_000);
  assert.ok(looks > 1);
});

test("a request takes twice the mean delay at most, and half of it on average", async () => {
  using simulation = new Simulation(1, { delay: 10 }, pattern(512));
  await simulation.run((aio, fd) => {
    for (let i = 0; i < 64; i++) aio.read(fd, new Uint8Array(1));
  });
  const times = simulation.kernel.log.map(({ time }) => time);
  assert.ok(times.every((time) => time >= 0 && time <= 20));
  const mean = times.reduce((sum, time) => sum + time, 0) / 64;
  assert.ok(mean > 8 && mean < 12, `${mean} ms`);
});

test("requests overtake each other, but not where there is no delay", async () => {
  const order = async (delay: number) => {
    using simulation = new Simulation(1, { delay }, pattern(512));
    const completions = await simulation.run<number>((aio, fd) => {
      for (let i = 0; i < 20; i++) aio.read(fd, new Uint8Array(1), { data: i });
    });
    return completions.map(({ data }) => data!);
  };
  const submitted = [...Array(20).keys()];
  assert.deepEqual(await order(0), submitted);
  const shuffled = await order(1);
  assert.notDeepEqual(shuffled, submitted);
  assert.deepEqual(shuffled.sort((a, b) => a - b), submitted);
});

test("nothing completes inside io_submit, nor before the program had its turn", async () => {
  using simulation = new Simulation(1, { delay: 0 }, pattern(512));
  await simulation.run((aio, fd) => {
    aio.read(fd, new Uint8Array(1));
    aio.submit();
    assert.equal(aio.inFlight, 1);
    assert.deepEqual(simulation.kernel.log, []);
  });
  assert.equal(simulation.kernel.log.length, 1);
});
