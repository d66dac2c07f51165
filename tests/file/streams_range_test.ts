import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream } from "node:stream/web";
import { setImmediate } from "node:timers/promises";
import { AioContext, type AioFile, open } from "../../mod.ts";
import { pattern, sameBytes } from "../support/bytes.ts";
import { onGrounds, POSITION_GROUNDS, Scene } from "../support/file_grounds.ts";
import { counting, SlowKernel } from "../support/file_kernels.ts";
import { WatchedSignal } from "../support/file_listeners.ts";

const MIB = 1 << 20;
const CONTENT = pattern(3 * MIB + 11);

type Options = Parameters<AioFile["readableWebStream"]>[0];

const RANGES: readonly (Options & { start?: number; end?: number })[] = [
  { start: 0 },
  { start: 1 },
  { end: 100 },
  { start: 0, end: CONTENT.length },
  { start: 4096, end: 4096 },
  { start: 4097, end: 4098 },
  { start: 65_535, end: 65_537 },
  { start: 100_001, end: 2_000_003 },
  { start: MIB, end: Infinity },
  { start: CONTENT.length - 5, end: CONTENT.length + 5 },
  { start: CONTENT.length },
  { start: CONTENT.length + 100, end: CONTENT.length + 200 },
  { start: 123, depth: 1 },
  { start: 123, depth: 3 },
  { start: 12_345, end: 1_234_567, depth: 100 },
];

async function bytesOf(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

onGrounds("a Response of a range has its bytes", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.holding(CONTENT, "r");
  for (const range of RANGES) {
    const expected = CONTENT.subarray(range.start ?? 0, range.end);
    sameBytes(await bytesOf(file.readableWebStream(range)), expected, JSON.stringify(range));
  }
  // At the same time, too.
  await Promise.all(RANGES.map(async (range) => {
    const expected = CONTENT.subarray(range.start ?? 0, range.end);
    sameBytes(await bytesOf(file.readableWebStream(range)), expected, JSON.stringify(range));
  }));
});

onGrounds("an http server sends ranges", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.holding(CONTENT, "r");
  await using server = createServer((request, response) => {
    const [start, end] = request.url!.slice(1).split("-").map(Number) as [number, number];
    const stream = file.readableWebStream({ start, end });
    pipeline(Readable.fromWeb(stream), response).catch((error) => response.destroy(error));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const ranges = [[0, 10], [1, 70_000], [100_001, 2_000_003], [5, CONTENT.length]] as const;
  await Promise.all(ranges.map(async ([start, end]) => {
    const response = await fetch(`http://127.0.0.1:${port}/${start}-${end}`);
    const bytes = new Uint8Array(await response.arrayBuffer());
    sameBytes(bytes, CONTENT.subarray(start, end), `${start}-${end}`);
  }));
});

onGrounds("a type that is not bytes has no effect but a warning", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.holding(CONTENT);
  const warnings: unknown[][] = [];
  const { emitWarning } = process;
  process.emitWarning = (...args: unknown[]) => void warnings.push(args);
  try {
    for (const type of [undefined, "bytes", "text", null]) {
      const stream = file.readableWebStream({ type, end: 10 } as Options);
      sameBytes(await bytesOf(stream), CONTENT.subarray(0, 10));
    }
  } finally {
    process.emitWarning = emitWarning;
  }
  const [message, name] = warnings[0]!;
  assert.match(String(message), /^A non-"bytes" options\.type has no effect\. /);
  assert.equal(name, "ExperimentalWarning");
  assert.deepEqual(warnings, [[message, name], [message, name]]);
});

onGrounds("a range is read into memory of the reader's own", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.holding(CONTENT, "r");
  const reader = file.readableWebStream({ start: 7 }).getReader({ mode: "byob" });
  const parts: Uint8Array[] = [];
  for (let size = 1;; size = size * 3 % 100_003) {
    const { done, value } = await reader.read(new Uint8Array(size));
    if (done) break;
    assert.ok(value!.length <= size);
    parts.push(value!);
  }
  sameBytes(Buffer.concat(parts), CONTENT.subarray(7));
});

onGrounds(
  "a reader's own memory is filled, and given back when the file is closed",
  async (ground) => {
    await using scene = new Scene(ground);
    const file = await scene.holding(CONTENT, "r");
    const reader = file.readableWebStream().getReader({ mode: "byob" });
    const { value } = await reader.read(new Uint8Array(MIB).subarray(100, 100 + MIB / 4));
    assert.equal(value!.byteOffset, 100);
    // What is read ahead comes in chunks.
    if (!ground.direct) assert.equal(value!.length, MIB / 4);
    sameBytes(value!, CONTENT.subarray(0, value!.length));
    const read = reader.read(new Uint8Array(MIB));
    const closed = file.close();
    const last = await read;
    assert.ok(last.done || last.value.length > 0);
    assert.equal(last.value!.buffer.byteLength, MIB);
    await closed;
  },
  POSITION_GROUNDS,
);

