import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import { AioContext } from "../../mod.ts";
import { allocate } from "../../src/memory/allocate.ts";
import { bothWays } from "../support/both_ways.ts";
import { pattern, sameBytes } from "../support/bytes.ts";
import { SHM, TempFile } from "../support/temp.ts";

const BYTES = pattern(10_000);
const LENGTH = 1001;
const PAGE = 4096;

/** Memory of every kind that a program may come with: each has `LENGTH` bytes. */
function kinds(): Record<string, Uint8Array> {
  const shared = new SharedArrayBuffer(LENGTH + 10);
  const resizable = new ArrayBuffer(LENGTH + 3, { maxByteLength: 2 * LENGTH });
  const tracking = new ArrayBuffer(LENGTH + 5, { maxByteLength: 2 * LENGTH });
  const { buffer: wasm } = new WebAssembly.Memory({ initial: 1 });
  return {
    "Uint8Array": new Uint8Array(LENGTH),
    "Buffer from the pool": Buffer.allocUnsafe(LENGTH),
    "Buffer of its own": Buffer.alloc(LENGTH),
    "subarray at an odd offset": new Uint8Array(2 * LENGTH).subarray(7, 7 + LENGTH),
    "view on shared memory": new Uint8Array(shared, 3, LENGTH),
    "view on a resizable buffer": new Uint8Array(resizable, 3, LENGTH),
    "view that tracks its buffer's length": new Uint8Array(tracking, 5),
    "view on memory of WebAssembly": new Uint8Array(wasm, 11, LENGTH),
    "allocated memory": allocate(LENGTH),
    "allocated memory at an odd offset": allocate(2 * LENGTH).subarray(13, 13 + LENGTH),
  };
}

/** All that may be written around a buffer to see whether a read does so. */
function surroundings(kind: string, buffer: Uint8Array): Uint8Array {
  // The pool holds what others made, Node's own buffers among them
  if (kind.includes("pool")) return buffer;
  if (!kind.startsWith("allocated")) return new Uint8Array(buffer.buffer);
  // An arena holds what others made, too, but no page of it
  const page = buffer.byteOffset - buffer.byteOffset % PAGE;
  return new Uint8Array(buffer.buffer, page, PAGE);
}

bothWays("a read fills memory of every kind, and nothing beside it", async (way) => {
  using file = new TempFile(BYTES, { parent: SHM });
  await using aio = new AioContext<string>({ ...way, entries: 16 });
  let position = 1;
  for (const [kind, buffer] of Object.entries(kinds())) {
    const whole = surroundings(kind, buffer);
    whole.fill(0xee);
    const expected = whole.slice();
    const offset = buffer.byteOffset - whole.byteOffset;
    expected.set(BYTES.subarray(position, position + LENGTH), offset);
    aio.read(file.fd, buffer, { position, data: kind });
    for await (const completion of aio) {
      assert.equal(completion.res, LENGTH, kind);
      assert.equal(completion.buffer, buffer, kind);
      sameBytes(whole, expected, kind);
    }
    position += 3;
  }
});

bothWays("a write takes memory of every kind", async (way) => {
  using file = new TempFile(BYTES, { parent: SHM });
  await using aio = new AioContext<string>({ ...way, entries: 16 });
  let seed = 1;
  for (const [kind, buffer] of Object.entries(kinds())) {
    const bytes = pattern(LENGTH, seed++);
    buffer.set(bytes);
    aio.write(file.fd, buffer, { position: 5, data: kind });
    for await (const { res } of aio) assert.equal(res, LENGTH, kind);
    sameBytes(readFileSync(file.path).subarray(5, 5 + LENGTH), bytes, kind);
  }
});

bothWays("vectors mix memory of every kind, empty ones among them", async (way) => {
  using file = new TempFile(BYTES, { parent: SHM });
  await using aio = new AioContext({ ...way, entries: 2 });
  const buffers = [new Uint8Array(0), ...Object.values(kinds()), new Uint8Array(0)];
  const total = (buffers.length - 2) * LENGTH;
  aio.readv(file.fd, buffers, { position: 2 });
  const [completion] = aio.wait(1);
  const available = BYTES.length - 2;
  assert.equal(completion!.res, Math.min(total, available));
  sameBytes(Buffer.concat(buffers).subarray(0, available), BYTES.subarray(2));

  buffers.forEach((buffer, index) => buffer.fill(index));
  const expected = Buffer.concat(buffers);
  aio.writev(file.fd, buffers, { position: 1 });
  assert.equal(aio.wait(1)[0]!.res, total);
  sameBytes(readFileSync(file.path).subarray(1), expected);
});

bothWays("an empty buffer moves nothing and completes with 0", async (way) => {
  using file = new TempFile(BYTES);
  await using aio = new AioContext<number>({ ...way, entries: 8 });
  aio.read(file.fd, new Uint8Array(0), { data: 0 });
  aio.write(file.fd, new Uint8Array(0), { data: 1 });
  aio.readv(file.fd, [], { data: 2 });
  aio.writev(file.fd, [], { data: 3 });
  aio.readv(file.fd, [new Uint8Array(0), allocate(1).subarray(1)], { data: 4 });
  const seen: unknown[] = [];
  for await (const { data, res, error } of aio) seen.push([data, res, error]);
  assert.deepEqual(seen.sort(), [0, 1, 2, 3, 4].map((data) => [data, 0, undefined]));
  sameBytes(readFileSync(file.path), BYTES);
});

bothWays("a read at the end of the file leaves the rest of the memory alone", async (way) => {
  using file = new TempFile(BYTES);
  await using aio = new AioContext({ ...way, entries: 2 });
  for (const buffer of [new Uint8Array(100), allocate(100)]) {
    buffer.fill(0xee);
    aio.read(file.fd, buffer, { position: BYTES.length - 30 });
    assert.equal(aio.wait(1)[0]!.res, 30);
    sameBytes(buffer.subarray(0, 30), BYTES.subarray(-30));
    assert.ok(buffer.subarray(30).every((byte) => byte === 0xee));
  }
});

bothWays("requests beyond a megabyte get their bytes right", async (way) => {
  const large = pattern(5 * 1048576 + 123);
  using file = new TempFile(large, { parent: SHM });
  await using aio = new AioContext({ ...way, entries: 2 });
  for (const buffer of [new Uint8Array(large.length), allocate(large.length)]) {
    aio.read(file.fd, buffer);
    assert.equal(aio.wait(1)[0]!.res, large.length);
    sameBytes(buffer, large);
    buffer.reverse();
    aio.write(file.fd, buffer);
    assert.equal(aio.wait(1)[0]!.res, large.length);
    sameBytes(readFileSync(file.path), buffer);
    aio.write(file.fd, large);
    aio.wait(1);
  }
});
