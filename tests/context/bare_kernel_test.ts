import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { POLLIN } from "../../src/abi/poll.ts";
import { AioContext } from "../../mod.ts";
import { allocate } from "../../src/memory/allocate.ts";
import { bothWays } from "../support/both_ways.ts";
import { pattern, sameBytes } from "../support/bytes.ts";
import { bare } from "../support/decorated_kernel.ts";
import { Pollable } from "../support/pollable.ts";
import { TempFile } from "../support/temp.ts";

const BYTES = pattern(4 * 4096);

bothWays("without addresses allocated memory is copied like any other", async (way) => {
  using file = new TempFile(BYTES);
  await using aio = new AioContext({ ...way, kernel: bare(), entries: 4 });
  const memory = allocate(8192);
  aio.read(file.fd, memory.subarray(1, 101), { position: 9 });
  assert.equal(aio.wait(1)[0]!.res, 100);
  sameBytes(memory.subarray(1, 101), BYTES.subarray(9, 109));
  aio.readv(file.fd, [memory.subarray(4096, 4100), memory.subarray(200, 300)], { position: 3 });
  assert.equal(aio.wait(1)[0]!.res, 104);
  sameBytes(memory.subarray(4096, 4100), BYTES.subarray(3, 7));
  sameBytes(memory.subarray(200, 300), BYTES.subarray(7, 107));
  memory.fill(7);
  aio.write(file.fd, memory.subarray(0, 10));
  aio.writev(file.fd, [memory.subarray(0, 5), memory.subarray(9, 14)], { position: 20 });
  for await (const { res } of aio) assert.equal(res, 10);
  const expected = BYTES.slice();
  expected.fill(7, 0, 10).fill(7, 20, 30);
  sameBytes(readFileSync(file.path), expected);
});

bothWays("without an eventfd a loop looks by timer for what comes late", async (way) => {
  using fifo = new Pollable();
  await using aio = new AioContext({ ...way, kernel: bare(), entries: 4 });
  aio.poll(fifo.fd, POLLIN);
  setTimeout(() => fifo.fill(), 30);
  for await (const { res } of aio) assert.equal(res & POLLIN, POLLIN);
});

bothWays("without figures and alignments errors are told all the same", async (way) => {
  using file = new TempFile(BYTES);
  await using aio = new AioContext({ ...way, kernel: bare(), entries: 4 });
  using fifo = new Pollable();
  aio.fsync(fifo.fd);
  assert.equal(aio.wait(1)[0]!.error?.code, "EINVAL");
  assert.throws(() => new AioContext({ kernel: { ...bare(), io_setup: () => -11 } }), {
    code: "EAGAIN",
    message: /fs\.aio-max-nr is used up/,
  });
  aio.read(file.fd, new Uint8Array(1));
  assert.equal(aio.wait(1)[0]!.res, 1);
});
