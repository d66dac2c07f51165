import assert from "node:assert/strict";
import { test } from "node:test";
import { AioContext, type AioContextOptions } from "../../mod.ts";
import { pattern } from "../support/bytes.ts";
import { real } from "../support/real_kernel.ts";
import { TempFile } from "../support/temp.ts";

/** What the compiler would not let through. */
// deno-lint-ignore no-explicit-any
const wrong = (value: unknown): any => value;

async function withContext(body: (aio: AioContext, fd: number) => void): Promise<void> {
  using file = new TempFile(pattern(100));
  await using aio = new AioContext({ entries: 2 });
  body(aio, file.fd);
  assert.equal(aio.queued, 0, "what was refused must not be queued");
  // The context works as before
  aio.read(file.fd, new Uint8Array(100));
  assert.equal(aio.wait(1)[0]!.res, 100);
}

test("options out of range are RangeErrors that name them", () => {
  const cases: [AioContextOptions, RegExp][] = [
    [{ entries: 0 }, /`entries`/],
    [{ entries: -1 }, /`entries`/],
    [{ entries: 1.5 }, /`entries`/],
    [{ entries: NaN }, /`entries`/],
    [{ entries: 2 ** 22 + 1 }, /`entries`/],
    [{ maxWait: -1 }, /`maxWait`/],
    [{ maxWait: Infinity }, /`maxWait`/],
    [{ maxWait: NaN }, /`maxWait`/],
  ];
  for (const [options, message] of cases) {
    assert.throws(() => new AioContext(options), { name: "RangeError", message });
  }
});

test("options of the wrong type are TypeErrors", () => {
  for (
    const options of [
      { entries: "8" },
      { entries: null },
      { entries: 8n },
      { maxWait: "100" },
      { maxWait: null },
      { reap: "both" },
      { reap: 1 },
    ]
  ) {
    assert.throws(() => new AioContext(wrong(options)), TypeError, Object.keys(options)[0]);
  }
});

test("flags that are no 32 bits are rejected", () =>
  withContext((aio, fd) => {
    const buffer = new Uint8Array(1);
    const calls = (flags: unknown) => {
      const options = wrong({ flags });
      return [
        () => aio.read(fd, buffer, options),
        () => aio.write(fd, buffer, options),
        () => aio.readv(fd, [buffer], options),
        () => aio.writev(fd, [buffer], options),
      ];
    };
    for (const flags of [NaN, -1, 1e10, 0.5, Infinity]) {
      const expected = { name: "RangeError", message: /`flags`/ };
      for (const call of calls(flags)) assert.throws(call, expected, String(flags));
    }
    for (const flags of ["x", "1", {}, [], null, true, 1n]) {
      const expected = { name: "TypeError", message: /`flags`/ };
      for (const call of calls(flags)) assert.throws(call, expected, String(flags));
    }
  }));

test("a file descriptor out of range is a RangeError", () =>
  withContext((aio) => {
    const buffer = new Uint8Array(1);
    for (const fd of [-1, 1.5, NaN, Infinity, 2 ** 31]) {
      const expected = { name: "RangeError", message: /`fd`/ };
      assert.throws(() => aio.read(fd, buffer), expected);
      assert.throws(() => aio.write(fd, buffer), expected);
      assert.throws(() => aio.readv(fd, [buffer]), expected);
      assert.throws(() => aio.writev(fd, [buffer]), expected);
      assert.throws(() => aio.fsync(fd), expected);
      assert.throws(() => aio.fdatasync(fd), expected);
      assert.throws(() => aio.poll(fd, 1), expected);
    }
  }));

test("a position out of range is a RangeError", () =>
  withContext((aio, fd) => {
    const buffer = new Uint8Array(1);
    for (const position of [-1, 0.5, NaN, Infinity, 2 ** 53]) {
      const expected = { name: "RangeError", message: /`position`/ };
      assert.throws(() => aio.read(fd, buffer, { position }), expected);
      assert.throws(() => aio.write(fd, buffer, { position }), expected);
      assert.throws(() => aio.readv(fd, [buffer], { position }), expected);
      assert.throws(() => aio.writev(fd, [buffer], { position }), expected);
    }
  }));

test("a file descriptor or position of the wrong type is a TypeError", () =>
  withContext((aio, fd) => {
    const buffer = new Uint8Array(1);
    for (const value of ["1", 1n, null, {}]) {
      assert.throws(() => aio.read(wrong(value), buffer), TypeError);
      assert.throws(() => aio.fsync(wrong(value)), TypeError);
      assert.throws(() => aio.poll(fd, wrong(value)), TypeError);
    }
    for (const position of ["1", 1n, {}]) {
      assert.throws(() => aio.read(fd, buffer, { position: wrong(position) }), TypeError);
    }
  }));