onGrounds("chunks belong to the reader", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.holding(CONTENT, "r");
  const kept: Uint8Array[] = [];
  const takers = [
    () => file.readableWebStream({ start: 0 }),
    () => file.readableWebStream({ start: 0, depth: 4 }),
    () => file.createReadStream({ start: 0, autoClose: false }),
    () => file.createReadStream({ start: 0, autoClose: false, highWaterMark: 10_000 }),
  ];
  for (const take of takers) {
    kept.length = 0;
    let isEven = false;
    for await (const chunk of take()) {
      kept.push(new Uint8Array(chunk));
      // Neither what is written to the memory nor its loss reaches another chunk.
      isEven = !isEven;
      if (isEven) chunk.fill(0xee);
      else structuredClone(chunk.buffer, { transfer: [chunk.buffer as ArrayBuffer] });
    }
    sameBytes(Buffer.concat(kept), CONTENT);
  }
  for (const take of takers) {
    kept.length = 0;
    for await (const chunk of take()) kept.push(chunk);
    await file.read(Buffer.alloc(MIB), 0, MIB, 0);
    sameBytes(Buffer.concat(kept), CONTENT);
  }
});

onGrounds("only a stream without a range moves the position", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.holding(CONTENT, "r");
  await file.read(new Uint8Array(100));
  await bytesOf(file.readableWebStream({ start: 5 }));
  await bytesOf(file.readableWebStream({ end: 5 }));
  const { value } = await file.readableWebStream().getReader().read();
  const end = 100 + value!.length;
  sameBytes(value!, CONTENT.subarray(100, end), "after ranges");
  const { buffer } = await file.read(new Uint8Array(10));
  sameBytes(buffer, CONTENT.subarray(end, end + 10), "what was read ahead does not count");
}, POSITION_GROUNDS);

onGrounds("a stream follows the position", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.holding(CONTENT, "r");
  const reader = file.readableWebStream().getReader();
  let at = 0;
  for (let step = 0; step < 10; step++) {
    const { value } = await reader.read();
    sameBytes(value!, CONTENT.subarray(at, at + value!.length), `step ${step}`);
    at += value!.length;
    if (step % 3 === 2) at += (await file.read(new Uint8Array(1000))).bytesRead;
  }
}, POSITION_GROUNDS);

onGrounds("a file has one stream without a range, and many with one", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.holding("0123456789", "r");
  file.readableWebStream();
  const again = { code: "ERR_INVALID_STATE", message: /has one .* `start`/ };
  assert.throws(() => file.readableWebStream(), again);
  const ranges = [file.readableWebStream({ start: 3 }), file.readableWebStream({ end: 3 })];
  const [rest, beginning] = await Promise.all(ranges.map(bytesOf));
  assert.equal(Buffer.from(rest!).toString(), "3456789");
  assert.equal(Buffer.from(beginning!).toString(), "012");
}, POSITION_GROUNDS);

onGrounds("wrong options of a web stream are refused", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.holding("0123456789", "r");
  const make = (options: unknown) => () => file.readableWebStream(options as Options);
  assert.throws(make({ strat: 1 }), { name: "TypeError", message: /`strat`.*`start`/ });
  assert.throws(make({ autoclose: true }), { name: "TypeError", message: /`autoClose`/ });
  assert.throws(make({ blockSize: 1 }), { name: "TypeError" });
  assert.throws(make(null), { code: "ERR_INVALID_ARG_TYPE" });
  assert.throws(make({ start: "1" }), { code: "ERR_INVALID_ARG_TYPE" });
  assert.throws(make({ start: -1 }), { code: "ERR_OUT_OF_RANGE" });
  assert.throws(make({ start: 5, end: 4 }), { code: "ERR_OUT_OF_RANGE" });
  assert.throws(make({ end: 1.5 }), { code: "ERR_OUT_OF_RANGE" });
  assert.throws(make({ depth: 0 }), { code: "ERR_OUT_OF_RANGE" });
  assert.throws(make({ autoClose: 1 }), { code: "ERR_INVALID_ARG_TYPE" });
  // None of them took hold of the file.
  assert.equal((await bytesOf(file.readableWebStream({ start: 0 }))).length, 10);
});

const DEPTH = 4;

