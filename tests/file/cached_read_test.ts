import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { readSync, writeFileSync } from "node:fs";
import { setImmediate as nextTurn } from "node:timers/promises";
import { AioContext, type AioFile, open } from "../../mod.ts";
import { EAGAIN, EOPNOTSUPP } from "../../src/abi/errno.ts";
import { RWF_NOWAIT } from "../../src/abi/rw_flags.ts";
import type { FileHost } from "../../src/file_host.ts";
import { COPIED_BYTES_PER_TURN, COPIES_PER_TURN } from "../../src/tuning.ts";
import { pattern, sameBytes } from "../support/bytes.ts";
import { endsReadsEarly } from "../../src/linux/linux_file_host.ts";
import { decorate, decorateFiles } from "../support/decorated_kernel.ts";
import { ColdKernel } from "../support/file_cold_kernel.ts";
import { type Ground, GROUNDS, Scene, testWithin } from "../support/file_grounds.ts";
import { linuxOnly, real } from "../support/real_kernel.ts";
import { DISK, SHM, TempFolder } from "../support/temp.ts";

const [BUFFERED] = GROUNDS as [Ground];
const LINUX = linuxOnly("does not see what the page cache has");
const CONTENT = pattern(3_000_037);

/** What preadv2(2) answers: so many of the bytes, or an error. */
type Answer = (nth: number, length: number) => number;

const ALL: Answer = (_, length) => length;

/** A file whose page cache the test decides on. */
async function onCached(
  answer: Answer,
  body: (file: AioFile, asked: number[]) => Promise<void>,
  content: Uint8Array = CONTENT,
): Promise<void> {
  const asked: number[] = [];
  const readNow: FileHost["readNow"] = (fd, bytes, start, length, position, rwFlags) => {
    assert.equal(rwFlags, RWF_NOWAIT);
    const count = answer(asked.length, length);
    asked.push(length);
    return count > 0 ? readSync(fd, bytes, start, count, position < 0 ? null : position) : count;
  };
  const kernel = decorate({ files: decorateFiles({ blocksFor: () => "disk", readNow }) });
  await using scene = new Scene(BUFFERED);
  await using context = new AioContext({ kernel });
  await body(await scene.holding(content, "r+", { context }), asked);
}

/** Reads with buffers of this length, one after the other, to the end. */
async function readInTurn(file: AioFile, length: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  while (true) {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(length), 0, length, null);
    if (bytesRead === 0) return Buffer.concat(parts);
    parts.push(buffer.subarray(0, bytesRead));
  }
}

testWithin("reads without a position get from the page cache what it has", async () => {
  await onCached(ALL, async (file, asked) => {
    const lengths = [50_000, 1, 4096, 65_536, 100_000];
    let start = 0;
    for (const length of lengths) {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, null);
      assert.equal(bytesRead, length);
      sameBytes(buffer, CONTENT.subarray(start, start += length));
    }
    // All of them fit into one turn of the event loop.
    assert.deepEqual(asked, lengths);
    sameBytes(await readInTurn(file, 50_000), CONTENT.subarray(start));
  });
}, LINUX);

const MISSES: Record<string, Answer> = {
  "none is cached": () => -EAGAIN,
  "each second is cached": (nth, length) => nth % 2 === 0 ? length : -EAGAIN,
  "half of each is cached": (_, length) => Math.ceil(length / 2),
  "half is cached, and the rest is not": (nth, length) =>
    nth % 2 === 0 ? Math.ceil(length / 2) : -EAGAIN,
};

for (const [name, answer] of Object.entries(MISSES)) {
  testWithin(`reads without a position are whole and in order where ${name}`, async () => {
    await onCached(answer, async (file, asked) => {
      sameBytes(await readInTurn(file, 50_000), CONTENT);
      assert.ok(asked.length > 1);
    });
    await onCached(answer, async (file) => {
      const lengths = Array.from({ length: 100 }, (_, i) => 1 + i * 577 % 60_000);
      const reads = lengths.map((length) => file.read(Buffer.alloc(length), 0, length, null));
      let start = 0;
      for (const [i, { bytesRead, buffer }] of (await Promise.all(reads)).entries()) {
        const expected = CONTENT.subarray(start, start + lengths[i]!);
        assert.equal(bytesRead, expected.length, `read ${i}`);
        sameBytes(buffer.subarray(0, bytesRead), expected);
        start += bytesRead;
      }
    });
    await onCached(answer, async (file) => {
      await file.read(Buffer.alloc(11), 0, 11, null);
      sameBytes(await file.readFile(), CONTENT.subarray(11));
      assert.equal((await file.readFile()).length, 0);
    });
  }, LINUX);
}

testWithin("a file that cannot tell what is cached is not asked again", async () => {
  for (const errno of [EOPNOTSUPP, 1, 38]) {
    await onCached(() => -errno, async (file, asked) => {
      sameBytes(await readInTurn(file, 50_000), CONTENT);
      assert.deepEqual(asked, [50_000]);
    });
  }
}, LINUX);

