import assert from "node:assert/strict";
import { fstatSync } from "node:fs";
import process from "node:process";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { POLLIN } from "../../src/abi/poll.ts";
import { AioContext } from "../../mod.ts";
import { open } from "../../mod.ts";
import { PortableKernel } from "../../src/portable/mod.ts";
import { bothWays } from "../support/both_ways.ts";
import { pattern, sameBytes } from "../support/bytes.ts";
import { decorate } from "../support/decorated_kernel.ts";
import { collectGarbage } from "../support/gc.ts";
import { Pollable } from "../support/pollable.ts";
import { real } from "../support/real_kernel.ts";
import { runFileScript } from "../support/file_script.ts";
import { TempFile } from "../support/temp.ts";

const PAGE = 4096;
const BYTES = pattern(64 * PAGE);

/** The warnings of kaio so far, and where their numbers are asked for. */
const warnings: string[] = [];
process.on("warning", (warning: Error & { code?: string }) => {
  if (warning.code === "KAIO_NOT_CLOSED") warnings.push(warning.message);
});

/**
 * Collects garbage until something is so.
 *
 * @param again Forgets one more: a collector that takes any word on the stack for a reference can
 * hold on to one object for as long as it likes
 */
async function until(
  condition: () => boolean,
  again: () => unknown = () => {},
): Promise<void> {
  for (let round = 1; round <= 500; round++) {
    if (round % 100 === 0) await again();
    collectGarbage();
    // By timer: callbacks of the collector, warnings and completions all want their turn
    await sleep(5);
    if (condition()) return;
  }
  assert.fail("The garbage collector does not find what was forgotten");
}

/**
 * Collects garbage twice, and waits for longer than it takes until a warning comes: what the first
 * collection frees may hold what the second one finds. Not more often, as each takes up to a tenth
 * of a second.
 */
async function collectOften(): Promise<void> {
  for (let round = 0; round < 2; round++) {
    collectGarbage();
    await sleep(60);
  }
}

/** Waits for the warnings of what the tests before have forgotten. */
async function noWarnings(): Promise<void> {
  await collectOften();
  warnings.length = 0;
}

function counting(): { kernel: typeof real; setups: () => number } {
  let setups = 0;
  const kernel = decorate({
    io_setup(nr_events, ctxp) {
      setups++;
      return real.io_setup(nr_events, ctxp);
    },
  });
  return { kernel: kernel as typeof real, setups: () => setups };
}

bothWays("a context that was forgotten goes to the pool, with a warning", async (way) => {
  const { kernel, setups } = counting();
  warnings.length = 0;
  (() => void new AioContext({ ...way, kernel, entries: 3 }))();
  await until(() => warnings.length >= 1);
  assert.match(
    warnings[0]!,
    /^AioContext was not closed before it became unreachable; made at .*forgotten_test\.ts:\d+:\d+\)?$/,
  );
  await using _next = new AioContext({ ...way, kernel, entries: 3 });
  assert.equal(setups(), 1);
});

bothWays("so does one that the data of its completions leads to", async (way) => {
  using file = new TempFile(BYTES);
  warnings.length = 0;
  const forget = async () => {
    const aio = new AioContext<unknown>({ ...way, entries: 8 });
    for (let i = 0; i < 5; i++) aio.read(file.fd, new Uint8Array(PAGE), { data: aio });
    for await (const { data } of aio) assert.equal(data, aio);
    // At the end more operations are used again than have come back since.
    for (const count of [3, 1, 2]) {
      for (let i = 0; i < count; i++) aio.read(file.fd, new Uint8Array(PAGE), { data: aio });
      for (const { data } of aio.wait(count)) assert.equal(data, aio);
    }
  };
  await forget();
  await until(() => warnings.length >= 1, forget);
});

bothWays("what a forgotten context has queued is never sent", async (way) => {
  using file = new TempFile(new Uint8Array(PAGE));
  const { kernel, setups } = counting();
  warnings.length = 0;
  (() => {
    const aio = new AioContext({ ...way, kernel, entries: 3 });
    // More than it has places for
    for (let at = 0; at < 5; at++) aio.write(file.fd, BYTES.subarray(0, 5), { position: 7 * at });
  })();
  await until(() => warnings.length >= 1);
  await collectOften();
  // It was given back, and goes on to work
  await using reader = new AioContext({ ...way, kernel, entries: 3 });
  assert.equal(setups(), 1);
  reader.read(file.fd, new Uint8Array(PAGE));
  for await (const { res, buffer } of reader) {
    assert.equal(res, PAGE);
    sameBytes(buffer, new Uint8Array(PAGE));
  }
});

