import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "node:test";
import { AioContext, type AioContextOptions } from "../../mod.ts";
import { PROMPT_BEFORE_SILENT } from "../../src/tuning.ts";
import { pattern } from "../support/bytes.ts";
import { LateKernel } from "../support/late_kernel.ts";
import { linuxOnly } from "../support/real_kernel.ts";
import { TempFile } from "../support/temp.ts";
import { within } from "../support/within.ts";

const LINUX = linuxOnly("holds requests back");
const CONTENT = pattern(65536);
const DEPTH = 64;

/** Reads a cached file until requests no longer signal the eventfd. */
async function readUntilSilent(aio: AioContext, late: LateKernel, fd: number): Promise<void> {
  const memory = new Uint8Array(512);
  for (let count = 0; late.flags.at(-1) !== 0; count += DEPTH) {
    assert.ok(count < 100 * PROMPT_BEFORE_SILENT, "requests signal for ever");
    for (let i = 0; i < DEPTH; i++) aio.read(fd, memory, { position: 512 * i });
    for await (const { res } of aio) assert.equal(res, 512);
  }
}

const WAYS: Record<string, AioContextOptions> = {
  "sleeping in io_getevents": { maxWait: 100 },
  "not sleeping": { maxWait: 0 },
  "without the ring": { reap: "syscall" },
};

for (const [name, options] of Object.entries(WAYS)) {
  test(`a read that is late when requests are silent is found (${name})`, LINUX, async () => {
    using file = new TempFile(CONTENT);
    const late = new LateKernel();
    await using aio = new AioContext({ ...options, kernel: late.kernel, entries: DEPTH });
    await within(readUntilSilent(aio, late, file.fd));
    for (const delay of [1, 20, 150]) {
      late.delay = delay;
      const memory = new Uint8Array(1000);
      aio.read(file.fd, memory, { position: 77 });
      const silent = await within(onlyOne(aio));
      assert.deepEqual([silent.res, memory], [1000, CONTENT.slice(77, 1077)]);
    }
    // The first was silent, and the others were not.
    assert.deepEqual(late.flags.slice(-3), [0, 1, 1]);
  });

  test(`reads that signal are found beside a silent one (${name})`, LINUX, async () => {
    using file = new TempFile(CONTENT);
    const late = new LateKernel();
    await using aio = new AioContext<number>({ ...options, kernel: late.kernel, entries: DEPTH });
    await within(readUntilSilent(aio, late, file.fd));
    const found: number[] = [];
    late.delay = 200;
    aio.read(file.fd, new Uint8Array(10), { data: 1 });
    const reading = (async () => {
      for await (const { data } of aio) found.push(data!);
    })();
    // The event loop looks, finds nothing, and sleeps.
    while (late.held === 0) await sleep(1);
    await sleep(20);
    late.delay = 1;
    aio.read(file.fd, new Uint8Array(10), { data: 2 });
    aio.submit();
    await within(reading);
    assert.deepEqual(found.sort(), [1, 2]);
    assert.deepEqual(late.flags.slice(-2), [0, 1]);
  });
}

test("reads and writes are silent, of one buffer and of several; syncs signal", LINUX, async () => {
  using file = new TempFile(CONTENT);
  const late = new LateKernel();
  await using aio = new AioContext({ kernel: late.kernel, entries: DEPTH });
  await within(readUntilSilent(aio, late, file.fd));
  const memory = pattern(512);
  aio.write(file.fd, memory);
  aio.readv(file.fd, [new Uint8Array(100), new Uint8Array(412)]);
  aio.writev(file.fd, [memory], { position: 512 });
  aio.fdatasync(file.fd);
  for await (const { error } of aio) assert.equal(error, undefined);
  assert.deepEqual(late.flags.slice(-4), [0, 0, 0, 1]);
});

test("a process stays for a silent read", LINUX, async () => {
  using file = new TempFile(CONTENT);
  const late = new LateKernel();
  await using aio = new AioContext({ kernel: late.kernel, entries: DEPTH });
  await within(readUntilSilent(aio, late, file.fd));
  late.delay = 50;
  aio.read(file.fd, new Uint8Array(10));
  aio.submit();
  // Nobody asks for it until it is there.
  await sleep(100);
  const { res } = await within(onlyOne(aio));
  assert.equal(res, 10);
});

async function onlyOne(aio: AioContext): Promise<{ res: number }> {
  const found: { res: number }[] = [];
  for await (const { res } of aio) found.push({ res });
  assert.equal(found.length, 1);
  return found[0]!;
}
