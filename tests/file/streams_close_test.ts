import assert from "node:assert/strict";
import type { Buffer } from "node:buffer";
import { once } from "node:events";
import { appendFileSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { AioContext, AioError } from "../../mod.ts";
import { pattern, sameBytes } from "../support/bytes.ts";
import { onGrounds, POSITION_GROUNDS, Scene } from "../support/file_grounds.ts";
import { SlowKernel } from "../support/file_kernels.ts";

const MIB = 1 << 20;
const CONTENT = pattern(3 * MIB + 11);

onGrounds("close ends a web stream that waits for the kernel", async (ground) => {
  await using scene = new Scene(ground);
  const slow = new SlowKernel();
  await using context = new AioContext({ kernel: slow.kernel, entries: 64 });
  for (const mode of [undefined, "byob"] as const) {
    const file = await scene.holding(CONTENT, "r", { context });
    const stream = file.readableWebStream({ start: 0, depth: 4 });
    slow.holding = true;
    const read = mode === "byob"
      ? stream.getReader({ mode }).read(new Uint8Array(100))
      : stream.getReader().read();
    while (slow.held === 0) await setImmediate();
    let isClosed = false;
    const closing = file.close().then(() => isClosed = true);
    await assert.rejects(read, { code: "EBADF" });
    assert.equal(isClosed, false, "the kernel still writes to the memory");
    slow.release();
    await closing;
  }
});

onGrounds("close ends a Node stream that is read, without an error", async (ground) => {
  await using scene = new Scene(ground);
  for (const position of [{ start: 0 }, {}]) {
    for (const chunks of [0, 1, 5]) {
      const file = await scene.holding(CONTENT, "r");
      const stream = file.createReadStream(position);
      const events: string[] = [];
      for (const event of ["error", "end", "close"]) stream.on(event, () => events.push(event));
      const closed = once(stream, "close");
      let count = 0;
      await new Promise<void>((resolve) => {
        if (chunks === 0) return resolve();
        stream.on("data", () => {
          if (++count === chunks) resolve();
        });
      });
      await file.close();
      await closed;
      assert.deepEqual(events, ["close"]);
      assert.equal(stream.destroyed, true);
    }
  }
}, POSITION_GROUNDS);

onGrounds("what comes to a file while it is read as a stream is read", async (ground) => {
  await using scene = new Scene(ground);
  // The end of the file within a block, and between two.
  for (const size of [200_000, 3 * 65536]) {
    const content = pattern(size + 300_000);
    const takers = [
      { take: "readableWebStream", options: { start: 0 } },
      { take: "readableWebStream", options: { start: 0, depth: 8 } },
      { take: "readableWebStream", options: {} },
      { take: "createReadStream", options: { start: 0 } },
      { take: "createReadStream", options: { start: 0, highWaterMark: 1000 } },
      { take: "createReadStream", options: {} },
    ] as const;
    for (const { take, options } of takers) {
      const file = await scene.holding(content.subarray(0, size), "r");
      let total = 0, hasGrown = false;
      for await (const chunk of file[take](options)) {
        const bytes = chunk as Uint8Array;
        sameBytes(bytes, content.subarray(total, total += bytes.length), take);
        // Long after the blocks behind this one were read ahead.
        for (let turn = 0; turn < 5; turn++) await setImmediate();
        if (total >= size - 70_000 && !hasGrown) {
          appendFileSync(file.path, content.subarray(size));
          hasGrown = true;
        }
      }
      assert.equal(total, content.length, take);
    }
  }
}, POSITION_GROUNDS);

onGrounds("a stream behind one that was left early has its own bytes", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.holding(CONTENT, "r");
  let at = 0;
  for (let round = 0; round < 3; round++) {
    const stream = file.createReadStream({ autoClose: false });
    const [chunk] = await once(stream, "data") as [Buffer];
    stream.pause();
    sameBytes(chunk, CONTENT.subarray(at, at + chunk.length));
    // The stream may have read one chunk more, which moves the position.
    while (stream.readableLength === 0 && !stream.readableEnded) await setImmediate();
    at += stream.bytesRead;
    stream.removeAllListeners();
  }
}, POSITION_GROUNDS);

onGrounds("a range whose file is closed before it is over fails", async (ground) => {
  await using scene = new Scene(ground);
  for (const options of [{ start: 0 }, { start: 5, end: 300_000 }, { end: 300_000, depth: 4 }]) {
    for (const reads of [0, 1, 2]) {
      const file = await scene.holding(pattern(400_000), "r");
      const reader = file.readableWebStream(options).getReader();
      for (let read = 0; read < reads; read++) assert.equal((await reader.read()).done, false);
      await file.close();
      await assert.rejects(reader.read(), (error) => {
        assert.ok(error instanceof AioError);
        assert.deepEqual([error.code, error.syscall, error.path], ["EBADF", "read", file.path]);
        assert.match(error.message, /closed before the stream was over/);
        return true;
      });
    }
  }
});

onGrounds(
  "a range that was read to its end is over, also when its file is closed",
  async (ground) => {
    await using scene = new Scene(ground);
    const content = pattern(400_000);
    const file = await scene.holding(content, "r");
    const reader = file.readableWebStream({ start: 5, end: 65_545 }).getReader();
    let length = 0;
    while (length < 65_540) length += (await reader.read()).value!.length;
    await file.close();
    assert.equal((await reader.read()).done, true);
  },
);
