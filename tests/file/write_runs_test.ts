import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { readFileSync, writeSync } from "node:fs";
import { setTimeout } from "node:timers";
import { AioContext, type AioFile, open } from "../../mod.ts";
import { pattern, sameBytes } from "../support/bytes.ts";
import { ColdKernel } from "../support/file_cold_kernel.ts";
import { type Ground, GROUNDS, Scene, testWithin } from "../support/file_grounds.ts";
import { bytesOf, memoryOf } from "../support/iovecs.ts";
import { linuxOnly } from "../support/real_kernel.ts";

const [BUFFERED] = GROUNDS as [Ground];
const LINUX = linuxOnly("never waits in io_submit");
const SIZE = 1000;
const CONTENT = pattern(200 * SIZE);

/** What another thread was asked to write. */
interface Call {
  readonly position: number;
  readonly count: number;
  readonly bytes: number;
}

/** A kernel that writes elsewhere, and how it was asked to. */
class Elsewhere implements Disposable {
  readonly calls: Call[] = [];
  /** How many calls were under way at once, at most. */
  most = 0;
  /** How much of a call is written; -1 for an error. */
  outcome: (call: Call) => number = ({ bytes }) => bytes;
  /** Each call takes until so many are under way. */
  together = 0;
  readonly cold: ColdKernel;
  #underWay = 0;

