import assert from "node:assert/strict";
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  writeSync,
} from "node:fs";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { AioRing } from "../../src/abi/aio_ring.ts";
import { EINVAL } from "../../src/abi/errno.ts";
import { IOCB_CMD_POLL, IOCB_CMD_PREAD, IOCB_CMD_PWRITE } from "../../src/abi/opcodes.ts";
import { POLLIN } from "../../src/abi/poll.ts";
import { RWF_APPEND, RWF_DSYNC, RWF_SYNC } from "../../src/abi/rw_flags.ts";
import { AioContext, open } from "../../mod.ts";
import { PortableKernel } from "../../src/portable/mod.ts";
import { pattern, sameBytes } from "../support/bytes.ts";
import { Fifo } from "../support/fifo.ts";
import { runScript } from "../support/script.ts";
import { TempFolder } from "../support/temp.ts";
import { Bare, Simulation } from "../support/simulation.ts";
import { within } from "../support/within.ts";

const SECTOR = 512;
const OLD = pattern(8 * SECTOR);
const NEW = pattern(16 * SECTOR, 0x5a);
const NEWER = pattern(16 * SECTOR, 0x33);

/** Where each sector of the file comes from. */
function sources(file: Uint8Array): string {
  const same = (start: number, source: Uint8Array) =>
    Array.from(file.subarray(start, start + SECTOR)).every((byte, index) => {
      return byte === (source[start + index] ?? 0);
    });
  let text = "";
  for (let start = 0; start < file.length; start += SECTOR) {
    if (same(start, NEWER)) text += "2";
    else if (same(start, NEW)) text += "1";
    else if (same(start, start < OLD.length ? OLD : new Uint8Array(0))) text += "0";
    else text += "?";
  }
  return text;
}

/** Does the same with many seeds; how often each result came. */
async function outcomes(
  seeds: number,
  run: (simulation: Simulation) => Promise<unknown>,
  faults = {},
): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (let seed = 0; seed < seeds; seed++) {
    using simulation = new Simulation(seed, faults, OLD);
    await run(simulation);
    simulation.kernel.crash();
    const state = sources(readFileSync(simulation.file.path));
    assert.ok(!state.includes("?"), `a sector that nobody wrote: ${state}`);
    counts.set(state, (counts.get(state) ?? 0) + 1);
  }
  return counts;
}

const write = (simulation: Simulation, bytes: Uint8Array, position = 0, flags = 0) =>
  simulation.one((aio, fd) =>
    aio.write(fd, bytes.subarray(position, position + 4 * SECTOR), { position, flags })
  );
const sync = (simulation: Simulation) => simulation.one((aio, fd) => aio.fdatasync(fd));

test("a crash keeps, loses or tears what no sync covers", async () => {
  const counts = await outcomes(200, (simulation) => write(simulation, NEW));
  assert.ok(counts.get("11110000")! > 20, "kept");
  assert.ok(counts.get("00000000")! > 20, "lost");
  // Of four sectors any some: 14 ways
  assert.equal(counts.size, 16);
});

test("the log tells what the crash did to each write", async () => {
  for (let seed = 0; seed < 30; seed++) {
    using simulation = new Simulation(seed, {}, OLD);
    await write(simulation, NEW);
    simulation.kernel.crash();
    const state = sources(readFileSync(simulation.file.path));
    const [, crashed, fate] = simulation.kernel.log;
    assert.equal(crashed!.what, "crashed");
    const { request, what, res, sectors } = fate!;
    const there = [...state.slice(0, 4)].map((source) => source === "1");
    const count = there.filter((sector) => sector).length;
    assert.deepEqual({ request, what, res, sectors }, {
      request: 1,
      what: count === 4 ? "kept" : count === 0 ? "lost" : "torn",
      res: count * SECTOR,
      sectors: count === 4 || count === 0 ? undefined : there,
    });
  }
});

test("what a sync covers is never lost", async () => {
  const synced = async (simulation: Simulation) => {
    await write(simulation, NEW);
    await sync(simulation);
  };
  assert.deepEqual([...await outcomes(50, synced)], [["11110000", 50]]);
  const byFsync = async (simulation: Simulation) => {
    await write(simulation, NEW);
    await simulation.one((aio, fd) => aio.fsync(fd));
  };
  assert.deepEqual([...await outcomes(50, byFsync)], [["11110000", 50]]);
});

