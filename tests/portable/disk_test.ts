import assert from "node:assert/strict";
import { closeSync, openSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { AioContext, allocate } from "../../mod.ts";
import { RWF_APPEND, RWF_DSYNC } from "../../src/abi/rw_flags.ts";
import { PortableKernel } from "../../src/portable/mod.ts";
import { pattern } from "../support/bytes.ts";
import { runScript } from "../support/script.ts";
import { TempFile } from "../support/temp.ts";

const BLOCK = 4096;

const turn = () => new Promise<void>((resolve) => setTimeout(resolve, 0));

/** More reads than are done before threads are started for them. */
async function warm(aio: AioContext<number>, fd: number): Promise<void> {
  const memory = allocate(64 * BLOCK);
  for (let index = 0; index < 200; index++) {
    const start = (index % 64) * BLOCK;
    aio.read(fd, memory.subarray(start, start + BLOCK), { position: 0 });
    if (index % 64 === 63) { for await (const { res } of aio) assert.equal(res, BLOCK); }
  }
  for await (const { res } of aio) assert.equal(res, BLOCK);
}

test("a thread that waits gets the write that another thread has", async () => {
  using file = new TempFile(pattern(16 * BLOCK));
  const fd = openSync(file.path, "r+");
  await using aio = new AioContext<number>({ entries: 64, kernel: new PortableKernel() });
  const bytes = pattern(BLOCK, 0x33);
  for (let round = 0; round < 20; round++) {
    for (let index = 0; index < 8; index++) {
      aio.write(fd, bytes, { position: index * BLOCK, data: index });
    }
    aio.submit();
    // Microtasks hand the requests to other threads
    await Promise.resolve();
    if (round % 2 === 0) await turn();
    let count = 0;
    const completed = ({ res }: { res: number }) => {
      assert.equal(res, BLOCK);
      count++;
    };
    try {
      while (count < 8) aio.wait(8 - count).forEach(completed);
    } catch (error) {
      // Where threads have descriptors of their own, and with them no place for a write
      if (!("Deno" in globalThis)) throw error;
      assert.equal((error as { code?: string }).code, "EDEADLK");
      for await (const completion of aio) completed(completion);
    }
    assert.equal(count, 8);
  }
  closeSync(fd);
  assert.deepEqual(readFileSync(file.path).subarray(0, BLOCK), Buffer.from(bytes));
});

test("a thread that waits gets the reads that other threads have", async () => {
  const content = pattern(256 * BLOCK);
  using file = new TempFile(content);
  const fd = openSync(file.path, "r");
  await using aio = new AioContext<number>({ entries: 64, kernel: new PortableKernel() });
  for (let round = 0; round < 30; round++) {
    if (round === 10) await warm(aio, fd);
    for (let index = 0; index < 64; index++) {
      const position = ((round * 64 + index) % 256) * BLOCK;
      aio.read(fd, new Uint8Array(BLOCK), { position, data: position });
    }
    aio.submit();
    await Promise.resolve();
    const batch = aio.wait(64);
    assert.equal(batch.length, 64);
    for (const { res, buffer, data } of batch) {
      assert.equal(res, BLOCK);
      assert.ok(Buffer.from(content.subarray(data!, data! + BLOCK)).equals(buffer!));
    }
  }
  closeSync(fd);
});

test("a transfer longer than the memory of a thread is done in pieces", async () => {
  const content = pattern(3_000_001);
  using file = new TempFile(new Uint8Array(0));
  const fd = openSync(file.path, "r+");
  await using aio = new AioContext<number>({ entries: 4, kernel: new PortableKernel() });
  await warmWrites(aio, fd);
  aio.write(fd, content, { position: 17 });
  for await (const { res } of aio) assert.equal(res, content.length);
  const back = new Uint8Array(content.length + 100);
  aio.read(fd, back, { position: 17 });
  for await (const { res } of aio) assert.equal(res, content.length);
  assert.ok(Buffer.from(back.subarray(0, content.length)).equals(content));
  closeSync(fd);
});

async function warmWrites(aio: AioContext<number>, fd: number): Promise<void> {
  for (let index = 0; index < 8; index++) aio.write(fd, new Uint8Array(8), { position: 0 });
  for await (const { res } of aio) assert.equal(res, 8);
}

test("writes with RWF_APPEND that are in flight together do not hit each other", async () => {
  using file = new TempFile(new Uint8Array(0));
  const fd = openSync(file.path, "r+");
  await using aio = new AioContext<number>({ entries: 32, kernel: new PortableKernel() });
  for (let index = 0; index < 100; index++) {
    const flags = index % 2 === 0 ? RWF_APPEND : RWF_APPEND | RWF_DSYNC;
    aio.write(fd, new Uint8Array(100).fill(index), { flags, data: index });
  }
  let count = 0;
  for await (const { res } of aio) {
    assert.equal(res, 100);
    count++;
  }
  closeSync(fd);
  assert.equal(count, 100);
  const content = readFileSync(file.path);
  assert.equal(content.length, 10_000);
  const seen = new Set<number>();
  for (let start = 0; start < content.length; start += 100) {
    const value = content[start]!;
    assert.ok(content.subarray(start, start + 100).every((byte) => byte === value));
    seen.add(value);
  }
  assert.equal(seen.size, 100);
});

test("an error of another thread has the number of Linux", async () => {
  using file = new TempFile(new Uint8Array(0));
  const fd = openSync(file.path, "r+");
  await using aio = new AioContext<number>({ entries: 4, kernel: new PortableKernel() });
  await warmWrites(aio, fd);
  aio.write(fd, new Uint8Array(8), { position: Number.MAX_SAFE_INTEGER - 8 });
  for await (const { error } of aio) assert.equal(error?.code, "EFBIG");
  closeSync(fd);
});

test("a process with requests in flight lives until they are done, and ends then", async () => {
  using file = new TempFile(pattern(64 * BLOCK));
  const portable = new URL("../../src/portable/mod.ts", import.meta.url).href;
  const { code, stdout } = await runScript(
    `
    const { PortableKernel } = await import(${JSON.stringify(portable)});
    const fd = fs.openSync(argument, "r+");
    const aio = new AioContext({ entries: 64, kernel: new PortableKernel() });
    let count = 0;
    (async () => {
      for (let round = 0; round < 20; round++) {
        for (let index = 0; index < 32; index++) {
          aio.read(fd, new Uint8Array(4096), { position: index * 4096 });
          aio.write(fd, new Uint8Array(4096), { position: index * 4096 });
        }
        for await (const { res } of aio) if (res === 4096) count++;
      }
      console.log(count);
    })();
  `,
    file.path,
    "",
  );
  assert.deepEqual([code, stdout], [0, "1280"]);
});
