import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { AioContext } from "../../mod.ts";
import { bothWays } from "../support/both_ways.ts";
import { pattern, sameBytes } from "../support/bytes.ts";
import { outcome } from "../support/outcome.ts";
import { TempFile } from "../support/temp.ts";

const PAGE = 4096;
const BYTES = pattern(8 * PAGE);

bothWays("memory of WebAssembly that grows takes its old views with it", async (way) => {
  using file = new TempFile(BYTES);
  await using aio = new AioContext<string>({ ...way, entries: 4 });
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 8 });
  const view = (start: number) => new Uint8Array(memory.buffer, start, PAGE);
  const bytes = pattern(PAGE, 1);
  view(3 * PAGE).set(bytes);
  aio.read(file.fd, view(0), { data: "read" });
  aio.readv(file.fd, [view(PAGE), view(2 * PAGE)], { data: "readv" });
  aio.write(file.fd, view(3 * PAGE), { data: "write", position: 5 * PAGE });
  assert.equal(aio.submit(), 3);
  // While they are in flight: the old buffer is detached, its memory may be unmapped
  memory.grow(3);
  aio.read(file.fd, view(0), { data: "new", position: PAGE });
  assert.deepEqual(await outcome(aio), {
    read: "EFAULT",
    readv: "EFAULT",
    write: PAGE,
    new: PAGE,
  });
  sameBytes(view(0), BYTES.subarray(PAGE, 2 * PAGE));
  // What belonged to the old views went nowhere
  sameBytes(view(PAGE), new Uint8Array(PAGE));
  sameBytes(view(2 * PAGE), new Uint8Array(PAGE));
  sameBytes(readFileSync(file.path).subarray(5 * PAGE, 6 * PAGE), bytes);
});

bothWays("memory of WebAssembly that grows while requests wait for a slot", async (way) => {
  using file = new TempFile(BYTES);
  await using aio = new AioContext<string>({ ...way, entries: 1 });
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 8 });
  aio.read(file.fd, new Uint8Array(PAGE), { data: "first" });
  aio.read(file.fd, new Uint8Array(memory.buffer, 0, PAGE), { data: "read" });
  aio.write(file.fd, new Uint8Array(memory.buffer, PAGE, PAGE), { data: "write" });
  aio.read(file.fd, new Uint8Array(PAGE), { data: "last" });
  memory.grow(1);
  assert.deepEqual(await outcome(aio), {
    first: PAGE,
    read: "EFAULT",
    write: "EFAULT",
    last: PAGE,
  });
  sameBytes(readFileSync(file.path), BYTES);
});

/** Makes shared memory of two pages, of which the first is viewed and which then can grow. */
type Shared = () => [view: Uint8Array<SharedArrayBuffer>, grow: () => void];

const SHARED: Record<string, Shared> = {
  "shared memory of WebAssembly": () => {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 8, shared: true });
    const buffer = memory.buffer as unknown as SharedArrayBuffer;
    return [new Uint8Array(buffer, 0, PAGE), () => void memory.grow(3)];
  },
  "a shared buffer": () => {
    const buffer = new SharedArrayBuffer(2 * PAGE, { maxByteLength: 4 * PAGE });
    return [new Uint8Array(buffer, 0, PAGE), () => void buffer.grow(4 * PAGE)];
  },
  "a shared buffer whose view grows with it": () => {
    const buffer = new SharedArrayBuffer(PAGE, { maxByteLength: 4 * PAGE });
    return [new Uint8Array(buffer), () => void buffer.grow(4 * PAGE)];
  },
};

for (const [name, make] of Object.entries(SHARED)) {
  bothWays(`${name} may grow while its requests are under way`, async (way) => {
    using file = new TempFile(BYTES);
    // One is in flight and the others wait
    await using aio = new AioContext<string>({ ...way, entries: 1 });
    const [[read, growRead], [late, growLate], [written, growWritten]] = [make(), make(), make()];
    const bytes = pattern(PAGE, 1);
    written.set(bytes);
    aio.read(file.fd, read, { data: "read", position: PAGE });
    aio.read(file.fd, late, { data: "late", position: 2 * PAGE });
    aio.write(file.fd, written, { data: "write", position: 5 * PAGE });
    assert.equal(aio.submit(), 1);
    for (const grow of [growRead, growLate, growWritten]) grow();
    assert.deepEqual(await outcome(aio), { read: PAGE, late: PAGE, write: PAGE });
    sameBytes(read.subarray(0, PAGE), BYTES.subarray(PAGE, 2 * PAGE));
    sameBytes(late.subarray(0, PAGE), BYTES.subarray(2 * PAGE, 3 * PAGE));
    assert.ok(read.subarray(PAGE).every((byte) => byte === 0), "bytes that nobody asked for");
    sameBytes(readFileSync(file.path).subarray(5 * PAGE, 6 * PAGE), bytes);
    sameBytes(readFileSync(file.path).subarray(6 * PAGE), BYTES.subarray(6 * PAGE));
  });
}