test("nor is a durable write, which covers nothing but itself", async () => {
  for (const flag of [RWF_DSYNC, RWF_SYNC]) {
    const counts = await outcomes(60, async (simulation) => {
      await write(simulation, NEW);
      await write(simulation, NEWER, 4 * SECTOR, flag);
    });
    assert.ok([...counts.keys()].every((state) => state.endsWith("2222")));
    assert.ok(counts.has("11112222") && counts.has("00002222"));
  }
});

test("a durable write over one that is lost stays whole", async () => {
  const counts = await outcomes(60, async (simulation) => {
    await write(simulation, NEW);
    await write(simulation, NEWER, 2 * SECTOR, RWF_DSYNC);
  });
  assert.ok([...counts.keys()].every((state) => state.slice(2, 6) === "2222"));
  assert.ok(counts.has("00222200") && counts.has("11222200"));
});

test("a sync does not cover the writes that were under way when it began", async () => {
  const counts = await outcomes(60, (simulation) =>
    simulation.run((aio, fd) => {
      aio.write(fd, NEW.subarray(0, 4 * SECTOR));
      aio.fdatasync(fd);
    }), { delay: 0 });
  assert.ok(counts.has("11110000") && counts.has("00000000"));
});

test("a later write may survive an earlier one", async () => {
  const counts = await outcomes(200, async (simulation) => {
    await write(simulation, NEW);
    await write(simulation, NEWER, 4 * SECTOR);
  });
  assert.ok(counts.has("00002222"), "the later alone");
  assert.ok(counts.has("11110000"), "the earlier alone");
});

test("of two writes to one sector it holds one state that it had", async () => {
  const states = new Set<string>();
  for (let seed = 0; seed < 60; seed++) {
    using simulation = new Simulation(seed, {}, new Uint8Array(SECTOR).fill(65));
    const put = (position: number, byte: number) =>
      simulation.one((aio, fd) => aio.write(fd, new Uint8Array([byte]), { position }));
    await put(0, 66);
    await put(1, 67);
    simulation.kernel.crash();
    states.add(readFileSync(simulation.file.path, "latin1").slice(0, 3));
  }
  // A disk that stores the second byte stores the sector, and with it the first
  assert.deepEqual([...states].sort(), ["AAA", "BAA", "BCA"]);
});

test("growth that no sync covers goes with the writes that are lost", async () => {
  const counts = await outcomes(200, async (simulation) => {
    await write(simulation, NEW, 8 * SECTOR);
    await write(simulation, NEWER, 12 * SECTOR);
  });
  assert.ok(counts.has("00000000"), "both lost");
  assert.ok(counts.has("000000001111"), "the second lost");
  assert.ok(counts.has("0000000000002222"), "the first lost: zeros in its place");
  assert.ok(counts.has("0000000011112222"), "none lost");
});

test("an append is found where it went", async () => {
  const appended = (append: (simulation: Simulation) => Promise<unknown>) =>
    outcomes(40, async (simulation) => {
      await append(simulation);
    }, { tornWrite: 0 });
  const byFlag = await appended((simulation) =>
    simulation.one((aio, fd) =>
      aio.write(fd, NEW.subarray(8 * SECTOR, 9 * SECTOR), { position: 0, flags: RWF_APPEND })
    )
  );
  const byDescriptor = await appended(async (simulation) => {
    const fd = openSync(simulation.file.path, constants.O_WRONLY | constants.O_APPEND);
    await simulation.one((aio) => aio.write(fd, NEW.subarray(8 * SECTOR, 9 * SECTOR)));
    closeSync(fd);
  });
  for (const counts of [byFlag, byDescriptor]) {
    assert.deepEqual([...counts.keys()].sort(), ["00000000", "000000001"]);
  }
});

test("what was written by two descriptors, one of them closed, is one file", async () => {
  const counts = await outcomes(60, async (simulation) => {
    const fd = openSync(simulation.file.path, "r+");
    await simulation.one((aio) => aio.write(fd, NEW.subarray(0, 4 * SECTOR)));
    closeSync(fd);
    await simulation.one((aio, fd) =>
      aio.write(fd, NEWER.subarray(4 * SECTOR, 8 * SECTOR), { position: 4 * SECTOR })
    );
    if (simulation.kernel.seed! % 2 === 0) await sync(simulation);
  });
  assert.ok(counts.get("11112222")! >= 30, "a sync by one descriptor covers both writes");
  assert.ok(counts.has("00000000"));
});

