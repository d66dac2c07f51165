import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { AioContext } from "../../mod.ts";
import { open } from "../../mod.ts";
import { type Faults, formatLog } from "../../src/portable/mod.ts";
import { pattern } from "../support/bytes.ts";
import { Fifo } from "../support/fifo.ts";
import { Random } from "../support/random.ts";
import { Simulation } from "../support/simulation.ts";

const ALL: Faults = {
  shortRead: 0.2,
  readError: 0.1,
  bitRot: 0.1,
  shortWrite: 0.2,
  writeError: 0.1,
  fullDisk: 0.1,
  syncError: 0.3,
  refusedSubmit: 0.1,
};

/** A program whose requests depend on the order of its completions. */
async function program(seed: number, faults: Faults, pause: () => void): Promise<string> {
  using simulation = new Simulation(seed, faults, pattern(65536));
  const { kernel, file } = simulation;
  await using aio = new AioContext<number>({ kernel, entries: 8 });
  const results: string[] = [];
  let next = 0;
  const queue = () => {
    const data = next++;
    if (data % 3 === 0) aio.write(file.fd, new Uint8Array(1024), { position: 512 * data, data });
    else if (data % 7 === 1) aio.fdatasync(file.fd, { data });
    else aio.read(file.fd, new Uint8Array(2048), { position: 512 * data, data });
  };
  for (let i = 0; i < 12; i++) queue();
  for await (const { data, res } of aio) {
    results.push(`${data}:${res}`);
    pause();
    if (next < 60) queue();
    if (next < 60 && res % 3 === 0) queue();
  }
  kernel.crash();
  return `${formatLog(kernel.log)}\n${results.join(" ")}\n${kernel.now()}`;
}

/** A program of files, whose operations run beside each other. */
async function files(seed: number, faults: Faults, pause: () => void): Promise<string> {
  using simulation = new Simulation(seed, faults, pattern(65536));
  const { kernel, file } = simulation;
  await using aio = new AioContext({ kernel, entries: 4 });
  await using opened = await open(file.path, "r+", { context: aio });
  const results: string[] = [];
  const worker = async (which: number) => {
    for (let i = 0; i < 10; i++) {
      const position = 4096 * which + 300 * i;
      try {
        if (i % 4 === 3) await opened.datasync();
        else if (i % 2 === 0) results.push((await opened.readAt(position, 900))[0]!.toString());
        else await opened.write(new Uint8Array(700).fill(i), 0, 700, position);
      } catch (error) {
        results.push((error as { code: string }).code);
      }
      results.push(`${which}.${i}`);
      pause();
      if (i === 5) await setImmediate();
    }
  };
  await Promise.all([0, 1, 2, 3, 4, 5].map(worker));
  return `${formatLog(kernel.log)}\n${results.join(" ")}\n${kernel.now()}`;
}

/** Two contexts, each with a loop of its own. */
async function contexts(seed: number, faults: Faults, pause: () => void): Promise<string> {
  using simulation = new Simulation(seed, { ...faults, refusedSubmit: 0.3 }, pattern(65536));
  const { kernel, file } = simulation;
  const results: string[] = [];
  const loop = async (which: number, count: number) => {
    await using aio = new AioContext<number>({ kernel, entries: 2 });
    const queue = (data: number) => {
      aio.read(file.fd, new Uint8Array(1000), { position: 1000 * data, data });
    };
    queue(0);
    let next = 1;
    for await (const { data, res } of aio) {
      results.push(`${which}.${data}:${res}`);
      pause();
      // One after the other, so that the context has nothing in flight when it is refused
      if (next < count) queue(next++);
    }
  };
  await Promise.all([loop(0, 20), loop(1, 20), loop(2, 10)]);
  return `${formatLog(kernel.log)}\n${results.join(" ")}\n${kernel.now()}`;
}

/** One loop that feeds two contexts: which of them sends first depends on the real clock. */
async function feeder(seed: number, faults: Faults, pause: () => void): Promise<string> {
  // A context sends the rest of a short read by a timer, if it has nothing else in flight
  using simulation = new Simulation(seed, { ...faults, shortRead: 0 }, pattern(65536));
  const { kernel, file } = simulation;
  await using aio = new AioContext<number>({ kernel, entries: 4 });
  await using other = new AioContext({ kernel, entries: 4 });
  await using opened = await open(file.path, "r", { context: other });
  const results: string[] = [];
  const reads: Promise<unknown>[] = [];
  aio.read(file.fd, new Uint8Array(10), { data: 0 });
  let next = 1;
  for await (const { data, res } of aio) {
    results.push(`${data}:${res}`);
    pause();
    if (next === 20) continue;
    const position = 10 * next;
    aio.read(file.fd, new Uint8Array(10), { position, data: next++ });
    const told = (result: unknown) => results.push(`${position}:${result}`);
    reads.push(
      opened.readAt(position, 700).then(({ length }) => told(length), ({ code }) => told(code)),
    );
  }
  await Promise.all(reads);
  return `${formatLog(kernel.log)}\n${results.join(" ")}\n${kernel.now()}`;
}

