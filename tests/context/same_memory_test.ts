import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { AioContext, allocate } from "../../mod.ts";
import { bothWays } from "../support/both_ways.ts";
import { pattern, sameBytes } from "../support/bytes.ts";
import { TempFile } from "../support/temp.ts";

const PAGE = 4096;
const PAGES = 64;
const BYTES = pattern(PAGES * PAGE);

/** Memory of the kinds that are found in different ways. */
const KINDS: Record<string, (length: number) => Uint8Array> = {
  "memory from allocate": allocate,
  "a part of memory from allocate": (length) => allocate(3 * PAGE).subarray(PAGE, PAGE + length),
  "a Buffer": (length) => Buffer.alloc(length),
  "a Uint8Array": (length) => new Uint8Array(length),
};

/** Of which kinds requests are that follow one another: each is followed by each. */
const ORDER = Object.values(KINDS).flatMap((first) =>
  Object.values(KINDS).flatMap((second) => [first, first, second])
);

for (const [name, make] of Object.entries(KINDS)) {
  bothWays(`requests that answer a completion use its memory: ${name}`, async (way) => {
    using file = new TempFile(BYTES);
    await using aio = new AioContext<number>({ ...way, entries: 4 });
    let next = 0;
    const request = (buffer: Uint8Array) =>
      aio.read(file.fd, buffer, { position: PAGE * next, data: next++ });
    for (let i = 0; i < 3; i++) request(make(PAGE));
    for await (const { res, buffer, data } of aio) {
      assert.equal(res, PAGE);
      sameBytes(buffer, BYTES.subarray(PAGE * data, PAGE * (data + 1)));
      buffer.fill(0);
      if (next < PAGES) request(buffer);
    }
    assert.equal(next, PAGES);
  });
}

bothWays("requests that answer a completion use the memory that they name", async (way) => {
  using file = new TempFile(BYTES);
  await using aio = new AioContext<number>({ ...way, entries: 2 });
  const before = new Map<Uint8Array, Uint8Array>();
  let next = 0;
  const request = (buffer: Uint8Array) => {
    before.delete(buffer);
    aio.read(file.fd, buffer, { position: PAGE * next, data: next++ });
  };
  request(ORDER[0]!(PAGE));
  for await (const { buffer, data } of aio) {
    // What has no memory comes in between.
    if (buffer === undefined) continue;
    sameBytes(buffer, BYTES.subarray(PAGE * data, PAGE * (data + 1)));
    for (const [other, bytes] of before) sameBytes(other, bytes);
    before.set(buffer, buffer.slice());
    if (next % 5 === 0) aio.fdatasync(file.fd);
    if (next < ORDER.length) request(next % 3 === 1 ? buffer : ORDER[next]!(PAGE));
  }
  assert.equal(next, ORDER.length);
});

bothWays("writes that answer a read write what its memory holds then", async (way) => {
  for (const make of Object.values(KINDS)) {
    using file = new TempFile(BYTES);
    await using aio = new AioContext<string>({ ...way, entries: 2 });
    const buffer = make(PAGE);
    aio.read(file.fd, buffer, { data: "read" });
    for await (const { res, data } of aio) {
      assert.equal(res, PAGE);
      if (data === "read") aio.write(file.fd, buffer.fill(7), { position: PAGE, data: "written" });
      if (data === "written") aio.read(file.fd, buffer.fill(0), { position: PAGE });
    }
    sameBytes(buffer, new Uint8Array(PAGE).fill(7));
  }
});

bothWays("a completion that a caller changes leads no read astray", async (way) => {
  using file = new TempFile(BYTES);
  await using aio = new AioContext({ ...way, entries: 1 });
  const [first, second] = [allocate(PAGE), allocate(PAGE)];
  aio.read(file.fd, first);
  const held = aio.wait(1)[0] as { buffer: Uint8Array };
  aio.read(file.fd, first);
  aio.wait(1);
  // From here on it is used again.
  let reads = 0;
  aio.read(file.fd, first);
  for await (const _ of aio) {
    held.buffer = second;
    if (++reads === 2) break;
    first.fill(0);
    aio.read(file.fd, second);
  }
  sameBytes(first, new Uint8Array(PAGE));
  sameBytes(second, BYTES.subarray(0, PAGE));
});