testWithin("cached reads without a position leave time for the rest of the program", async () => {
  await onCached(ALL, async (file, asked) => {
    let turned = false;
    setImmediate(() => turned = true);
    for (let reads = 0; !turned; reads++) {
      assert.ok(reads < 10 * COPIES_PER_TURN, "the event loop does not turn");
      await file.read(Buffer.alloc(100), 0, 100, null);
    }
    const large = Array.from({ length: 40 }, () => file.read(Buffer.alloc(65_536)));
    const bytes = (from: number) => asked.slice(from).reduce((sum, length) => sum + length, 0);
    const before = asked.length;
    await Promise.resolve();
    assert.ok(bytes(before) <= COPIED_BYTES_PER_TURN, "more than a turn has");
    await Promise.all(large);
    assert.ok(asked.every((length) => length <= COPIED_BYTES_PER_TURN));
  });
}, LINUX);

testWithin("a position is shared with others that read by the descriptor", async () => {
  await using scene = new Scene(BUFFERED);
  const file = await scene.holding(CONTENT, "r");
  const parts: Uint8Array[] = [];
  for (let turn = 0; turn < 300; turn++) {
    const own = Buffer.alloc(1 + turn);
    const read = file.read(own);
    // A read that has a turn is over, or not begun: what others read comes before it or after it.
    await read;
    const others = Buffer.alloc(7);
    readSync(file.fd, others, 0, 7, null);
    parts.push(own, others);
  }
  const all = Buffer.concat(parts);
  sameBytes(all, CONTENT.subarray(0, all.length));
});

testWithin("files without a page cache are read as before", async () => {
  await using proc = await open("/proc/self/status", "r");
  assert.match(await proc.readFile("utf8"), /^Name:/);
  await using zero = await open("/dev/zero", "r");
  const { bytesRead, buffer } = await zero.read(Buffer.alloc(5000, 1), 0, 5000, null);
  assert.equal(bytesRead, 5000);
  assert.ok(buffer.every((byte) => byte === 0));
}, LINUX);

testWithin(
  "the machine's own page cache answers with the bytes and moves the position",
  async () => {
    await using scene = new Scene(BUFFERED);
    const file = await scene.holding(CONTENT, "r");
    const bytes = new Uint8Array(10_100);
    let moved = 0;
    // What was just written is cached, unless memory is short: then it would have to wait.
    for (let attempt = 0; attempt < 1000 && moved === 0; attempt++) {
      const res = real.files.readNow!(file.fd, bytes, 100, 10_000, -1, RWF_NOWAIT);
      if (res === -EOPNOTSUPP) return;
      assert.ok(res > 0 || res === -EAGAIN, String(res));
      moved = Math.max(0, res);
    }
    sameBytes(bytes.subarray(100, 100 + moved), CONTENT.subarray(0, moved));
    assert.ok(bytes.subarray(0, 100).every((byte) => byte === 0));
    const next = await file.read(Buffer.alloc(10), 0, 10, null);
    sameBytes(next.buffer, CONTENT.subarray(moved, moved + 10));
    assert.equal(real.files.readNow!(-1, bytes, 0, 10, 0, 0), -9);
  },
  LINUX,
);

testWithin("a file in memory is read at once", async () => {
  using folder = new TempFolder(SHM);
  const path = folder.join("file");
  writeFileSync(path, CONTENT.subarray(0, 10_000));
  const answers: number[] = [];
  const readNow: FileHost["readNow"] = (...args) => {
    const res = real.files.readNow!(...args);
    answers.push(res);
    return res;
  };
  await using context = new AioContext({ kernel: decorate({ files: decorateFiles({ readNow }) }) });
  await using file = await open(path, "r", { context });
  sameBytes(await readInTurn(file, 4096), CONTENT.subarray(0, 10_000));
  assert.deepEqual(answers.slice(0, 3), [4096, 4096, 1808]);
}, { skip: LINUX.skip || (SHM === DISK && "no file system in memory") });

testWithin(
  "a large read into ordinary memory asks the page cache, and many at once do not",
  async () => {
    await onCached(ALL, async (file, asked) => {
      for (const position of [7, 100_000, 5]) {
        const { buffer, bytesRead } = await file.read(Buffer.alloc(40_000), 0, 40_000, position);
        assert.equal(bytesRead, 40_000);
        sameBytes(buffer, CONTENT.subarray(position, position + 40_000));
      }
      assert.deepEqual(asked.splice(0), [40_000, 40_000, 40_000]);
    });
    // The first is not cached, so a thread has it, and more threads take the others.
    await onCached((nth, length) => nth === 0 ? -EAGAIN : length, async (file, asked) => {
      const reads = Array.from(
        { length: 10 },
        (_, i) => file.read(Buffer.alloc(40_000), { position: i }),
      );
      for (const [i, { buffer }] of (await Promise.all(reads)).entries()) {
        sameBytes(buffer, CONTENT.subarray(i, i + 40_000));
      }
      assert.deepEqual(asked.splice(0), [40_000]);
      await file.read(Buffer.alloc(40_000), { position: 1 });
      assert.deepEqual(asked, [40_000]);
    });
  },
  LINUX,
);