test("a failed sync leaves its writes at risk, whatever sync comes later", async () => {
  let both = 0;
  for (let seed = 0; seed < 200; seed++) {
    using simulation = new Simulation(seed, { syncError: 0.5, lostWrite: 1 }, OLD);
    await write(simulation, NEW);
    const [first, second] = [await sync(simulation), await sync(simulation)];
    simulation.kernel.crash();
    const state = sources(readFileSync(simulation.file.path));
    assert.equal(state, first === 0 ? "11110000" : "00000000");
    if (first !== 0 && second === 0) both++;
  }
  assert.ok(both > 20, "no sync succeeded after one that failed");
});

test("a write in flight is kept, lost or torn; a sync in flight covers nothing", () => {
  const states = new Map<string, number>();
  for (let seed = 0; seed < 100; seed++) {
    using simulation = new Simulation(seed, { delay: 0 }, OLD);
    const bare = new Bare(simulation.kernel);
    const fildes = simulation.file.fd;
    bare.submit(0, { opcode: IOCB_CMD_PWRITE, fildes }, 4 * SECTOR);
    simulation.kernel.crash();
    const file = readFileSync(simulation.file.path);
    const zero = (start: number) => file.subarray(start, start + SECTOR).every((byte) => !byte);
    const state = [0, 1, 2, 3].map((sector) => zero(sector * SECTOR) ? "x" : ".").join("");
    states.set(state, (states.get(state) ?? 0) + 1);
    sameBytes(file.subarray(4 * SECTOR), OLD.subarray(4 * SECTOR));
  }
  assert.ok(states.get("xxxx")! > 10 && states.get("....")! > 10 && states.size > 8);
});

test("all contexts of all processes of the machine are gone, and those made later are not", () => {
  using simulation = new Simulation(1, {}, OLD);
  const { kernel, file } = simulation;
  const processes = [new Bare(kernel), new Bare(kernel), new Bare(kernel.spawn())];
  for (const bare of processes) {
    assert.equal(bare.submit(0, { opcode: IOCB_CMD_PREAD, fildes: file.fd }, SECTOR), 1);
  }
  using pipe = kernel.pipe({ blocking: true });
  processes[0]!.submit(1, { opcode: IOCB_CMD_POLL, fildes: pipe.readFd, buf: POLLIN });
  assert.equal(kernel.limits().aioNr, 24);
  kernel.crash();
  assert.equal(kernel.limits().aioNr, 0);
  pipe.write(new Uint8Array(1));
  for (const bare of processes) {
    assert.equal(bare.submit(0, { opcode: IOCB_CMD_PREAD, fildes: file.fd }, SECTOR), -EINVAL);
    assert.equal(bare.getevents(1, 10), -EINVAL);
    assert.equal(bare.kernel.io_destroy(bare.id), -EINVAL);
  }
  const after = new Bare(kernel.spawn());
  assert.equal(after.submit(0, { opcode: IOCB_CMD_PREAD, fildes: file.fd }, SECTOR), 1);
  assert.equal(after.getevents(1, undefined), 1);
  assert.equal(after.result(), SECTOR);
});

test("appends in flight at the crash keep no later append waiting, and wait for none", () => {
  using simulation = new Simulation(1, { lostWrite: 1 }, OLD);
  const { kernel, file } = simulation;
  const append = { opcode: IOCB_CMD_PWRITE, fildes: file.fd, rwFlags: RWF_APPEND };
  const before = new Bare(kernel);
  for (let index = 0; index < 3; index++) assert.equal(before.submit(index, append, SECTOR), 1);
  kernel.crash();
  const { length } = kernel.log;
  const after = new Bare(kernel.spawn());
  for (let index = 0; index < 2; index++) assert.equal(after.submit(index, append, SECTOR), 1);
  assert.equal(after.getevents(2, undefined), 2);
  assert.deepEqual([after.result(0), after.result(1)], [SECTOR, SECTOR]);
  after.getevents(1, 10);
  assert.deepEqual(kernel.log.slice(length).map(({ operation }) => operation), ["write", "write"]);
});

test("a crash in the middle of a wait ends it with EINVAL", () => {
  using simulation = new Simulation(1, { delay: 100 }, OLD);
  const bare = new Bare(simulation.kernel);
  bare.submit(0, { opcode: IOCB_CMD_PREAD, fildes: simulation.file.fd }, SECTOR);
  simulation.kernel.after(0.001, () => simulation.kernel.crash());
  assert.equal(bare.getevents(1, undefined), -EINVAL);
});

test("requests of a context that a crash has ended fail with EINVAL", async () => {
  using simulation = new Simulation(1, {}, OLD);
  await using aio = new AioContext({ kernel: simulation.kernel });
  simulation.kernel.crash();
  aio.read(simulation.file.fd, new Uint8Array(1));
  for await (const { res } of aio) assert.equal(res, -EINVAL);
});