/** Holds the thread for 3 ms, now and then: longer than a context allows itself. */
function slow(): () => void {
  const random = new Random(Math.trunc(performance.now() * 1000));
  return () => {
    if (!random.once(5)) return;
    const end = performance.now() + 3;
    while (performance.now() < end);
  };
}

const LOG = `\
       0.000        submit    EAGAIN
       0.446     #1 read      file 1 0+4096 short 512
       1.232     #3 read      file 1 4050+100 EIO
       1.391     #2 write     file 1 0+4096 short 1024
       2.627     #5 write     file 1 2+10 short 2
       3.089     #4 fsync     file 1 EIO
       3.433    #10 write     file 1 2+10 ENOSPC
       3.510     #9 fsync     file 1 completed
       4.314     #7 write     file 1 4096+4096 short 3072
       4.634     #6 read      file 1 0+4096 short 2560
       4.854     #8 read      file 1 4050+100 completed
       4.854        submit    EAGAIN
       5.164    #12 write     file 1 8192+4096 completed
       5.798    #11 read      file 1 0+4096 rotten 4096 bit 6568
       6.042    #14 fsync     file 1 EIO
       6.118    #15 write     file 1 2+10 completed
       6.567    #13 read      file 1 4050+100 completed
       6.567        crash     crashed
       6.567     #7 write     file 1 4096+3072 torn .xxx.x
       6.567    #12 write     file 1 8192+4096 lost
       6.567    #15 write     file 1 2+10 kept`;

/** FNV-1a, so that a text can be told from others by a number. */
function hash(text: string): string {
  let state = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    state = Math.imul(state ^ text.charCodeAt(i), 0x01000193);
  }
  return (state >>> 0).toString(16).padStart(8, "0");
}

const idle = () => {};

for (const [name, run] of Object.entries({ program, files, contexts, feeder })) {
  test(`the same seed gives the same run: ${name}`, async () => {
    const first = await run(3, ALL, idle);
    assert.equal(await run(3, ALL, idle), first);
    assert.notEqual(await run(4, ALL, idle), first);
  });

  test(`a slow program gets the same run as a quick one: ${name}`, async () => {
    for (let seed = 0; seed < 4; seed++) {
      const quick = await run(seed, ALL, idle);
      assert.equal(await run(seed, ALL, slow()), quick, `seed ${seed}`);
    }
  });
}

test("the same run in every runtime", async () => {
  const hashes: string[] = [];
  for (const seed of [0, 1, 2, 0xffffffff]) {
    for (const run of [program, files, contexts, feeder]) {
      hashes.push(hash(await run(seed, ALL, idle)));
    }
  }
  assert.equal(
    hashes.join(" "),
    "d4a56fb5 a7f9ebb9 6decae13 aff20e58 71f774f5 09eca755 340f1eaf e603fcae " +
      "762486f1 553d5028 d9b45772 d9379f45 8cdb1bdf 4cd22a56 3c3786b6 55dfff9d",
  );
});

test("the text of a log, to the byte, in every runtime", async () => {
  using simulation = new Simulation(80, { ...ALL, tornWrite: 1 }, pattern(4096));
  for (let round = 0; round < 3; round++) {
    await simulation.run((aio, fd) => {
      aio.read(fd, new Uint8Array(4096));
      aio.write(fd, new Uint8Array(4096), { position: 4096 * round });
      aio.read(fd, new Uint8Array(100), { position: 4050 });
      aio.fsync(fd);
      aio.write(fd, new Uint8Array(10), { position: 2 });
    });
  }
  simulation.kernel.crash();
  assert.equal(formatLog(simulation.kernel.log), LOG);
});

test("a fault that is added does not change when the others complete", async () => {
  const times = async (faults: Faults) => {
    using simulation = new Simulation(5, faults, pattern(65536));
    await simulation.run((aio, fd) => {
      for (let i = 0; i < 30; i++) aio.read(fd, new Uint8Array(2048), { position: 512 * i });
    });
    return simulation.kernel.log.map(({ time, request }) => `${request} ${time}`);
  };
  assert.deepEqual(await times({ shortRead: 0.5, bitRot: 0.5, readError: 0.5 }), await times({}));
});

test("streams are not simulated: they go on beside it", async () => {
  using simulation = new Simulation(1, { readError: 1 }, pattern(512));
  using fifo = new Fifo();
  using pipe = simulation.kernel.pipe({ blocking: true });
  fifo.fill();
  const completions = await simulation.run<string>((aio, fd) => {
    aio.read(fifo.fd, new Uint8Array(4), { data: "fifo" });
    aio.read(pipe.readFd, new Uint8Array(4), { data: "pipe" });
    aio.read(fd, new Uint8Array(4), { data: "file" });
    simulation.kernel.after(1000, () => pipe.write(new Uint8Array(3)));
  });
  const results = completions.map(({ data, res }) => `${data} ${res}`);
  assert.deepEqual(results.sort(), ["fifo 1", "file -5", "pipe 3"]);
  assert.deepEqual(simulation.fates(), ["EIO"]);
});
