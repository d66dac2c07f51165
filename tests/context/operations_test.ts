import assert from "node:assert/strict";
import { constants, readFileSync, readSync } from "node:fs";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { POLLOUT } from "../../src/abi/poll.ts";
import { RWF_APPEND, RWF_DSYNC } from "../../src/abi/rw_flags.ts";
import { IOCB_LIO_OPCODE } from "../../src/abi/iocb.ts";
import {
  IOCB_CMD_FDSYNC,
  IOCB_CMD_FSYNC,
  IOCB_CMD_POLL,
  IOCB_CMD_PREAD,
  IOCB_CMD_PREADV,
  IOCB_CMD_PWRITE,
  IOCB_CMD_PWRITEV,
} from "../../src/abi/opcodes.ts";
import { AioContext } from "../../mod.ts";
import { allocate } from "../../src/memory/allocate.ts";
import { bothWays } from "../support/both_ways.ts";
import { pattern, sameBytes } from "../support/bytes.ts";
import { decorate, submittedWords } from "../support/decorated_kernel.ts";
import { real } from "../support/real_kernel.ts";
import { DISK, O_DIRECT, SHM, TempFile } from "../support/temp.ts";

const PAGE = 4096;
const BYTES = pattern(16 * PAGE);

/** Files that complete in three manners: inside io_submit, in memory, and later, from the disk. */
const FILES = {
  "the disk": { parent: DISK },
  "the disk with O_DIRECT": { parent: DISK, flags: constants.O_RDWR | O_DIRECT },
  "memory": { parent: SHM },
};

for (const [name, options] of Object.entries(FILES)) {
  bothWays(`a read from ${name} brings what the file holds`, async (way) => {
    using file = new TempFile(BYTES, options);
    await using aio = new AioContext({ ...way, entries: 8 });
    for (let page = 0; page < 16; page++) {
      aio.read(file.fd, new Uint8Array(PAGE), { position: page * PAGE });
    }
    let count = 0;
    for await (const { res, error, buffer, buffers, fd, position } of aio) {
      assert.deepEqual([res, error, buffers, fd], [PAGE, undefined, undefined, file.fd]);
      sameBytes(buffer, BYTES.subarray(position, position + PAGE));
      count++;
    }
    assert.equal(count, 16);
  });

  bothWays(`a write to ${name} changes what the file holds`, async (way) => {
    using file = new TempFile(BYTES, options);
    await using aio = new AioContext({ ...way, entries: 8 });
    const expected = BYTES.slice();
    for (const page of [1, 5, 3, 15]) {
      const bytes = pattern(PAGE, page);
      aio.write(file.fd, bytes, { position: page * PAGE });
      expected.set(bytes, page * PAGE);
    }
    for await (const { res, error } of aio) assert.deepEqual([res, error], [PAGE, undefined]);
    sameBytes(readFileSync(file.path), expected);
  });

  bothWays(`a readv from ${name} fills one buffer after the other`, async (way) => {
    using file = new TempFile(BYTES, options);
    await using aio = new AioContext({ ...way, entries: 8 });
    const buffers = [PAGE, 2 * PAGE, PAGE, 3 * PAGE].map((length) => new Uint8Array(length));
    const length = 7 * PAGE;
    aio.readv(file.fd, buffers, { position: PAGE });
    for await (const completion of aio) {
      assert.equal(completion.res, length);
      assert.deepEqual(completion.buffers, buffers);
    }
    sameBytes(Buffer.concat(buffers), BYTES.subarray(PAGE, PAGE + length));
  });

  bothWays(`a writev to ${name} writes one buffer after the other`, async (way) => {
    using file = new TempFile(BYTES, options);
    await using aio = new AioContext({ ...way, entries: 8 });
    const buffers = [PAGE, 2 * PAGE, PAGE, PAGE].map((length, index) => pattern(length, index + 1));
    const length = 5 * PAGE;
    aio.writev(file.fd, buffers, { position: 2 * PAGE });
    for await (const { res } of aio) assert.equal(res, length);
    const expected = BYTES.slice();
    expected.set(Buffer.concat(buffers), 2 * PAGE);
    sameBytes(readFileSync(file.path), expected);
  });

  bothWays(`both syncs of ${name} complete with 0`, async (way) => {
    using file = new TempFile(BYTES, options);
    await using aio = new AioContext<string>({ ...way, entries: 8 });
    aio.fsync(file.fd, { data: "fsync" });
    aio.fdatasync(file.fd, { data: "fdatasync" });
    const seen: string[] = [];
    for await (const { data, res, error, fd } of aio) {
      assert.deepEqual([res, error, fd], [0, undefined, file.fd]);
      seen.push(data);
    }
    assert.deepEqual(seen.sort(), ["fdatasync", "fsync"]);
  });
}

