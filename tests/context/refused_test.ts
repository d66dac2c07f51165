import assert from "node:assert/strict";
import { closeSync, constants, openSync, readFileSync } from "node:fs";
import { AioContext } from "../../mod.ts";
import { bothWays } from "../support/both_ways.ts";
import { pattern, sameBytes } from "../support/bytes.ts";
import { TempFile } from "../support/temp.ts";
import { waitFor } from "../support/wait_for.ts";

const BYTES = pattern(4096);
/** A bit of `aio_rw_flags` that does not exist. */
const UNKNOWN_FLAG = 1 << 30;

function closedDescriptor(path: string): number {
  const fd = openSync(path, "r");
  closeSync(fd);
  return fd;
}

bothWays(
  "what io_submit refuses in the midst of a batch completes, and the rest goes on",
  async (way) => {
    using file = new TempFile(BYTES, { flags: constants.O_RDONLY });
    await using aio = new AioContext<string>({ ...way, entries: 16 });
    const closed = closedDescriptor(file.path);
    const read = (data: string) => aio.read(file.fd, new Uint8Array(64), { data });
    read("1");
    aio.read(closed, new Uint8Array(64), { data: "closed" });
    read("2");
    aio.write(file.fd, new Uint8Array(64), { data: "read-only" });
    aio.writev(file.fd, [new Uint8Array(64)], { data: "read-only vector" });
    aio.read(file.fd, new Uint8Array(64), { data: "flag", flags: UNKNOWN_FLAG });
    read("3");
    aio.poll(closed, 1, { data: "closed poll" });
    aio.fsync(closed, { data: "closed sync" });
    read("4");
    assert.equal(aio.submit(), 4);
    const seen: Record<string, number | string> = {};
    for await (const { data, res, error, buffer } of aio) {
      assert.ok(!(data in seen));
      seen[data] = error?.code ?? res;
      if (res > 0) sameBytes(buffer, BYTES.subarray(0, 64));
    }
    assert.deepEqual(seen, {
      1: 64,
      2: 64,
      3: 64,
      4: 64,
      "closed": "EBADF",
      "read-only": "EBADF",
      "read-only vector": "EBADF",
      // The name that node:fs has for EOPNOTSUPP
      "flag": "ENOTSUP",
      "closed poll": "EBADF",
      "closed sync": "EBADF",
    });
  },
);

bothWays("a batch of which all is refused completes, with nothing in flight", async (way) => {
  using file = new TempFile(BYTES);
  await using aio = new AioContext<number>({ ...way, entries: 8 });
  const closed = closedDescriptor(file.path);
  for (let i = 0; i < 8; i++) aio.read(closed, new Uint8Array(1), { data: i });
  assert.equal(aio.submit(), 0);
  assert.deepEqual([aio.inFlight, aio.queued], [0, 0]);
  const seen: number[] = [];
  for await (const { data, error } of aio) {
    assert.equal(error?.code, "EBADF");
    seen.push(data);
  }
  assert.deepEqual(seen, [0, 1, 2, 3, 4, 5, 6, 7]);
});

bothWays("refused requests beyond the entries all complete in a loop", async (way) => {
  using file = new TempFile(BYTES);
  const aio = new AioContext<number>({ ...way, entries: 4 });
  const closed = closedDescriptor(file.path);
  for (let i = 0; i < 50; i++) aio.read(closed, new Uint8Array(1), { data: i });
  const seen: number[] = [];
  for await (const { data } of aio) seen.push(data);
  assert.equal(new Set(seen).size, 50);
  await aio[Symbol.asyncDispose]();
});

bothWays("refused requests beyond the entries all complete in wait", async (way) => {
  using file = new TempFile(BYTES);
  const aio = new AioContext<number>({ ...way, entries: 4 });
  const closed = closedDescriptor(file.path);
  for (let i = 0; i < 50; i++) aio.read(closed, new Uint8Array(1), { data: i });
  const seen = waitFor(aio, 50).map(({ data }) => data);
  assert.equal(new Set(seen).size, 50);
  await aio[Symbol.asyncDispose]();
});

bothWays("closing sends requests that wait behind refused ones", async (way) => {
  using file = new TempFile(BYTES);
  const aio = new AioContext({ ...way, entries: 2 });
  const closed = closedDescriptor(file.path);
  for (let i = 0; i < 7; i++) aio.read(closed, new Uint8Array(1));
  aio.write(file.fd, new Uint8Array([1, 2, 3]), { position: 100 });
  await aio[Symbol.asyncDispose]();
  assert.deepEqual([...readFileSync(file.path).subarray(100, 103)], [1, 2, 3]);
});

bothWays("a slot whose request was refused serves the next one", async (way) => {
  using file = new TempFile(BYTES);
  await using aio = new AioContext({ ...way, entries: 1 });
  const closed = closedDescriptor(file.path);
  for (let i = 0; i < 20; i++) {
    aio.read(closed, new Uint8Array(64));
    assert.equal(aio.wait(1)[0]!.error?.code, "EBADF");
    aio.read(file.fd, new Uint8Array(64), { position: i });
    const [completion] = aio.wait(1);
    assert.equal(completion!.res, 64);
    sameBytes(completion!.buffer, BYTES.subarray(i, i + 64));
  }
});