test("a second crash takes only what was written since the first", async () => {
  for (let seed = 0; seed < 40; seed++) {
    using simulation = new Simulation(seed, { tornWrite: 0 }, OLD);
    await write(simulation, NEW);
    simulation.kernel.crash();
    const first = sources(readFileSync(simulation.file.path));
    await using aio = new AioContext({ kernel: simulation.kernel.spawn() });
    aio.write(simulation.file.fd, NEWER.subarray(0, SECTOR));
    for await (const { res } of aio) assert.equal(res, SECTOR);
    simulation.kernel.crash();
    const second = sources(readFileSync(simulation.file.path));
    assert.ok(second === first || second === `2${first.slice(1)}`, `${first} to ${second}`);
  }
});

test("a truncate past the simulation is on the disk at once", async () => {
  for (let seed = 0; seed < 40; seed++) {
    using simulation = new Simulation(seed, { tornWrite: 0 }, OLD);
    const { fd } = simulation.file;
    await write(simulation, NEW, 8 * SECTOR);
    ftruncateSync(fd, 2 * SECTOR + 100);
    await simulation.one((aio, fd) =>
      aio.write(fd, NEWER.subarray(SECTOR, 2 * SECTOR), { position: SECTOR })
    );
    simulation.kernel.crash();
    assert.equal(fstatSync(fd).size, 2 * SECTOR + 100);
    const file = readFileSync(simulation.file.path);
    const written = Array.from(file.subarray(SECTOR, 2 * SECTOR));
    const source = written[0] === NEWER[SECTOR] ? NEWER : OLD;
    sameBytes(new Uint8Array(written), source.subarray(SECTOR, 2 * SECTOR));
    sameBytes(file.subarray(2 * SECTOR), OLD.subarray(2 * SECTOR, 2 * SECTOR + 100));
  }
});

test("a truncate behind the last write, too, and what lengthened the file meanwhile", async () => {
  for (let seed = 0; seed < 20; seed++) {
    using simulation = new Simulation(seed, { tornWrite: 0 }, OLD);
    const { fd, path } = simulation.file;
    await write(simulation, NEW, 8 * SECTOR);
    ftruncateSync(fd, 3 * SECTOR);
    simulation.kernel.crash();
    sameBytes(readFileSync(path), OLD.subarray(0, 3 * SECTOR));
  }
  for (let seed = 0; seed < 20; seed++) {
    using simulation = new Simulation(seed, { lostWrite: 1 }, OLD);
    const { fd, path } = simulation.file;
    const first = () => write(simulation, NEW);
    const lengthen = () => void writeSync(fd, NEWER, 0, SECTOR, 9 * SECTOR);
    // Behind all writes, or between two of them
    await first();
    lengthen();
    if (seed % 2 === 0) await write(simulation, NEW, 4 * SECTOR);
    simulation.kernel.crash();
    assert.equal(readFileSync(path).length, 10 * SECTOR);
    sameBytes(readFileSync(path).subarray(0, 8 * SECTOR), OLD);
  }
});

test("what was in flight at the crash does not happen later", () => {
  using simulation = new Simulation(1, { lostWrite: 1 }, OLD);
  const { kernel, file } = simulation;
  const bare = new Bare(kernel);
  for (const opcode of [IOCB_CMD_PWRITE, IOCB_CMD_PREAD]) {
    bare.submit(0, { opcode, fildes: file.fd }, 4 * SECTOR);
  }
  kernel.crash();
  const { length } = kernel.log;
  const after = new Bare(kernel.spawn());
  assert.equal(after.getevents(1, 1000), 0);
  assert.equal(kernel.log.length, length);
  sameBytes(readFileSync(file.path), OLD);
});

test("what streams had in flight at the crash completes for nobody", async () => {
  using simulation = new Simulation(1, {}, OLD);
  using fifo = new Fifo();
  fifo.fill();
  const bare = new Bare(simulation.kernel);
  const ring = new AioRing(simulation.kernel, bare.id);
  const fields = { opcode: IOCB_CMD_PREAD, fildes: fifo.fd };
  assert.equal(bare.submit(0, fields, 1), 1);
  await within((async () => {
    while (ring.tail !== 1) await sleep(1);
  })());
  fifo.fill();
  assert.equal(bare.submit(0, fields, 1), 1);
  simulation.kernel.crash();
  await sleep(50);
  assert.equal(ring.tail, 1);
});