bothWays("a loop whose context nobody else has goes on", async (way) => {
  using file = new TempFile(BYTES);
  const ROUNDS = 50;
  const begin = () => {
    const aio = new AioContext<number>({ ...way, entries: 3 });
    for (let round = 0; round < ROUNDS; round++) {
      aio.read(file.fd, new Uint8Array(PAGE), { position: round * PAGE, data: round });
    }
    return aio[Symbol.asyncIterator]();
  };
  const seen = new Set<number>();
  const loop = async (isFirst: boolean) => {
    seen.clear();
    for await (const { res, data, buffer } of begin()) {
      assert.equal(res, PAGE);
      sameBytes(buffer, BYTES.subarray(data * PAGE, (data + 1) * PAGE));
      seen.add(data);
      if (seen.size % 10 === 0) {
        collectGarbage();
        await sleep(40);
      }
      if (isFirst) assert.deepEqual(warnings, []);
    }
  };
  await noWarnings();
  await loop(true);
  assert.equal(seen.size, ROUNDS);
  await until(() => warnings.length >= 1, () => loop(false));
});

bothWays("a loop that waits for long holds its context", async (way) => {
  using pipe = new Pollable();
  const wait = async () => {
    const aio = new AioContext({ ...way, entries: 3 });
    aio.poll(pipe.fd, POLLIN);
    const results: number[] = [];
    for await (const batch of aio.batches()) for (const { res } of batch) results.push(res);
    return results;
  };
  await noWarnings();
  const results = wait();
  await collectOften();
  assert.deepEqual(warnings, []);
  pipe.fill();
  assert.equal((await results)[0]! & POLLIN, POLLIN);
  await until(() => warnings.length >= 1, wait);
});

for (const state of ["waits", "is over"]) {
  bothWays(`a loop that ${state} does not keep its last completion alive`, async (way) => {
    using file = new TempFile(BYTES);
    using pipe = new Pollable();
    await using aio = new AioContext<object>({ ...way, entries: 16 });
    const collected = new Set<string>();
    const registry = new FinalizationRegistry((what: string) => collected.add(what));
    const loops: AsyncIterator<unknown>[] = [];
    const waiting: Promise<unknown>[] = [];
    let polls = 0;
    const begin = async () => {
      for (const loop of loops) await loop.return?.();
      for (let i = 0; i < 4; i++) aio.read(file.fd, new Uint8Array(PAGE), { data: {} });
      const loop = aio[Symbol.asyncIterator]();
      loops.push(loop);
      for (let i = 0; i < 4; i++) {
        const { data, buffer } = (await loop.next()).value;
        // The last of them are ready when they are asked for: only polls are left.
        while (aio.queued + aio.inFlight > polls) await sleep(1);
        if (i < 3) continue;
        registry.register(data, "data");
        registry.register(buffer, "buffer");
      }
      if (state === "waits") {
        aio.poll(pipe.fd, POLLIN);
        polls++;
      }
      waiting.push(loop.next());
    };
    await begin();
    await until(() => collected.size === 2, begin);
    pipe.fill();
    await Promise.all(waiting);
  });
}

bothWays("steps that wait together do not keep what they have brought alive", async (way) => {
  using file = new TempFile(BYTES);
  await using aio = new AioContext({ ...way, entries: 16 });
  let collected = 0;
  const registry = new FinalizationRegistry(() => collected++);
  const loop = aio[Symbol.asyncIterator]();
  const step = async () => {
    for (let i = 0; i < 8; i++) aio.read(file.fd, new Uint8Array(PAGE));
    const begun = performance.now();
    // This turn is over then: the steps wait for the next one.
    while (performance.now() - begun < 2);
    const steps = await Promise.all(Array.from({ length: 8 }, () => loop.next()));
    for (const { value } of steps) registry.register(value.buffer, undefined);
  };
  await step();
  // All but the last one, and what a collector takes for a reference.
  await until(() => collected >= 4);
  await loop.return?.();
});

test("a file that was forgotten is closed, with a warning", async () => {
  using file = new TempFile(BYTES);
  warnings.length = 0;
  const forget = async () => {
    const forgotten = await open(file.path);
    return forgotten.fd;
  };
  const fd = await forget();
  await until(() => warnings.length >= 1);
  assert.ok(warnings[0]!.startsWith(`AioFile of '${file.path}' was not closed`), `${warnings[0]}`);
  await until(() => !isOpen(fd));
  // Something was forgotten, so the places are noted now.
  warnings.length = 0;
  await forget();
  await until(() => warnings.length >= 1, forget);
  assert.match(warnings[0]!, /; made at .*forgotten_test\.ts:\d+:\d+\)?$/);
});

