import assert from "node:assert/strict";
import { readFileSync, statSync } from "node:fs";
import {
  AioError,
  type AioFile,
  open,
  type WriteManyOptions,
  type WriteRequest,
} from "../../mod.ts";
import { pattern, sameBytes } from "../support/bytes.ts";
import { onGrounds, Scene, testWithin } from "../support/file_grounds.ts";

const CONTENT = pattern(3_000_007);

onGrounds("writeAt writes all of the bytes where they belong", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.holding("", "w+");
  await file.writeAt(5, CONTENT);
  await file.writeAt(1, new Uint16Array([0x4241]));
  await file.writeAt(100, CONTENT.subarray(0, 1000), { durable: true });
  await file.writeAt(7, new Uint8Array(0));
  const expected = new Uint8Array(CONTENT.length + 5);
  expected.set(CONTENT, 5);
  expected.set([0x41, 0x42], 1);
  expected.set(CONTENT.subarray(0, 1000), 100);
  sameBytes(readFileSync(file.path), expected);
  assert.equal(await file.size(), expected.length);
});

onGrounds("an aborted writeAt stops between two parts", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.holding("", "w+");
  const reason = new Error("enough");
  await assert.rejects(file.writeAt(0, CONTENT, { signal: AbortSignal.abort(reason) }), reason);
  assert.equal(await file.size(), 0);
  const controller = new AbortController();
  const writing = file.writeAt(0, CONTENT, { signal: controller.signal });
  controller.abort(reason);
  await assert.rejects(writing, reason);
  assert.equal(await file.size(), 1 << 20);
});

onGrounds("writeMany writes what iterables and async iterables hold", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.holding("", "w+");
  const requests: WriteRequest[] = [];
  for (let position = 0; position < CONTENT.length; position += 70_001) {
    requests.push({ position, bytes: CONTENT.subarray(position, position + 70_001) });
  }
  const half = requests.length >> 1;
  async function* late() {
    for (const request of requests.slice(half)) yield await Promise.resolve(request);
  }
  const first = await file.writeMany(requests.slice(0, half).reverse(), { depth: 3 });
  const second = await file.writeMany(late(), { durable: true });
  assert.equal(first.bytesWritten + second.bytesWritten, CONTENT.length);
  sameBytes(readFileSync(file.path), CONTENT);
  assert.deepEqual(await file.writeMany([], { durable: true }), { bytesWritten: 0 });
});

onGrounds("no more than `depth` ranges are asked for at once", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.holding("", "w+");
  let over = 0;
  let asked = 0;
  // The file has its bytes before the promise of a write settles.
  function* requests(depth: number): Generator<WriteRequest> {
    for (let index = 0; index < 20; index++) {
      over = Math.floor(statSync(file.path).size / 4096);
      asked++;
      assert.ok(asked - over <= depth, `${asked} asked for, ${over} written`);
      yield { position: index * 4096, bytes: new Uint8Array(4096) };
    }
  }
  await file.writeMany(requests(1), { depth: 1 });
  assert.equal(asked, 20);
});

/** Requests that end with one which fails, and what became of their source. */
class Failing {
  asked = 0;
  left = false;
  readonly bad: unknown;

  constructor(bad: unknown) {
    this.bad = bad;
  }

  *[Symbol.iterator](): Generator<WriteRequest> {
    try {
      for (let index = 0; index < 10; index++, this.asked++) {
        yield { position: index * 4096, bytes: new Uint8Array(4096).fill(1) };
      }
      yield this.bad as WriteRequest;
      while (true) {
        this.asked++;
        yield { position: 0, bytes: new Uint8Array(1) };
      }
    } finally {
      this.left = true;
    }
  }
}

testWithin("a range that fails ends writeMany, and is named by its error", async () => {
  await using file = await open("/dev/full", "r+");
  const failing = new Failing({ position: 0, bytes: new Uint8Array(1) });
  await assert.rejects(file.writeMany(failing, { depth: 4 }), (error) => {
    assert.ok(error instanceof AioError);
    const { code, length, path } = error;
    assert.deepEqual([code, length, path], ["ENOSPC", 4096, "/dev/full"]);
    assert.equal(error.position! % 4096, 0);
    return true;
  });
  assert.ok(failing.left);
  assert.ok(failing.asked < 10);
  await assert.rejects(file.writeAt(7, CONTENT.subarray(0, 9)), { code: "ENOSPC", length: 9 });
});

