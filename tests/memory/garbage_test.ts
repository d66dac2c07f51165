import assert from "node:assert/strict";
import { constants } from "node:fs";
import { AioContext } from "../../mod.ts";
import { allocate } from "../../src/memory/allocate.ts";
import { bothWays } from "../support/both_ways.ts";
import { pattern, sameBytes } from "../support/bytes.ts";
import { collectGarbage } from "../support/gc.ts";
import { O_DIRECT, SHM, TempFile } from "../support/temp.ts";

const PAGE = 4096;
const BYTES = pattern(256 * PAGE);

bothWays("fresh buffers get their bytes under pressure of the garbage collector", async (way) => {
  using file = new TempFile(BYTES, { parent: SHM });
  await using aio = new AioContext<number>({ ...way, entries: 64 });
  const READS = 2000;
  let queued = 0;
  const queue = () => {
    const position = (queued * 997) % (BYTES.length - 1000);
    aio.read(file.fd, new Uint8Array(1 + queued % 1000), { position, data: queued });
    queued++;
  };
  while (queued < 128) queue();
  const seen = new Set<number>();
  for await (const { data, res, buffer, position } of aio) {
    assert.equal(res, buffer.length);
    sameBytes(buffer, BYTES.subarray(position, position + res), `read ${data}`);
    seen.add(data);
    if (queued < READS) queue();
    if (seen.size % 100 === 0) collectGarbage();
  }
  assert.equal(seen.size, READS);
});

bothWays("allocated memory that only a request knows of stays until it is done", async (way) => {
  using file = new TempFile(BYTES, { flags: constants.O_RDONLY | O_DIRECT });
  await using aio = new AioContext({ ...way, entries: 64 });
  for (let round = 0; round < 3; round++) {
    for (let page = 0; page < 40; page++) {
      aio.read(file.fd, allocate(PAGE), { position: page * PAGE });
    }
    assert.equal(aio.submit(), 40);
    collectGarbage();
    let count = 0;
    for await (const { res, buffer, position } of aio) {
      assert.equal(res, PAGE);
      sameBytes(buffer, BYTES.subarray(position, position + PAGE));
      count++;
    }
    assert.equal(count, 40);
  }
});

bothWays("a completion that was seen keeps neither data nor buffer alive", async (way) => {
  using file = new TempFile(BYTES, { parent: SHM });
  await using aio = new AioContext<object>({ ...way, entries: 64 });
  const weak: WeakRef<object>[] = [];
  const queue = (count: number) => {
    for (let i = 0; i < count; i++) {
      const [data, buffer] = [{}, new Uint8Array(100)];
      weak.push(new WeakRef(data), new WeakRef(buffer));
      aio.read(file.fd, buffer, { data });
    }
  };
  queue(50);
  assert.equal(aio.wait(50).length, 50);
  // The next ones, few, take the places of few
  queue(1);
  assert.equal(aio.wait(1).length, 1);
  for (let round = 0; round < 5; round++) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    collectGarbage();
  }
  const alive = weak.slice(0, 100).filter((reference) => reference.deref() !== undefined).length;
  // A collector that looks at the stack may take an old word there for a reference
  assert.ok(alive < 10, `${alive} of 100 are alive`);
});

bothWays("a context dropped with requests in flight does no harm", async (way) => {
  using file = new TempFile(BYTES, { flags: constants.O_RDWR | O_DIRECT });
  const drop = () => {
    const aio = new AioContext({ ...way, entries: 16 });
    for (let page = 0; page < 16; page++) {
      aio.read(file.fd, allocate(PAGE), { position: page * PAGE });
    }
    assert.equal(aio.submit(), 16);
  };
  for (let round = 0; round < 4; round++) {
    drop();
    collectGarbage();
    // What another program of the same process does with its memory meanwhile
    const memories = Array.from({ length: 20 }, () => allocate(PAGE).fill(0x55));
    await new Promise((resolve) => setTimeout(resolve, 2));
    collectGarbage();
    for (const memory of memories) assert.ok(memory.every((byte) => byte === 0x55));
  }
});