test("a buffer that is no Uint8Array is a TypeError", () =>
  withContext((aio, fd) => {
    for (
      const value of [
        null,
        undefined,
        "text",
        {},
        [1, 2],
        8,
        new ArrayBuffer(8),
        new SharedArrayBuffer(8),
        // These have bytes, but of another kind: `set` would convert numbers, not copy bytes
        new DataView(new ArrayBuffer(8)),
        new Uint16Array(4),
        new Float64Array(1),
        new BigInt64Array(1),
      ]
    ) {
      const name = Object.prototype.toString.call(value);
      const buffer = wrong(value);
      assert.throws(() => aio.read(fd, buffer), TypeError, `read ${name}`);
      assert.throws(() => aio.write(fd, buffer), TypeError, `write ${name}`);
      assert.throws(() => aio.readv(fd, [buffer]), TypeError, `readv ${name}`);
      assert.throws(() => aio.writev(fd, [new Uint8Array(1), buffer]), TypeError, `writev ${name}`);
    }
  }));

test("other views of bytes are taken, as each of their elements is one", () =>
  withContext((aio, fd) => {
    for (const View of [Int8Array, Uint8ClampedArray]) {
      const memory = new View(8);
      aio.read(fd, wrong(memory));
      assert.equal(aio.wait(1)[0]!.res, 8);
      assert.deepEqual(new Uint8Array(memory.buffer), pattern(8));
    }
  }));

test("buffers that are no array are a TypeError, too many a RangeError", () =>
  withContext((aio, fd) => {
    for (const value of [null, undefined, new Uint8Array(8), { length: 1 }]) {
      assert.throws(() => aio.readv(fd, wrong(value)), TypeError);
      assert.throws(() => aio.writev(fd, wrong(value)), TypeError);
    }
    const buffers = Array.from({ length: 1025 }, () => new Uint8Array(1));
    assert.throws(() => aio.readv(fd, buffers), { name: "RangeError", message: /1025/ });
    assert.throws(() => aio.writev(fd, buffers), { name: "RangeError", message: /1025/ });
    buffers.pop();
    // What hands out more than its length says gets no further than its length.
    const more = Array.from({ length: 1025 }, () => new Uint8Array(1));
    buffers[Symbol.iterator] = () => more.values();
    aio.readv(fd, buffers);
    const [completion] = aio.wait(1);
    assert.equal(completion!.res, 100);
    assert.equal(completion!.buffers!.length, 1024);
  }));

test("events of a poll out of range are a RangeError", () =>
  withContext((aio, fd) => {
    for (const events of [-1, 1.5, NaN, 0x10000]) {
      assert.throws(() => aio.poll(fd, events), { name: "RangeError", message: /`events`/ });
    }
  }));

test("what wait is asked for is looked at", () =>
  withContext((aio) => {
    for (const minimum of [-1, 1.5, NaN, Infinity]) {
      assert.throws(() => aio.wait(minimum), { name: "RangeError", message: /`minimum`/ });
    }
    for (const timeout of [-1, NaN]) {
      assert.throws(() => aio.wait(1, { timeout }), { name: "RangeError", message: /`timeout`/ });
    }
    assert.throws(() => aio.wait(wrong("1")), TypeError);
    assert.throws(() => aio.wait(1, { timeout: wrong("5") }), TypeError);
  }));

test("an option that is not known is a TypeError that names the nearest one", () =>
  withContext((aio, fd) => {
    const bytes = new Uint8Array(100);
    const cases: [() => void, RegExp][] = [
      [() => aio.read(fd, bytes, wrong({ postion: 50 })), /`postion`.*`position`/],
      [() => aio.write(fd, bytes, wrong({ flag: 1 })), /`flag`.*`flags`/],
      [() => aio.readv(fd, [bytes], wrong({ date: 1 })), /`date`.*`data`/],
      [() => aio.writev(fd, [bytes], wrong({ Position: 50 })), /`Position`.*`position`/],
      [() => aio.fsync(fd, wrong({ position: 50 })), /`position`.*`data`/],
      [() => aio.fdatasync(fd, wrong({ dat: 1 })), /`dat`/],
      [() => aio.poll(fd, 1, wrong({ flags: 1 })), /`flags`/],
      [() => aio.wait(1, wrong({ timout: 1 })), /`timout`.*`timeout`/],
      [() => new AioContext(wrong({ entry: 1 })), /`entry`.*`entries`/],
    ];
    for (const [call, message] of cases) assert.throws(call, { name: "TypeError", message });
  }));

test("the array of buffers may be changed after the call", async () => {
  using file = new TempFile(pattern(100));
  await using aio = new AioContext({ entries: 1 });
  const first = new Uint8Array(10);
  const buffers = [first];
  aio.readv(file.fd, buffers);
  aio.readv(file.fd, buffers);
  buffers[0] = new Uint8Array(20);
  buffers.push(new Uint8Array(20));
  for await (const completion of aio) {
    assert.equal(completion.res, 10);
    assert.deepEqual(completion.buffers, [first]);
    assert.equal(completion.buffers![0], first);
  }
});

test("the largest entries that are in range get the kernel's own answer", {
  skip: (real.limits()?.aioMaxNr ?? Infinity) >= 2 ** 22 && "the kernel would make that context",
}, () => {
  assert.throws(() => new AioContext({ entries: 2 ** 22 }), { code: "EAGAIN" });
});