for (const [name, answer] of Object.entries(MISSES)) {
  testWithin(`large reads at positions are whole where ${name}`, async () => {
    await onCached(answer, async (file) => {
      for (const position of [0, 77, 2_900_000, CONTENT.length - 5, CONTENT.length + 5]) {
        const { buffer, bytesRead } = await file.read(Buffer.alloc(200_000), 0, 200_000, position);
        const expected = CONTENT.subarray(position, position + 200_000);
        assert.equal(bytesRead, expected.length);
        sameBytes(buffer.subarray(0, bytesRead), expected);
      }
    });
  }, LINUX);
}

testWithin("the signal of a cached readFile aborts no other read", async () => {
  await onCached(ALL, async (file) => {
    for (let round = 0; round < 10; round++) {
      await nextTurn();
      const controller = new AbortController();
      const whole = file.readFile({ signal: controller.signal });
      const reads = [0, 1].map((position) => file.read(Buffer.alloc(4096), 0, 4096, position));
      controller.abort();
      for (const { bytesRead } of await Promise.all(reads)) assert.equal(bytesRead, 4096);
      await assert.rejects(whole, { name: "AbortError" });
    }
  }, CONTENT.subarray(0, 10_000));
}, LINUX);

testWithin("after many misses hits are asked for again", async () => {
  let isCached = false;
  await onCached((_, length) => isCached ? length : -EAGAIN, async (file, asked) => {
    for (let read = 0; read < 100; read++) await file.read(Buffer.alloc(100), 0, 100, null);
    isCached = true;
    for (let read = 0; read < 1000; read++) await file.read(Buffer.alloc(100), 0, 100, null);
    await nextTurn();
    const before = asked.length;
    const reads = Array.from({ length: COPIES_PER_TURN }, () => file.read(Buffer.alloc(1)));
    assert.ok(asked.length - before > COPIES_PER_TURN / 2, `${asked.length - before} asked`);
    await Promise.all(reads);
  });
}, LINUX);

testWithin("devices that are no disks are read by threads, a record at a time", async () => {
  let asked = 0;
  const readNow: FileHost["readNow"] = () => {
    asked++;
    return -EAGAIN;
  };
  await using context = new AioContext({ kernel: decorate({ files: decorateFiles({ readNow }) }) });
  await using zero = await open("/dev/zero", "r", { context });
  assert.equal((await zero.read(Buffer.alloc(50_000), 0, 50_000, null)).bytesRead, 50_000);
  assert.equal((await zero.read(Buffer.alloc(50_000), 0, 50_000, 5)).bytesRead, 50_000);
  assert.equal(asked, 0);
}, LINUX);

testWithin("any number of reads that fail at their turn are told so", async () => {
  await using scene = new Scene(BUFFERED);
  const file = await scene.holding(CONTENT, "r");
  const memory = new ArrayBuffer(100);
  const first = file.read(Buffer.alloc(100_000), 0, 100_000, null);
  const reads = Array.from({ length: 20_000 }, () => file.read(new Uint8Array(memory), 0, 10));
  structuredClone(memory, { transfer: [memory] });
  await first;
  const results = await Promise.allSettled(reads);
  // Some runtimes keep memory where it is that a read waits for.
  const isLost = memory.byteLength === 0;
  assert.equal(results.some(({ status }) => status === "rejected"), isLost);
  assert.equal((await file.read(Buffer.alloc(7))).bytesRead, 7);
});

testWithin("a kernel that ends cached reads too early is not asked what is cached", async () => {
  for (const release of ["5.9.0", "5.10.0-8-amd64", "5.10"]) assert.ok(endsReadsEarly(release));
  for (const release of ["5.8.18", "5.11.0", "5.100.1", "6.18.44", "4.19.0", "15.9.1", ""]) {
    assert.ok(!endsReadsEarly(release), release);
  }
  const members: Partial<FileHost> = { endsEarly: true, readNow: () => 0 };
  using cold = new ColdKernel(() => "all", members);
  await using scene = new Scene(BUFFERED);
  await using context = new AioContext({ kernel: cold.kernel });
  const file = await scene.holding(CONTENT, "r", { context });
  sameBytes(await readInTurn(file, 50_000), CONTENT);
  sameBytes(await file.readAt(77, 5000), CONTENT.subarray(77, 5077));
  assert.equal((await file.read(Buffer.alloc(40_000), { position: 5 })).bytesRead, 40_000);
  assert.equal(cold.attempts, 0);
}, LINUX);