bothWays("each request reaches the kernel as the operation of its name", async (way) => {
  const opcodes: number[] = [];
  const kernel = decorate({
    io_submit(ctx_id, nr, iocbpp) {
      const words = submittedWords(nr, iocbpp, IOCB_LIO_OPCODE - IOCB_LIO_OPCODE % 8);
      opcodes.push(...words.map((word) => word % 65536));
      return real.io_submit(ctx_id, nr, iocbpp);
    },
  });
  using file = new TempFile(BYTES);
  await using aio = new AioContext({ ...way, kernel, entries: 8 });
  const buffer = new Uint8Array(1);
  aio.read(file.fd, buffer);
  aio.write(file.fd, buffer);
  aio.fsync(file.fd);
  aio.fdatasync(file.fd);
  aio.poll(file.fd, POLLOUT);
  aio.readv(file.fd, [buffer]);
  aio.writev(file.fd, [buffer]);
  for await (const { error } of aio) assert.equal(error, undefined);
  assert.deepEqual(opcodes, [
    IOCB_CMD_PREAD,
    IOCB_CMD_PWRITE,
    IOCB_CMD_FSYNC,
    IOCB_CMD_FDSYNC,
    IOCB_CMD_POLL,
    IOCB_CMD_PREADV,
    IOCB_CMD_PWRITEV,
  ]);
});

bothWays("flags go with the request, and with no other that follows in its slot", async (way) => {
  using file = new TempFile(BYTES);
  await using aio = new AioContext({ ...way, entries: 1 });
  const write = (position: number, flags?: number) => {
    const options = flags === undefined ? { position } : { position, flags };
    aio.write(file.fd, pattern(8, 1), options);
    assert.equal(aio.wait(1)[0]!.res, 8);
  };
  write(0, RWF_APPEND | RWF_DSYNC);
  sameBytes(readFileSync(file.path), Buffer.concat([BYTES, pattern(8, 1)]));
  write(0);
  assert.equal(readFileSync(file.path).length, BYTES.length + 8);
  sameBytes(readFileSync(file.path).subarray(0, 8), pattern(8, 1));
});

bothWays("the position is 0 where none is given, and may be beyond 4 GiB", async (way) => {
  using file = new TempFile(BYTES);
  await using aio = new AioContext({ ...way, entries: 2 });
  const position = 6 * 2 ** 30 + 12345;
  const bytes = pattern(100, 1);
  aio.write(file.fd, bytes, { position });
  aio.wait(1);
  const buffer = new Uint8Array(100);
  assert.equal(readSync(file.fd, buffer, 0, 100, position), 100);
  sameBytes(buffer, bytes);
  buffer.fill(0);
  aio.read(file.fd, buffer, { position });
  assert.equal(aio.wait(1)[0]!.position, position);
  sameBytes(buffer, bytes);
  aio.read(file.fd, buffer);
  assert.equal(aio.wait(1)[0]!.position, 0);
  sameBytes(buffer, BYTES.subarray(0, 100));
});

bothWays("a completion has the very data that its request was given", async (way) => {
  using file = new TempFile(BYTES);
  await using aio = new AioContext({ ...way, entries: 4 });
  const things = [
    undefined,
    null,
    0,
    "text",
    10n,
    Symbol("symbol"),
    { an: "object" },
    () => 1,
    NaN,
    new WeakMap(),
  ];
  things.forEach((data, index) => {
    if (index % 3 === 0) aio.read(file.fd, allocate(8), { data });
    else if (index % 3 === 1) aio.readv(file.fd, [new Uint8Array(8)], { data });
    else aio.fsync(file.fd, { data });
  });
  aio.fdatasync(file.fd);
  const seen = new Map<unknown, number>();
  for await (const { data } of aio) seen.set(data, (seen.get(data) ?? 0) + 1);
  assert.equal(seen.get(undefined), 2);
  for (const thing of things.slice(1)) assert.equal(seen.get(thing), 1, String(thing));
});

bothWays("a request without data does not inherit that of the one before", async (way) => {
  using file = new TempFile(BYTES);
  await using aio = new AioContext<string>({ ...way, entries: 1 });
  for (const data of ["first", undefined, "third", undefined]) {
    if (data === undefined) aio.read(file.fd, new Uint8Array(1));
    else aio.read(file.fd, new Uint8Array(1), { data });
    assert.equal(aio.wait(1)[0]!.data, data);
  }
});

test("a context has 64 entries where nothing else is said", async () => {
  await using aio = new AioContext();
  assert.equal(aio.entries, 64);
  assert.deepEqual([aio.inFlight, aio.queued], [0, 0]);
});
