import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { AioContext, AioError, open } from "../../mod.ts";
import { EINVAL } from "../../src/abi/errno.ts";

test("an error has those details only that apply to it", () => {
  const bare = new AioError(-EINVAL, "io_setup");
  assert.deepEqual(Object.keys(bare).sort(), ["code", "errno", "name", "syscall"]);
  const read = new AioError(-EINVAL, "pread", { fd: 3, position: 0, length: 1, path: undefined });
  assert.deepEqual([read.fd, read.position, read.length, "path" in read], [3, 0, 1, false]);
  for (const error of [bare, read]) assert.doesNotMatch(inspect(error), /undefined/);
});

test("no error is printed with undefined in it", async () => {
  const errors = [await open("missing", "r").catch((error: unknown) => error)];
  const aio = new AioContext();
  try {
    aio.fsync(2 ** 31 - 1);
    for await (const { error } of aio) errors.push(error);
  } finally {
    await aio.close();
  }
  assert.equal(errors.length, 2);
  for (const error of errors) {
    assert.ok(error instanceof AioError);
    assert.doesNotMatch(inspect(error), /undefined/);
  }
});