onGrounds("what is no range ends writeMany with what is wrong of it", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.holding("", "w+");
  const bad: [unknown, object][] = [
    [{ position: 0, bytes: "text" }, { name: "TypeError", code: "ERR_INVALID_ARG_TYPE" }],
    [{ position: -1, bytes: new Uint8Array(1) }, { name: "RangeError", code: "ERR_OUT_OF_RANGE" }],
    [{ position: 0.5, bytes: new Uint8Array(1) }, { name: "RangeError" }],
    [{ bytes: new Uint8Array(1) }, { name: "TypeError" }],
    [undefined, { name: "TypeError" }],
  ];
  for (const [request, expected] of bad) {
    const failing = new Failing(request);
    await assert.rejects(file.writeMany(failing), expected);
    assert.ok(failing.left);
    sameBytes(readFileSync(file.path), new Uint8Array(10 * 4096).fill(1));
  }
  for (const requests of [undefined, null, 5, {}]) {
    const writing = file.writeMany(requests as unknown as WriteRequest[]);
    await assert.rejects(writing, { code: "ERR_INVALID_ARG_TYPE" });
  }
});

onGrounds("an aborted writeMany ends while its source still waits", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.holding("", "w+");
  const controller = new AbortController();
  const reason = new Error("enough");
  async function* requests() {
    yield { position: 0, bytes: new Uint8Array(4096).fill(1) };
    controller.abort(reason);
    await new Promise(() => {});
  }
  const writing = file.writeMany(requests(), { signal: controller.signal });
  await assert.rejects(writing, reason);
  sameBytes(readFileSync(file.path), new Uint8Array(4096).fill(1));
});

onGrounds("closing ends writeMany, and waits for what is under way", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.holding("", "w+");
  let closing: Promise<void> | undefined;
  function* requests() {
    yield { position: 0, bytes: CONTENT };
    closing = file.close();
    yield { position: 0, bytes: new Uint8Array(4096) };
  }
  await assert.rejects(file.writeMany(requests()), { code: "EBADF" });
  await closing;
  sameBytes(readFileSync(file.path), CONTENT);
  await assert.rejects(file.writeMany([]), { code: "EBADF" });
  await assert.rejects(file.writeAt(0, CONTENT), { code: "EBADF" });
  await assert.rejects(file.size(), { code: "EBADF" });
});

/** A regular file that takes the bytes it has, and refuses every sync with EINVAL. */
const UNSYNCED = "/proc/self/oom_score_adj";

testWithin("durable writes are synced before the promise resolves", async () => {
  await using file = await open(UNSYNCED, "r+");
  const bytes = readFileSync(UNSYNCED);
  await file.writeAt(0, bytes);
  await file.writeMany([{ position: 0, bytes }]);
  await assert.rejects(file.writeAt(0, bytes, { durable: true }), { code: "EINVAL" });
  const writing = file.writeMany([{ position: 0, bytes }], { durable: true });
  await assert.rejects(writing, { code: "EINVAL", syscall: "fdatasync" });
  await using nothing = await open("/dev/null", "r+");
  await nothing.writeMany([{ position: 0, bytes }], { durable: true });
});

testWithin("wrong options are refused, and the nearest is named", async () => {
  await using file = await open("/dev/null", "r+");
  const many = (options: object) => file.writeMany([], options as WriteManyOptions);
  await assert.rejects(many({ dept: 3 }), { message: /`dept`.*`depth`/ });
  for (const depth of [0, -1, 1.5, NaN, 65537]) {
    await assert.rejects(many({ depth }), { code: "ERR_OUT_OF_RANGE" });
  }
  await assert.rejects(many({ durable: 1 }), { code: "ERR_INVALID_ARG_TYPE" });
  const at: AioFile["writeAt"] = (...args) => file.writeAt(...args);
  await assert.rejects(at(0, CONTENT, { durabel: true } as object), { message: /`durable`/ });
  await assert.rejects(at(-1, CONTENT), { code: "ERR_OUT_OF_RANGE" });
  await assert.rejects(at(0, "text" as never), { code: "ERR_INVALID_ARG_TYPE" });
});
