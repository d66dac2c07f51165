import assert from "node:assert/strict";
import { closeSync, constants, openSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { EBADF, EIO, ENOSPC } from "../../src/abi/errno.ts";
import { RWF_DSYNC } from "../../src/abi/rw_flags.ts";
import { pattern, sameBytes } from "../support/bytes.ts";
import { Simulation } from "../support/simulation.ts";

const OLD = pattern(8192);
const NEW = pattern(8192, 0x5a);

/** How many bytes of the file are new; the rest must be old, and behind them. */
function stored(path: string, position: number, length: number): number {
  const file = readFileSync(path);
  let count = 0;
  while (count < length && file[position + count] === NEW[position + count]) count++;
  const expected = OLD.slice();
  expected.set(NEW.subarray(position, position + count), position);
  sameBytes(file, expected, "the file");
  return count;
}

test("a short write stores as many bytes as it says", async () => {
  for (let seed = 0; seed < 20; seed++) {
    using simulation = new Simulation(seed, { shortWrite: 1 }, OLD);
    const bytes = NEW.subarray(100, 1100);
    const res = await simulation.one((aio, fd) => aio.write(fd, bytes, { position: 100 }));
    assert.ok(res >= 1 && res < 1000, `${res} bytes`);
    assert.equal(stored(simulation.file.path, 100, 1000), res);
    assert.deepEqual(simulation.fates(), ["short"]);
  }
});

test("a write of whole sectors comes short at a sector", async () => {
  for (let seed = 0; seed < 20; seed++) {
    using simulation = new Simulation(seed, { shortWrite: 1 }, OLD);
    const res = await simulation.one((aio, fd) => aio.write(fd, NEW));
    assert.ok(res >= 512 && res < 8192 && res % 512 === 0, `${res} bytes`);
  }
});

test("a failed write says EIO, and any part of it is stored", async () => {
  const counts = new Set<number>();
  for (let seed = 0; seed < 30; seed++) {
    using simulation = new Simulation(seed, { writeError: 1 }, OLD);
    const bytes = NEW.subarray(0, 2048);
    assert.equal(await simulation.one((aio, fd) => aio.write(fd, bytes)), -EIO);
    counts.add(stored(simulation.file.path, 0, 2048));
    assert.deepEqual(simulation.fates(), ["EIO"]);
  }
  assert.deepEqual([...counts].sort((a, b) => a - b), [0, 512, 1024, 1536]);
});

test("a full disk takes a part, fails the next write with ENOSPC, and has room again", async () => {
  const first = new Set<number>();
  for (let seed = 0; seed < 30; seed++) {
    using simulation = new Simulation(seed, { fullDisk: 1 }, OLD);
    const write = (position: number) =>
      simulation.one((aio, fd) =>
        aio.write(fd, NEW.subarray(position, position + 2048), { position })
      );
    const res = await write(0);
    first.add(res);
    assert.equal(stored(simulation.file.path, 0, 2048), Math.max(0, res));
    if (res < 0) continue;
    assert.equal(await write(2048), -ENOSPC);
    assert.deepEqual(simulation.fates(), ["short", "ENOSPC"]);
    assert.notEqual(await write(4096), undefined);
  }
  assert.deepEqual([...first].sort((a, b) => a - b), [-ENOSPC, 512, 1024, 1536]);
});

test("a full disk is full for one file only", async () => {
  using simulation = new Simulation(1, { fullDisk: 1 }, OLD);
  using other = new Simulation(1, {}, OLD);
  const write = (fd: number) => simulation.one((aio) => aio.write(fd, NEW.subarray(0, 1024)));
  while (await write(simulation.file.fd) < 0);
  const calm = simulation.kernel.log.length;
  await write(other.file.fd);
  assert.equal(simulation.kernel.log.length, calm + 1);
  assert.equal(await write(simulation.file.fd), -ENOSPC);
});

test("a failed sync says EIO; so does a durable write whose sync fails", async () => {
  using simulation = new Simulation(1, { syncError: 1 }, OLD);
  assert.equal(await simulation.one((aio, fd) => aio.fsync(fd)), -EIO);
  assert.equal(await simulation.one((aio, fd) => aio.fdatasync(fd)), -EIO);
  const bytes = NEW.subarray(0, 512);
  const write = (flags: number) => simulation.one((aio, fd) => aio.write(fd, bytes, { flags }));
  assert.equal(await write(RWF_DSYNC), -EIO);
  assert.equal(stored(simulation.file.path, 0, 512), 512);
  assert.equal(await write(0), 512);
});

test("without faults a write stores all of it, wherever it goes", async () => {
  using simulation = new Simulation(1, {}, OLD);
  const fd = openSync(simulation.file.path, constants.O_WRONLY | constants.O_APPEND);
  assert.equal(await simulation.one((aio) => aio.write(fd, NEW, { position: 5 })), 8192);
  closeSync(fd);
  const file = readFileSync(simulation.file.path);
  sameBytes(file.subarray(0, 8192), OLD);
  sameBytes(file.subarray(8192), NEW);
  assert.deepEqual(
    simulation.kernel.log.map(({ position, length, what }) => ({ position, length, what })),
    [{ position: 8192, length: 8192, what: "completed" }],
  );
});

test("a descriptor closed meanwhile gives EBADF, also where another has its number", async () => {
  using simulation = new Simulation(1, { delay: 1 }, OLD);
  using other = new Simulation(1, {}, OLD);
  const fd = openSync(simulation.file.path, "r+");
  const res = await simulation.one((aio) => {
    aio.write(fd, NEW);
    aio.submit();
    closeSync(fd);
    assert.equal(openSync(other.file.path, "r+"), fd);
  });
  closeSync(fd);
  assert.equal(res, -EBADF);
  assert.deepEqual(simulation.fates(), ["failed"]);
  sameBytes(readFileSync(other.file.path), OLD);
});
