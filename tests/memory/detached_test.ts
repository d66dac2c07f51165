import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { AioContext } from "../../mod.ts";
import { bothWays } from "../support/both_ways.ts";
import { pattern, sameBytes } from "../support/bytes.ts";
import { outcome } from "../support/outcome.ts";
import { TempFile } from "../support/temp.ts";

const PAGE = 4096;
const BYTES = pattern(8 * PAGE);

/** Ways to lose the memory of a buffer that was made resizable. */
const LOSSES: Record<string, (buffer: ArrayBuffer) => void> = {
  ...ArrayBuffer.prototype.transfer && { transferred: (buffer) => void buffer.transfer() },
  cloned: detach,
  "sent away": (buffer) => {
    const { port1, port2 } = new MessageChannel();
    port1.postMessage(buffer, [buffer]);
    port1.close();
    port2.close();
  },
  resized: (buffer) => buffer.resize(10),
};

function detach(buffer: ArrayBuffer): void {
  structuredClone(buffer, { transfer: [buffer] });
}

function losable(): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new ArrayBuffer(PAGE, { maxByteLength: 2 * PAGE }), 0, PAGE);
}

for (const [loss, lose] of Object.entries(LOSSES)) {
  bothWays(`a read whose buffer is ${loss} in flight completes with EFAULT`, async (way) => {
    using file = new TempFile(BYTES);
    await using aio = new AioContext<string>({ ...way, entries: 4 });
    const buffer = losable();
    const other = new Uint8Array(PAGE);
    aio.read(file.fd, buffer, { data: "lost" });
    aio.read(file.fd, other, { data: "kept", position: PAGE });
    assert.equal(aio.submit(), 2);
    lose(buffer.buffer);
    assert.deepEqual(await outcome(aio), { lost: "EFAULT", kept: PAGE });
    sameBytes(other, BYTES.subarray(PAGE, 2 * PAGE));
  });

  bothWays(`a readv of which a buffer is ${loss} in flight completes with EFAULT`, async (way) => {
    using file = new TempFile(BYTES);
    await using aio = new AioContext<string>({ ...way, entries: 4 });
    const buffers = [new Uint8Array(PAGE), losable(), new Uint8Array(PAGE)];
    const other = new Uint8Array(PAGE);
    aio.readv(file.fd, buffers, { data: "lost" });
    aio.read(file.fd, other, { data: "kept", position: PAGE });
    assert.equal(aio.submit(), 2);
    lose(buffers[1]!.buffer as ArrayBuffer);
    assert.deepEqual(await outcome(aio), { lost: "EFAULT", kept: PAGE });
    sameBytes(other, BYTES.subarray(PAGE, 2 * PAGE));
  });

  bothWays(
    `a readv that ends early, its first buffer ${loss} in flight, is no shift`,
    async (way) => {
      using file = new TempFile(BYTES);
      await using aio = new AioContext({ ...way, entries: 4 });
      const buffers = [losable(), new Uint8Array(PAGE)];
      aio.readv(file.fd, buffers, { position: BYTES.length - PAGE });
      assert.equal(aio.submit(), 1);
      lose(buffers[0]!.buffer as ArrayBuffer);
      for await (const { error } of aio) assert.equal(error?.code, "EFAULT");
      sameBytes(buffers[1]!, new Uint8Array(PAGE));
    },
  );

  bothWays(`a write whose buffer is ${loss} in flight writes what it held`, async (way) => {
    using file = new TempFile(BYTES);
    await using aio = new AioContext({ ...way, entries: 4 });
    const bytes = pattern(PAGE, 1);
    const buffer = losable();
    buffer.set(bytes);
    aio.write(file.fd, buffer);
    assert.equal(aio.submit(), 1);
    lose(buffer.buffer);
    for await (const { res } of aio) assert.equal(res, PAGE);
    sameBytes(readFileSync(file.path).subarray(0, PAGE), bytes);
  });

  bothWays(
    `requests whose buffers are ${loss} while they wait for a slot end with EFAULT`,
    async (way) => {
      using file = new TempFile(BYTES);
      await using aio = new AioContext<string>({ ...way, entries: 1 });
      const buffers = Array.from({ length: 4 }, losable);
      const [read, write, readv, writev] = buffers;
      aio.read(file.fd, new Uint8Array(PAGE), { data: "first", position: PAGE });
      aio.read(file.fd, read!, { data: "read" });
      aio.write(file.fd, write!, { data: "write" });
      aio.readv(file.fd, [new Uint8Array(1), readv!], { data: "readv" });
      aio.writev(file.fd, [new Uint8Array(1), writev!], { data: "writev" });
      aio.read(file.fd, new Uint8Array(PAGE), { data: "last", position: PAGE });
      for (const { buffer } of buffers) lose(buffer);
      assert.deepEqual(await outcome(aio), {
        first: PAGE,
        read: "EFAULT",
        write: "EFAULT",
        readv: "EFAULT",
        writev: "EFAULT",
        last: PAGE,
      });
      sameBytes(readFileSync(file.path), BYTES, "the file");
    },
  );
}

bothWays("a view that grows in flight gets the bytes it asked for, and no more", async (way) => {
  using file = new TempFile(BYTES);
  await using aio = new AioContext<string>({ ...way, entries: 1 });
  const buffers = Array.from(
    { length: 3 },
    () => new Uint8Array(new ArrayBuffer(PAGE, { maxByteLength: 4 * PAGE })),
  );
  const [submitted, waiting, written] = buffers;
  aio.read(file.fd, submitted!);
  aio.read(file.fd, waiting!, { position: PAGE });
  aio.write(file.fd, written!, { position: 2 * PAGE });
  aio.submit();
  for (const { buffer } of buffers) buffer.resize(3 * PAGE);
  for await (const { res } of aio) assert.equal(res, PAGE);
  sameBytes(submitted!.subarray(0, PAGE), BYTES.subarray(0, PAGE));
  sameBytes(waiting!.subarray(0, PAGE), BYTES.subarray(PAGE, 2 * PAGE));
  assert.ok(submitted!.subarray(PAGE).every((byte) => byte === 0));
  const expected = BYTES.slice();
  expected.fill(0, 2 * PAGE, 3 * PAGE);
  sameBytes(readFileSync(file.path), expected);
});

bothWays("memory that is detached before is a TypeError", async (way) => {
  using file = new TempFile(BYTES);
  await using aio = new AioContext({ ...way, entries: 2 });
  const detached = new Uint8Array(PAGE);
  detach(detached.buffer);
  const detachedEmpty = new Uint8Array(0);
  detach(detachedEmpty.buffer);
  for (const buffer of [detached, detachedEmpty]) {
    assert.throws(() => aio.read(file.fd, buffer), TypeError);
    assert.throws(() => aio.write(file.fd, buffer), TypeError);
    assert.throws(() => aio.readv(file.fd, [new Uint8Array(1), buffer]), TypeError);
    assert.throws(() => aio.writev(file.fd, [buffer]), TypeError);
  }
  assert.equal(aio.queued, 0);
});