test("a crash leaves no descriptor open", { skip: !existsSync("/proc/self/fd") }, async () => {
  using simulation = new Simulation(1, {}, OLD);
  // Of this file alone: others of the process may be closed meanwhile.
  const open = () => {
    return readdirSync("/proc/self/fd").filter((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`) === simulation.file.path;
      } catch {
        return false;
      }
    }).length;
  };
  assert.equal(open(), 1);
  await write(simulation, NEW);
  assert.equal(open(), 2);
  simulation.kernel.crash();
  assert.equal(open(), 1);
});

test("a process ends that has requests in flight at the crash", async () => {
  const source = `
    const { PortableKernel } = await import(argument);
    const kernel = new PortableKernel({ seed: 1, faults: { delay: 1000 } });
    const aio = new AioContext({ kernel });
    const fd = fs.openSync("/dev/null", "r");
    aio.read(fd, new Uint8Array(1));
    kernel.after(0.001, () => kernel.crash());
    setTimeout(() => console.log("crashed", aio.inFlight), 100);
    (async () => {
      for await (const { res } of aio) console.log("completed", res);
    })();
  `;
  const module = new URL("../../src/portable/mod.ts", import.meta.url).href;
  const { code, stdout, stderr } = await runScript(source, module, "ring");
  assert.deepEqual({ code, stdout }, { code: 0, stdout: "crashed 1" }, stderr);
});

test("the next process waits for no write that was in flight when the power failed", async () => {
  using folder = new TempFolder();
  const path = folder.join("file");
  const kernel = new PortableKernel({ seed: 1 });
  const before = await open(path, "w+", { context: new AioContext({ kernel }) });
  const failed = new Promise<void>((resolve) => {
    kernel.after(0, () => {
      kernel.crash();
      resolve();
    });
  });
  void before.write(NEW, { position: 0, durable: true });
  await within(failed);
  await using context = new AioContext({ kernel: kernel.spawn() });
  await using after = await open(path, "r+", { context });
  await within(after.truncate(0));
  await within(after.writeAt(0, OLD));
  sameBytes(await after.readAt(0, OLD.length), OLD);
  await within(before.close());
});

/** How many descriptors this process has. */
function descriptors(): number {
  return readdirSync("/proc/self/fd").length;
}

for (const direct of [false, true]) {
  test(`files and contexts of a life that has ended can be closed, direct: ${direct}`, {
    skip: existsSync("/proc/self/fd") ? false : "no /proc",
  }, async () => {
    using folder = new TempFolder();
    const before = descriptors();
    for (let seed = 0; seed < 20; seed++) {
      const kernel = new PortableKernel({ seed });
      const context = new AioContext({ kernel });
      const file = await open(folder.join("store"), "w+", { context, direct });
      const idle = await open(folder.join("store"), "r", { context, direct });
      let isSettled = false;
      file.readAt(0, 100).finally(() => isSettled = true).catch(() => {});
      context.submit();
      kernel.crash();
      await within(Promise.all([file.close(), idle.close(), context.close()]));
      assert.equal(isSettled, false);
    }
    // Descriptors of other tests may be found forgotten, and closed, meanwhile.
    assert.ok(descriptors() <= before);
  });
}

test("a request after the power has failed says so", async () => {
  using folder = new TempFolder();
  const kernel = new PortableKernel({ seed: 1 });
  await using context = new AioContext({ kernel });
  await using file = await open(folder.join("store"), "w+", { context });
  kernel.crash();
  await assert.rejects(file.readAt(0, 100), { code: "EINVAL", message: /the power has failed/ });
});

test("files that are synced need no descriptor beside the program's own", {
  skip: existsSync("/proc/self/fd") ? false : "no /proc",
}, async () => {
  using folder = new TempFolder();
  const kernel = new PortableKernel({ seed: 1 });
  await using context = new AioContext({ kernel });
  const before = descriptors();
  for (let count = 0; count < 20; count++) {
    await using file = await open(folder.join(`table-${count}`), "w+", { context });
    await file.writeAt(0, new Uint8Array(100), { durable: true });
  }
  assert.ok(descriptors() <= before);
  kernel.crash();
});

test("what was refused before a crash moves no clock after it", async () => {
  const kernel = new PortableKernel({ seed: 1, faults: { refusedSubmit: 1 } });
  using folder = new TempFolder();
  const context = new AioContext({ kernel });
  const file = await open(folder.join("store"), "w+", { context });
  context.fsync(file.fd);
  assert.equal(context.submit(), 0);
  kernel.crash();
  const time = kernel.now();
  await sleep(30);
  assert.equal(kernel.spawn().now(), time);
  await file.close();
  await context.close();
});
