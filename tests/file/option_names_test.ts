import assert from "node:assert/strict";
import { test } from "node:test";
import { AioContext, type AioFile, allocate, open } from "../../mod.ts";
import { POLLIN } from "../../src/abi/poll.ts";
import { TempFolder } from "../support/temp.ts";

type Call = (options: object) => unknown;

/** The name of an option, as it is and misspelt, and a call that takes options. */
type Case = readonly [name: string, misspelt: string, call: Call];

async function assertNamed([name, misspelt, call]: Case): Promise<void> {
  await assert.rejects(async () => await call({ [misspelt]: undefined }), (error) => {
    assert.ok(error instanceof TypeError, `${misspelt}: ${error}`);
    assert.equal((error as NodeJS.ErrnoException).code, "ERR_INVALID_ARG_VALUE");
    const question = `: unknown option \`${misspelt}\`: did you mean \`${name}\`?`;
    assert.ok(
      error.message.startsWith("Cannot ") && error.message.endsWith(question),
      error.message,
    );
    return true;
  });
}

test("an unknown option of open or of a file's own methods is named, and the nearest one", async () => {
  using folder = new TempFolder();
  const path = folder.join("file");
  const file: AioFile = await open(path, "w+");
  const bytes = new Uint8Array(1);
  const cases: Case[] = [
    ["direct", "directly", (options) => open(path, "r", options)],
    ["context", "contxt", (options) => open(path, "r", options)],
    ["mode", "Mode", (options) => open(path, "r", options)],
    ["signal", "singal", (options) => file.readAt(0, 1, options)],
    ["depth", "dept", (options) => file.readMany([], options)],
    ["order", "orders", (options) => file.readMany([], options)],
    ["blockSize", "blocksize", (options) => file.scan(options)],
    ["blockSize", "block", (options) => file.scan(options)],
    ["start", "strat", (options) => file.scan(options)],
    ["durable", "durabel", (options) => file.writeAt(0, bytes, options)],
    ["durable", "durabl", (options) => file.writev([bytes], 0, options)],
    ["depth", "Depth", (options) => file.writeMany([], options)],
    ["durable", "durability", (options) => file.writeMany([], options)],
    ["depth", "depths", (options) => file.readableWebStream(options)],
    ["autoClose", "autoclose", (options) => file.readableWebStream(options)],
  ];
  try {
    for (const each of cases) await assertNamed(each);
    for (const [name, , call] of cases.slice(3)) {
      const failed = async (): Promise<unknown> => await call(null as never);
      await assert.rejects(failed, { name: "TypeError", code: "ERR_INVALID_ARG_TYPE" }, name);
    }
    // As likely a word of its own.
    const length = { length: 5 } as object;
    assert.throws(() => file.readableWebStream(length), /expected `start` or `end` or /);
    const options = open(path, "r", [] as never);
    await assert.rejects(options, { name: "TypeError", code: "ERR_INVALID_ARG_TYPE" });
  } finally {
    await file.close();
  }
});

test("a request that is no object is a TypeError that says what it must be", async () => {
  using folder = new TempFolder();
  await using file = await open(folder.join("file"), "w+");
  for (const wrong of [null, undefined, 5]) {
    const error = {
      name: "TypeError",
      code: "ERR_INVALID_ARG_TYPE",
      message: /`requests` must be/,
    };
    await assert.rejects(file.writeMany([wrong as never]), error);
    await assert.rejects(async () => {
      for await (const _ of file.readMany([wrong as never])) assert.fail("a range");
    }, error);
  }
});

test("an unknown option of a context is named, and the nearest one", async () => {
  const aio = new AioContext();
  const bytes = allocate(1);
  const cases: Case[] = [
    ["entries", "entires", (options) => new AioContext(options)],
    ["maxWait", "maxwait", (options) => new AioContext(options)],
    ["kernel", "kernal", (options) => new AioContext(options)],
    ["position", "postion", (options) => aio.read(0, bytes, options)],
    ["flags", "flag", (options) => aio.write(0, bytes, options)],
    ["position", "offset_position", (options) => aio.readv(0, [bytes], options)],
    ["data", "Data", (options) => aio.writev(0, [bytes], options)],
    ["data", "date", (options) => aio.fsync(0, options)],
    ["data", "dat", (options) => aio.fdatasync(0, options)],
    ["data", "dta", (options) => aio.poll(0, POLLIN, options)],
    ["timeout", "timeOut", (options) => aio.wait(1, options)],
  ];
  try {
    for (const each of cases) await assertNamed(each);
    assert.equal(aio.queued, 0);
  } finally {
    await aio.close();
  }
});

test("where no option is like the unknown one, all are named", async () => {
  await using aio = new AioContext();
  await using file = await open("/dev/null", "r+");
  const cases: [name: string, expected: string, call: Call][] = [
    ["depth", "`entries` or `kernel` or `maxWait` or `reap`", (options) => new AioContext(options)],
    ["position", "`data`", (options) => aio.fdatasync(0, options)],
    ["sync", "`depth` or `durable` or `signal`", (options) => file.writeMany([], options)],
  ];
  for (const [name, expected, call] of cases) {
    await assert.rejects(async () => await call({ [name]: 1 }), (error: Error) => {
      assert.ok(
        error.message.endsWith(`: unknown option \`${name}\`: expected ${expected}`),
        `${error}`,
      );
      return true;
    });
  }
});

test("options that are no object are a TypeError: their value would have no effect", async () => {
  await using aio = new AioContext();
  await using file = await open("/dev/null", "r+");
  const bytes = new Uint8Array(1);
  const calls: Call[] = [
    (options) => new AioContext(options),
    (options) => aio.read(0, bytes, options),
    (options) => aio.writev(0, [bytes], options),
    (options) => aio.poll(0, POLLIN, options),
    (options) => aio.wait(0, options),
    (options) => file.readAt(0, 1, options),
    (options) => file.readMany([], options),
    (options) => file.scan(options),
    (options) => file.writeAt(0, bytes, options),
    (options) => file.writeMany([], options),
    (options) => file.readableWebStream(options),
  ];
  for (const call of calls) {
    for (const wrong of [64, 0, "direct", true]) {
      await assert.rejects(async () => await call(wrong as never), {
        name: "TypeError",
        message: /: `options` must be an object$/,
      });
    }
  }
  assert.equal(aio.queued, 0);
});