test("the first warning of a process names the file, the next one the place", async () => {
  using file = new TempFile(BYTES);
  const { stderr } = await runFileScript(
    `
      const { setTimeout } = await import("node:timers/promises");
      const collect = globalThis.gc ?? globalThis.Bun?.gc;
      for (let round = 0; round < 2; round++) {
        let warned = false;
        process.on("warning", ({ code }) => warned ||= code === "KAIO_NOT_CLOSED");
        for (let times = 0; !warned; times++) {
          // Once more where the collector holds on to the last one.
          if (times % 50 === 0) await (async () => void await open(argument))();
          collect(true);
          await setTimeout(5);
        }
      }
      process.exit(0);
    `,
    { argument: file.path },
  );
  const warnings = stderr.split("KAIO_NOT_CLOSED").slice(1);
  assert.match(warnings[0]!, /AioFile of .*; later warnings will say where it was made/s);
  assert.match(warnings.at(-1)!, /AioFile of .*; made\s+at /s);
});

function isOpen(fd: number): boolean {
  try {
    fstatSync(fd);
    return true;
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, "EBADF");
    return false;
  }
}

for (const direct of [false, "try"] as const) {
  test(`a scan goes on when nobody has its file, direct: ${direct}`, async () => {
    using file = new TempFile(BYTES);
    const scan = async () => {
      let blocks = 0;
      const opened = (await open(file.path, "r", { direct })).scan({ blockSize: PAGE, depth: 3 });
      for await (const { position, bytes } of opened) {
        sameBytes(bytes, BYTES.subarray(position, position + PAGE));
        if (++blocks % 8 === 0) {
          collectGarbage();
          await sleep(20);
        }
        assert.deepEqual(warnings, []);
      }
      assert.equal(blocks, BYTES.length / PAGE);
    };
    await forgetting(1, scan);
  });

  test(`readMany waits for its producer when nobody has its file, direct: ${direct}`, async () => {
    using file = new TempFile(BYTES);
    const slowly = async function* () {
      for (let page = 0; page < 5; page++) {
        await collectOften();
        yield { position: page * PAGE, length: 10 };
      }
    };
    const readMany = async () => {
      let count = 0;
      const opened = (await open(file.path, "r", { direct })).readMany(slowly());
      for await (const { position, bytes } of opened) {
        sameBytes(bytes, BYTES.subarray(position, position + 10));
        assert.deepEqual(warnings, []);
        count++;
      }
      assert.equal(count, 5);
    };
    await forgetting(1, readMany);
  });

  test(`reads end when nobody has their files, direct: ${direct}`, async () => {
    using file = new TempFile(BYTES);
    const FILES = 10;
    const read = async (_: unknown, page: number) => {
      const opened = await open(file.path, "r", { direct });
      const promise = opened.readAt(page * PAGE, 100);
      collectGarbage();
      sameBytes(await promise, BYTES.subarray(page * PAGE, page * PAGE + 100));
    };
    await forgetting(FILES, () => Promise.all(Array.from({ length: FILES }, read)));
  });
}

/** Runs what forgets so many files, and waits until they are found. */
async function forgetting(count: number, body: () => Promise<unknown>): Promise<void> {
  warnings.length = 0;
  await body();
  await until(() => warnings.length >= count);
}

test("a file holds the context it was opened with", async () => {
  using file = new TempFile(BYTES);
  const { kernel, setups } = counting();
  const work = async () => {
    const context = new AioContext({ kernel, entries: 3 });
    return await open(file.path, "r", { context, direct: "try" });
  };
  const use = async () => {
    const opened = await work();
    await collectOften();
    assert.deepEqual(warnings, []);
    sameBytes(await opened.readAt(5, 10), BYTES.subarray(5, 15));
    await opened.close();
  };
  await noWarnings();
  await use();
  await until(() => warnings.length > 0, async () => await (await work()).close());
  assert.match(warnings[0]!, /^AioContext /);
  const before = setups();
  await using _next = new AioContext({ kernel, entries: 3 });
  assert.equal(setups(), before);
});

test("what was closed is no news, nor is the context of all files", async () => {
  using file = new TempFile(BYTES);
  const work = async () => {
    await using opened = await open(file.path);
    await opened.readAt(0, 10);
    await using aio = new AioContext({ entries: 3 });
    aio.read(file.fd, new Uint8Array(10));
    for await (const { res } of aio) assert.equal(res, 10);
  };
  await noWarnings();
  await work();
  await collectOften();
  assert.deepEqual(warnings, []);
  await work();
});

test("contexts on a kernel of the user are found as well", async () => {
  warnings.length = 0;
  (() => void new AioContext({ kernel: new PortableKernel({ seed: 1 }) }))();
  await until(() => warnings.length >= 1);
  assert.match(warnings[0]!, /^AioContext was not closed/);
});