onGrounds(
  "a stream reads nothing before it is read, and then no more than its depth",
  async (ground) => {
    await using scene = new Scene(ground);
    const { kernel, submitted } = counting();
    await using context = new AioContext({ kernel, entries: 64 });
    const file = await scene.holding(CONTENT, "r", { context });
    const total = () => submitted.reduce((sum, count) => sum + count, 0);
    const reader = file.readableWebStream({ start: 0, depth: DEPTH }).getReader();
    const quiet = async () => {
      for (let turn = 0; turn < 50; turn++) await setImmediate();
    };
    await quiet();
    assert.equal(total(), 0);
    for (let read = 1; read <= 10; read++) {
      await reader.read();
      await quiet();
      assert.ok(total() <= read + DEPTH, `${total()} requests after ${read} chunks`);
    }
    await reader.cancel();
  },
);

onGrounds("no more blocks are in flight than the depth says", async (ground) => {
  await using scene = new Scene(ground);
  const slow = new SlowKernel();
  await using context = new AioContext({ kernel: slow.kernel, entries: 64 });
  const file = await scene.holding(CONTENT, "r", { context });
  const reader = file.readableWebStream({ start: 0, depth: DEPTH }).getReader();
  let isWaiting = false;
  for (let read = 0; read < 8; read++) await reader.read();
  slow.holding = true;
  const reading = (async () => {
    for (let read = 0; read < DEPTH + 1; read++) {
      isWaiting = true;
      await reader.read();
      isWaiting = false;
    }
  })();
  while (slow.held < DEPTH) await setImmediate();
  for (let turn = 0; turn < 50; turn++) await setImmediate();
  assert.equal(slow.held, DEPTH);
  assert.ok(isWaiting);
  slow.release();
  await reading;
  await reader.cancel();
}, POSITION_GROUNDS.filter(({ direct }) => direct));

const REASON = { why: "enough" };

for (const depth of [1, 4]) {
  onGrounds(`an abort ends a web stream of depth ${depth}`, async (ground) => {
    await using scene = new Scene(ground);
    const file = await scene.holding(CONTENT, "r");
    const stop = async (options: object, steps: number) => {
      const watched = new WatchedSignal();
      const { signal } = watched;
      const reader = file.readableWebStream({ start: 5, depth, signal, ...options }).getReader();
      for (let step = 0; step < steps; step++) await reader.read();
      const pending = reader.read();
      watched.abort(REASON);
      await assert.rejects(pending, (error) => error === REASON);
      await assert.rejects(reader.read(), (error) => error === REASON);
      await assert.rejects(reader.closed, (error) => error === REASON);
      return watched;
    };
    for (const steps of [0, 1, 5]) await stop({}, steps);
    const watched = await stop({ autoClose: true }, 2);
    // It resolves when no read is left.
    await file.close();
    assert.equal(file.fd, -1);
    assert.equal(watched.listeners, 0);
  });
}

onGrounds("a signal that was aborted before ends a web stream at once", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.holding(CONTENT, "r");
  const stream = file.readableWebStream({ start: 0, signal: AbortSignal.abort(REASON) });
  await assert.rejects(stream.getReader().read(), (error) => error === REASON);
});

onGrounds("an abort does not wait for the kernel", async (ground) => {
  await using scene = new Scene(ground);
  const slow = new SlowKernel();
  await using context = new AioContext({ kernel: slow.kernel, entries: 16 });
  const file = await scene.holding(CONTENT, "r", { context });
  slow.holding = true;
  const controller = new AbortController();
  const { signal } = controller;
  const read = file.readableWebStream({ start: 0, depth: 2, signal }).getReader().read();
  while (slow.held === 0) await setImmediate();
  controller.abort(REASON);
  await assert.rejects(read, (error) => error === REASON);
  slow.release();
  await file.close();
});

onGrounds("a web stream that ends leaves no listener", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.holding(CONTENT, "r");
  const watched = new WatchedSignal();
  await bytesOf(file.readableWebStream({ start: 0, signal: watched.signal }));
  const reader = file.readableWebStream({ start: 0, signal: watched.signal }).getReader();
  await reader.read();
  await reader.cancel();
  await file.close();
  assert.equal(watched.listeners, 0);
});

onGrounds("an error of the kernel ends a web stream", async (ground) => {
  await using scene = new Scene(ground);
  const folder = await open(scene.folder.path);
  const reader = folder.readableWebStream({ start: 0, autoClose: true }).getReader();
  await assert.rejects(reader.read(), { code: "EISDIR" });
  await folder.close();
  assert.equal(folder.fd, -1);
});