  constructor() {
    this.cold = new ColdKernel(() => "nothing", {
      pwritev: async (fd, iov, iovcnt, position) => {
        const call = { position, count: iovcnt, bytes: bytesOf(iov, iovcnt) };
        this.calls.push(call);
        this.most = Math.max(this.most, ++this.#underWay);
        do {
          await new Promise((resolve) => setTimeout(resolve, 2));
        } while (this.most < this.together);
        this.#underWay--;
        let left = this.outcome(call);
        if (left < 0) return -1;
        let done = 0;
        for (const bytes of memoryOf(iov, iovcnt)) {
          if (left === 0) break;
          const at = position < 0 ? null : position + done;
          const written = writeSync(fd, bytes, 0, Math.min(left, bytes.length), at);
          left -= written;
          done += written;
        }
        return done;
      },
    });
  }

  [Symbol.dispose](): void {
    this.cold[Symbol.dispose]();
  }
}

async function onElsewhere(
  body: (file: AioFile, elsewhere: Elsewhere) => Promise<void>,
  flags = "w+",
): Promise<void> {
  using elsewhere = new Elsewhere();
  await using scene = new Scene(BUFFERED);
  await using context = new AioContext({ kernel: elsewhere.cold.kernel, entries: 16 });
  await body(await scene.holding("", flags, { context }), elsewhere);
}

/** Writes part `index` of the content where it belongs. */
async function writePart(file: AioFile, index: number, durable = false): Promise<void> {
  const position = index * SIZE;
  const part = CONTENT.subarray(position, position + SIZE);
  const { bytesWritten } = await file.write(part, { position, durable });
  assert.equal(bytesWritten, SIZE);
}

/** Writes part `index` of the content where the one before it ended. */
async function writeNext(file: AioFile, index: number, durable = false): Promise<void> {
  const part = CONTENT.subarray(index * SIZE, (index + 1) * SIZE);
  const { bytesWritten } = await file.write(part, { durable });
  assert.equal(bytesWritten, SIZE);
}

function indices(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}

testWithin("writes of which each begins where one ends go together", async () => {
  await onElsewhere(async (file, elsewhere) => {
    await Promise.all(indices(200).map((index) => writePart(file, index)));
    assert.equal(elsewhere.most, 1);
    // The first may go before the others are there
    const calls = elsewhere.calls.map(({ count }) => count);
    assert.deepEqual(calls, calls[0] === 1 ? [1, 64, 64, 64, 7] : [64, 64, 64, 8]);
    sameBytes(readFileSync(file.path), CONTENT);
  });
}, LINUX);

testWithin("writes without a position go together, in the order of their calls", async () => {
  await onElsewhere(async (file, elsewhere) => {
    const first = indices(100).map((index) => writeNext(file, index));
    // Others have no part in a call that is synced, nor in a turn that a read waits for.
    const durable = indices(10).map((index) => writeNext(file, 100 + index, true));
    const read = file.read(new Uint8Array(10));
    const last = indices(20).map((index) => writeNext(file, 110 + index));
    await Promise.all([...first, ...durable, ...last]);
    assert.equal((await read).bytesRead, 0);
    assert.equal(elsewhere.most, 1);
    const calls = elsewhere.calls.map(({ count }) => count);
    // The first of each turn may go before the others are there.
    assert.ok(calls.length <= 3 + 2 + 2, `calls: ${calls}`);
    sameBytes(readFileSync(file.path), CONTENT.subarray(0, 130 * SIZE));
  });
}, LINUX);

testWithin("a write without a position that fails keeps its place", async () => {
  await onElsewhere(async (file, elsewhere) => {
    // The second attempt is the file's own.
    elsewhere.outcome = ({ count }) => count > 1 ? -1 : SIZE / 2;
    await Promise.all(indices(8).map((index) => writeNext(file, index)));
    sameBytes(readFileSync(file.path), CONTENT.subarray(0, 8 * SIZE));
  });
}, LINUX);

testWithin("a call has no more than a few MiB", async () => {
  await onElsewhere(async (file, elsewhere) => {
    const mib = pattern(1 << 20);
    await Promise.all(indices(8).map((index) => file.write(mib, 0, mib.length, index << 20)));
    assert.ok(Math.max(...elsewhere.calls.map(({ bytes }) => bytes)) <= 2 << 20);
    assert.equal(elsewhere.calls.reduce((sum, { bytes }) => sum + bytes, 0), 8 << 20);
    sameBytes(readFileSync(file.path).subarray(7 << 20), mib);
  });
}, LINUX);

testWithin("writes that lie apart do not wait for each other", async () => {
  await onElsewhere(async (file, elsewhere) => {
    const apart = indices(20).map((index) => index * 2);
    // None returns before all have begun, on however slow a machine.
    elsewhere.together = apart.length;
    await Promise.all(apart.map((index) => writePart(file, index)));
    assert.equal(elsewhere.calls.length, 20);
    assert.equal(elsewhere.most, 20);
    for (const index of apart) {
      const part = CONTENT.subarray(index * SIZE, (index + 1) * SIZE);
      sameBytes(await file.readAt(index * SIZE, SIZE), part);
    }
  });
}, LINUX);

testWithin("two that follow the same one both come", async () => {
  await onElsewhere(async (file, elsewhere) => {
    await Promise.all([0, 1, 1, 2, 1, 2].map((index) => writePart(file, index)));
    sameBytes(readFileSync(file.path), CONTENT.subarray(0, 3 * SIZE));
    await Promise.all([0, 1, 2].map((index) => writePart(file, index)));
    assert.ok(elsewhere.calls.length > 0);
    sameBytes(readFileSync(file.path), CONTENT.subarray(0, 3 * SIZE));
  });
}, LINUX);

testWithin("what follows on a write that is over need not wait", async () => {
  await onElsewhere(async (file, elsewhere) => {
    for (const index of indices(5)) await writePart(file, index);
    assert.equal(elsewhere.calls.length, 5);
    sameBytes(readFileSync(file.path), CONTENT.subarray(0, 5 * SIZE));
  });
}, LINUX);

testWithin("durable writes and others do not share a call", async () => {
  await onElsewhere(async (file, elsewhere) => {
    await Promise.all(indices(30).map((index) => writePart(file, index, index >= 10)));
    for (const { position, bytes } of elsewhere.calls) {
      const durable = position >= 10 * SIZE;
      assert.ok(durable || position + bytes <= 10 * SIZE, `${bytes} bytes at ${position}`);
    }
    assert.ok(elsewhere.calls.length <= 4);
    sameBytes(readFileSync(file.path), CONTENT.subarray(0, 30 * SIZE));
  });
}, LINUX);

testWithin("of a call that writes a part, the rest is written after it", async () => {
  for (const part of [400, SIZE - 1, SIZE, SIZE + 1, 5 * SIZE + 7]) {
    await onElsewhere(async (file, elsewhere) => {
      elsewhere.outcome = ({ bytes }) => Math.min(bytes, part);
      await Promise.all(indices(20).map((index) => writePart(file, index)));
      sameBytes(readFileSync(file.path), CONTENT.subarray(0, 20 * SIZE), `${part} at a time`);
    });
  }
}, LINUX);

testWithin("of a call that fails, each is written alone", async () => {
  await onElsewhere(async (file, elsewhere) => {
    elsewhere.outcome = ({ count, bytes }) => count > 1 ? -1 : bytes;
    await Promise.all(indices(20).map((index) => writePart(file, index)));
    const counts = elsewhere.calls.map(({ count }) => count);
    assert.equal(counts.filter((count) => count === 1).length, 20);
    assert.equal(counts.filter((count) => count > 1).length, 1, String(counts));
    sameBytes(readFileSync(file.path), CONTENT.subarray(0, 20 * SIZE));
  });
}, LINUX);

testWithin("of a call that rejects, too", async () => {
  await onElsewhere(async (file, elsewhere) => {
    elsewhere.outcome = () => {
      throw new Error("A kernel of one's own");
    };
    await Promise.all(indices(20).map((index) => writePart(file, index)));
    assert.equal(elsewhere.calls.filter(({ count }) => count > 1).length, 1);
    sameBytes(readFileSync(file.path), CONTENT.subarray(0, 20 * SIZE));
  });
}, LINUX);

testWithin("of writes that go together each has its own error", async () => {
  await using file = await open("/dev/full", "r+");
  const writes = indices(20).map((index) => file.write(CONTENT, 0, SIZE, index * SIZE));
  for (const [index, result] of (await Promise.allSettled(writes)).entries()) {
    assert.ok(result.status === "rejected");
    const { code, position, length } = result.reason;
    assert.deepEqual([code, position, length], ["ENOSPC", index * SIZE, SIZE]);
  }
}, LINUX);

testWithin("a failed sync is told to a write of which only a part was written", async () => {
  using elsewhere = new Elsewhere();
  // Of files without a store fdatasync says EINVAL, each time; a disk says EIO once
  elsewhere.outcome = ({ bytes }) => Math.ceil(bytes / 2);
  await using context = new AioContext({ kernel: elsewhere.cold.kernel, entries: 16 });
  const path = "/proc/self/oom_score_adj";
  const value = readFileSync(path, "utf8").trim();
  await using file = await open(path, "r+", { context });
  const bytes = Buffer.from(value.padEnd(2 * value.length, "\n"));
  await assert.rejects(file.write(bytes, { position: 0, durable: true }), { code: "EINVAL" });
  assert.equal(elsewhere.calls.length, 1);
}, LINUX);

testWithin("what is appended follows in the order of the calls", async () => {
  await onElsewhere(async (file, elsewhere) => {
    const parts = indices(100).map((index) => CONTENT.subarray(index * SIZE, (index + 1) * SIZE));
    await Promise.all(parts.map((part) => file.write(part)));
    assert.equal(elsewhere.most, 1);
    sameBytes(readFileSync(file.path), CONTENT.subarray(0, 100 * SIZE));
  }, "a+");
}, LINUX);

testWithin("closing waits for those that wait for others", async () => {
  await onElsewhere(async (file) => {
    const writes = indices(200).map((index) => writePart(file, index));
    await file.close();
    sameBytes(readFileSync(file.path), CONTENT);
    await Promise.all(writes);
  });
}, LINUX);
