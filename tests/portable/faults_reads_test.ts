import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { EIO } from "../../src/abi/errno.ts";
import { AioContext, open } from "../../mod.ts";
import { PortableKernel } from "../../src/portable/mod.ts";
import { pattern, sameBytes } from "../support/bytes.ts";
import { Simulation } from "../support/simulation.ts";
import { TempFolder } from "../support/temp.ts";

const BYTES = pattern(8192);

test("a short read brings fewer bytes than there are, and those are right", async () => {
  using simulation = new Simulation(1, { shortRead: 1 }, BYTES);
  const lengths = new Set<number>();
  for (let i = 0; i < 20; i++) {
    const buffer = new Uint8Array(1000);
    const res = await simulation.one((aio, fd) => aio.read(fd, buffer, { position: 100 }));
    assert.ok(res >= 1 && res < 1000, `${res} bytes`);
    sameBytes(buffer.subarray(0, res), BYTES.subarray(100, 100 + res));
    sameBytes(buffer.subarray(res), new Uint8Array(1000 - res), "memory behind a short read");
    lengths.add(res);
  }
  assert.ok(lengths.size > 10, "the lengths hardly differ");
  assert.deepEqual(new Set(simulation.fates()), new Set(["short"]));
});

test("a read of whole sectors comes short at a sector, as with O_DIRECT", async () => {
  using simulation = new Simulation(2, { shortRead: 1 }, BYTES);
  for (let i = 0; i < 20; i++) {
    const buffer = new Uint8Array(4096);
    const res = await simulation.one((aio, fd) => aio.read(fd, buffer, { position: 512 }));
    assert.ok(res >= 512 && res < 4096 && res % 512 === 0, `${res} bytes`);
  }
  assert.equal(await simulation.one((aio, fd) => aio.read(fd, new Uint8Array(512))), 512);
});

test("a read of one byte never comes short", async () => {
  using simulation = new Simulation(3, { shortRead: 1 }, BYTES);
  assert.equal(await simulation.one((aio, fd) => aio.read(fd, new Uint8Array(1))), 1);
});

test("a failed read says EIO and leaves the memory as it was", async () => {
  using simulation = new Simulation(1, { readError: 1 }, BYTES);
  const buffer = new Uint8Array(512).fill(9);
  assert.equal(await simulation.one((aio, fd) => aio.read(fd, buffer)), -EIO);
  sameBytes(buffer, new Uint8Array(512).fill(9));
  assert.deepEqual(simulation.fates(), ["EIO"]);
});

test("a direct file shows each failed read, and makes none again", async () => {
  using simulation = new Simulation(1, { readError: 0.5 }, BYTES);
  await using context = new AioContext({ kernel: simulation.kernel });
  await using file = await open(simulation.file.path, "r", { direct: true, context });
  const outcomes: string[] = [];
  for (let i = 0; i < 20; i++) {
    outcomes.push(
      await file.readAt(512 * i % 8192, 512).then(() => "completed", ({ code }) => code),
    );
  }
  assert.deepEqual(simulation.fates(), outcomes);
  assert.deepEqual(new Set(outcomes), new Set(["completed", "EIO"]));
});

test("a fault comes as often as it is said to", async () => {
  using simulation = new Simulation(4, { readError: 0.25 }, BYTES);
  await simulation.run((aio, fd) => {
    for (let i = 0; i < 1000; i++) aio.read(fd, new Uint8Array(1));
  });
  const failed = simulation.fates().filter((fate) => fate === "EIO").length;
  assert.ok(failed > 200 && failed < 300, `${failed} of 1000`);
});

test("bit rot turns one bit of what a read brings, and the log says which", async () => {
  using simulation = new Simulation(1, { bitRot: 1 }, BYTES);
  for (let i = 0; i < 20; i++) {
    const buffer = new Uint8Array(3000);
    const position = 100 * i;
    assert.equal(await simulation.one((aio, fd) => aio.read(fd, buffer, { position })), 3000);
    const { what, bit } = simulation.kernel.log.at(-1)!;
    assert.equal(what, "rotten");
    buffer[Math.floor(bit! / 8) - position]! ^= 1 << bit! % 8;
    sameBytes(buffer, BYTES.subarray(position, position + 3000));
  }
});

test("bit rot leaves the file as it was", async () => {
  using simulation = new Simulation(1, { bitRot: 0.5 }, BYTES);
  const results = await simulation.run((aio, fd) => {
    for (let i = 0; i < 40; i++) aio.read(fd, new Uint8Array(512), { data: i });
  });
  const right = results.filter(({ buffer }) => {
    return Array.from(buffer).every((byte, index) => byte === BYTES[index]);
  });
  const rotten = simulation.fates().filter((fate) => fate === "rotten").length;
  assert.ok(rotten > 5 && rotten < 35, `${rotten} rotten`);
  assert.equal(right.length, 40 - rotten);
});

test("the end of the file is no fault", async () => {
  using simulation = new Simulation(1, {}, BYTES);
  const read = (position: number) =>
    simulation.one((aio, fd) => aio.read(fd, new Uint8Array(4096), { position }));
  assert.equal(await read(8000), 192);
  assert.equal(await read(9000), 0);
  assert.deepEqual(simulation.fates(), ["completed", "completed"]);
});

test("a write with direct loses nothing of a block that is read short", async () => {
  using folder = new TempFolder();
  for (let seed = 0; seed < 40; seed++) {
    const path = folder.join(`store-${seed}`);
    const kernel = new PortableKernel({ seed, faults: { shortRead: 0.3 } });
    await using context = new AioContext({ kernel });
    await using file = await open(path, "w+", { context, direct: true });
    const content = pattern(8192);
    await file.writeAt(0, content, { durable: true });
    content.fill(9, 5000, 5010);
    await file.writeAt(5000, content.subarray(5000, 5010), { durable: true });
    sameBytes(new Uint8Array(readFileSync(path)), content);
    sameBytes(await file.readAt(0, 8192), content);
  }
});
