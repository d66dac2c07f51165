import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { setImmediate as nextTurn, setTimeout } from "node:timers/promises";
import { AioContext, type AioFile, allocate, open } from "../../mod.ts";
import { IOCB_CMD_PREAD } from "../../src/abi/opcodes.ts";
import { RWF_NOWAIT } from "../../src/abi/rw_flags.ts";
import { pattern, sameBytes } from "../support/bytes.ts";
import { type Cached, ColdKernel } from "../support/file_cold_kernel.ts";
import { type Ground, GROUNDS, Scene, testWithin } from "../support/file_grounds.ts";
import { linuxOnly, real } from "../support/real_kernel.ts";
import type { Kernel } from "../../src/kernel.ts";
import { runFileScript } from "../support/file_script.ts";
import { TempFile } from "../support/temp.ts";
import { waitFor } from "../support/wait_for.ts";

const [BUFFERED] = GROUNDS as [Ground];
const LINUX = linuxOnly("never waits in io_submit");
const MIB = 1 << 20;
const CONTENT = pattern(3 * MIB + 37);

/** A file on a kernel whose page cache the test decides on. */
async function onCold(
  cached: (nth: number) => Cached,
  body: (file: AioFile, cold: ColdKernel, context: AioContext) => Promise<void>,
  entries = 16,
): Promise<void> {
  using cold = new ColdKernel(cached);
  await using scene = new Scene(BUFFERED);
  await using context = new AioContext({ kernel: cold.kernel, entries });
  await body(await scene.holding(CONTENT, "r+", { context }), cold, context);
}

const READS: Record<string, (file: AioFile) => Promise<Uint8Array[]>> = {
  "readAt": async (
    file,
  ) => [await file.readAt(5, 70_000), await file.readAt(CONTENT.length - 9, 99)],
  "a long readAt": async (file) => [await file.readAt(1, 3 * MIB)],
  "read": async (file) => {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(1000), 0, 1000, 77);
    return [buffer.subarray(0, bytesRead)];
  },
  "read into memory from allocate": async (file) => {
    const memory = allocate(8192);
    const { bytesRead } = await file.read(memory.subarray(100, 8000), 0, 7900, 4321);
    return [memory.slice(100, 100 + bytesRead), memory.slice(0, 100)];
  },
  "readMany": async (file) => {
    const requests = Array.from({ length: 100 }, (_, i) => ({ position: i * 7919, length: 5000 }));
    const parts: Uint8Array[] = [];
    for await (const { bytes } of file.readMany(requests, { order: "request", depth: 32 })) {
      parts.push(bytes.slice());
    }
    return parts;
  },
  "scan": async (file) => {
    const parts: Uint8Array[] = [];
    for await (const { bytes } of file.scan({ order: "request" })) parts.push(bytes.slice());
    return parts;
  },
};

const CACHES: Record<string, (nth: number) => Cached> = {
  "nothing is cached": () => "nothing",
  "half of each is cached": () => "half",
  "some are cached": (nth) => (["all", "nothing", "half"] as const)[nth % 3]!,
  "the file system has no RWF_NOWAIT": () => "unsupported",
};

for (const [name, read] of Object.entries(READS)) {
  for (const [state, cached] of Object.entries(CACHES)) {
    testWithin(`${name} brings the same bytes where ${state}`, async () => {
      let expected: Uint8Array[] = [];
      await onCold(() => "all", async (file) => {
        expected = await read(file);
      });
      await onCold(cached, async (file, cold) => {
        const actual = await read(file);
        assert.equal(actual.length, expected.length);
        for (const [i, bytes] of actual.entries()) sameBytes(bytes, expected[i]!);
        assert.ok(cold.attempts > 0 || name === "a long readAt");
      });
    }, LINUX);
  }
}

testWithin("no read of a buffered file is ever submitted that could wait", async () => {
  for (const cached of Object.values(CACHES)) {
    await onCold(cached, async (file, cold) => {
      for (const read of Object.values(READS)) await read(file);
      const reads = cold.seen.filter(({ opcode }) => opcode === IOCB_CMD_PREAD);
      assert.ok(reads.length > 0);
      for (const { rwFlags } of reads) assert.equal(rwFlags & RWF_NOWAIT, RWF_NOWAIT);
    });
  }
}, LINUX);

/** Reads so many blocks at once, and looks at them. */
async function readBlocks(file: AioFile, count: number, size = 4096): Promise<void> {
  const blocks = Array.from({ length: count }, (_, i) => file.readAt(i * size, size));
  for (const [i, block] of blocks.entries()) {
    sameBytes(await block, CONTENT.subarray(i * size, (i + 1) * size));
  }
}

testWithin("what is cached comes with one request", async () => {
  await onCold(() => "all", async (file, cold) => {
    await readBlocks(file, 8);
    assert.equal(cold.attempts, 8);
    assert.equal(cold.batches[0], 8);
  });
}, LINUX);

testWithin("one read that waits for the disk brings those that were read with it", async () => {
  await onCold((nth) => nth < 8 ? "nothing" : "all", async (file, cold) => {
    await readBlocks(file, 8);
    // One by a thread, which takes no attempt, and the others tried again
    assert.equal(cold.attempts, 8 + 7);
  });
}, LINUX);

testWithin("more than are tried again at once come one after the other", async () => {
  await onCold((nth) => nth < 16 ? "nothing" : "all", async (file, cold) => {
    for (let round = 0; round < 3; round++) {
      const before = cold.attempts;
      cold.cached = (nth) => nth < before + 60 ? "nothing" : "all";
      await readBlocks(file, 60);
      assert.ok(cold.attempts > before + 60, `${cold.attempts - before} attempts`);
    }
  });
}, LINUX);

testWithin("a read is tried again a few times, and not for ever", async () => {
  await onCold(() => "nothing", async (file, cold) => {
    await readBlocks(file, 8);
    assert.ok(cold.attempts > 8 && cold.attempts <= 8 * 4, `${cold.attempts} attempts`);
  });
}, LINUX);

testWithin("where nothing is ever found again, reads are tried once", async () => {
  await onCold(() => "nothing", async (file, cold) => {
    for (let round = 0; round < 10; round++) await readBlocks(file, 60);
    const before = cold.attempts;
    await readBlocks(file, 60);
    assert.equal(cold.attempts, before + 60);
  });
}, LINUX);

testWithin("a file system without RWF_NOWAIT is not asked again", async () => {
  await onCold(() => "unsupported", async (file, cold) => {
    await file.readAt(0, 10);
    assert.equal(cold.attempts, 1);
    for (let i = 0; i < 5; i++) sameBytes(await file.readAt(i, 10), CONTENT.subarray(i, i + 10));
    assert.equal(cold.attempts, 1);
  });
}, LINUX);

testWithin("a thousand cold reads at once all come back", async () => {
  await onCold(() => "nothing", async (file) => {
    const reads = Array.from({ length: 1000 }, (_, i) => file.readAt(i * 3001, 2000));
    for (const [i, read] of reads.entries()) {
      sameBytes(await read, CONTENT.subarray(i * 3001, i * 3001 + 2000));
    }
  });
}, LINUX);

testWithin("an abort ends a cold read at once, and the file closes when it is over", async () => {
  await onCold(() => "nothing", async (file, cold) => {
    const reason = new Error("enough");
    let refused = 0;
    for (let round = 0; round < 20 || refused === 0; round++) {
      const controller = new AbortController();
      const { signal } = controller;
      const before = cold.attempts;
      const reads = Array.from({ length: 8 }, (_, i) => file.readAt(i * 50_000, 1000, { signal }));
      for (let turn = 0; turn < 10 && cold.attempts === before; turn++) await Promise.resolve();
      // Else the time of this turn was used up, and another round has to show it
      if (cold.attempts > before) refused++;
      controller.abort(reason);
      for (const read of reads) await assert.rejects(read, (error) => error === reason);
      // Their memory is not this one's yet
      sameBytes(await file.readAt(round, 1000), CONTENT.subarray(round, round + 1000));
      // Aborted ones that the kernel has had go on
      for (let seen = -1; seen !== cold.attempts; await setTimeout(5)) seen = cold.attempts;
    }
    const last = file.readAt(0, MIB);
    await file.close();
    sameBytes(await last, CONTENT.subarray(0, MIB));
  });
}, LINUX);

/** Where aborted reads may wait, and how many of 64 have begun by then, at least. */
const WAITS: Record<string, { cached: Cached; size: number; attempts: number; threads: number }> = {
  "for other misses": { cached: "nothing", size: 512, attempts: 64, threads: 1 },
  "to be copied": { cached: "all", size: MIB / 4, attempts: 1, threads: 0 },
  "for a thread": { cached: "unsupported", size: 512, attempts: 64, threads: 1 },
};

for (const [name, { cached, size, attempts, threads }] of Object.entries(WAITS)) {
  testWithin(`an aborted read that waits ${name} reads nothing any more`, async () => {
    let onThreads = 0;
    using cold = new ColdKernel(() => cached, {
      alias(bytes) {
        onThreads++;
        return real.files.alias?.(bytes) ?? bytes;
      },
    });
    await using scene = new Scene(BUFFERED);
    await using context = new AioContext({ kernel: cold.kernel, entries: 64 });
    const file = await scene.holding(CONTENT, "r", { context });
    const controller = new AbortController();
    const { signal } = controller;
    const reads = Array.from({ length: 64 }, (_, i) => file.readAt(i * 512, size, { signal }));
    while (cold.attempts < attempts || onThreads < threads) await nextTurn();
    const begun = [cold.attempts, onThreads];
    assert.ok(onThreads < 64 && (size === 512 || cold.attempts < 64), String(begun));
    controller.abort(new Error("enough"));
    const results = await Promise.allSettled(reads);
    assert.ok(results.some(({ status }) => status === "rejected"));
    await file.close();
    assert.deepEqual([cold.attempts, onThreads], begun);
  }, LINUX);
}

testWithin("closing the context waits for cold reads", async () => {
  using cold = new ColdKernel(() => "nothing");
  await using scene = new Scene(BUFFERED);
  const context = new AioContext({ kernel: cold.kernel, entries: 4 });
  const file = await scene.holding(CONTENT, "r", { context });
  let ended = 0;
  const reads = Array.from({ length: 20 }, async (_, i) => {
    sameBytes(await file.readAt(i, 60_000), CONTENT.subarray(i, i + 60_000));
    ended++;
  });
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  // Some have been to the kernel in vain, the others wait for a slot or for the next turn.
  assert.ok(cold.attempts >= 4);
  assert.ok(ended < 20);
  await context[Symbol.asyncDispose]();
  assert.equal(ended, 20);
  await Promise.all(reads);
}, LINUX);

testWithin("a failure elsewhere has the code, the number, the call, the place", async () => {
  // Nothing is mapped at 0
  await using file = await open("/proc/self/mem");
  await assert.rejects(file.readAt(0, 16), {
    name: "AioError",
    code: "EIO",
    errno: -5,
    syscall: "pread",
    path: "/proc/self/mem",
    position: 0,
    length: 16,
  });
}, LINUX);

testWithin("large cached reads leave the event loop its turns", async () => {
  await onCold(() => "all", async (file, cold) => {
    const target = allocate(64 * MIB / 4);
    let turns = 0;
    let on = true;
    const count = async () => {
      while (on) {
        await nextTurn();
        turns++;
      }
    };
    const counting = count();
    await Promise.all(
      Array.from(
        { length: 64 },
        (_, i) => file.read(target.subarray(i * MIB / 4, (i + 1) * MIB / 4), 0, MIB / 4, i * 4096),
      ),
    );
    on = false;
    await counting;
    assert.equal(cold.attempts, 64);
    // 256 KiB each: what begins within a quarter of a MiB goes out
    assert.ok(Math.max(...cold.batches) <= 2, String(cold.batches));
    assert.ok(turns >= 16, `${turns} turns`);
    for (let i = 0; i < 64; i++) {
      sameBytes(
        target.subarray(i * MIB / 4, (i + 1) * MIB / 4),
        CONTENT.subarray(i * 4096, i * 4096 + MIB / 4),
      );
    }
  });
}, LINUX);

testWithin("where reads were not cached few leave a turn, and more as they are found", async () => {
  await onCold(() => "nothing", async (file, cold) => {
    // Small, as how long it takes to copy many bytes counts, too
    const read = (count: number) => readBlocks(file, count, 512);
    await read(64);
    assert.equal(cold.batches[0], 64);
    cold.batches.length = 0;
    await read(64);
    assert.ok(Math.max(...cold.batches) <= 4, String(cold.batches));
    cold.cached = () => "all";
    await read(200);
    await nextTurn();
    cold.batches.length = 0;
    await read(64);
    assert.deepEqual(cold.batches, [64]);
  }, 64);
}, LINUX);

testWithin("what one turn reads is nothing to the next", async () => {
  await onCold(() => "all", async (file, cold) => {
    // The later ones are answered in the turn that answered the first
    for (let round = 0; round < 3; round++) await readBlocks(file, 10, 512);
    for (let turn = 0; turn < 2; turn++) await nextTurn();
    cold.batches.length = 0;
    await readBlocks(file, 64, 512);
    assert.deepEqual(cold.batches, [64]);
  }, 64);
}, LINUX);

testWithin("what takes long to copy is copied in small portions", async () => {
  let delay = 0;
  const slow = (cold: ColdKernel): Kernel => ({
    ...cold.kernel,
    io_submit(ctx_id, nr, iocbpp) {
      const end = performance.now() + delay;
      while (performance.now() < end);
      return cold.kernel.io_submit(ctx_id, nr, iocbpp);
    },
  });
  using cold = new ColdKernel(() => "all");
  await using scene = new Scene(BUFFERED);
  await using context = new AioContext({ kernel: slow(cold), entries: 64 });
  const file = await scene.holding(CONTENT, "r", { context });
  const largest = async () => {
    await nextTurn();
    cold.batches.length = 0;
    await readBlocks(file, 64);
    return Math.max(...cold.batches);
  };
  await largest();
  delay = 5;
  // Once may be chance
  for (let round = 0; round < 2; round++) await largest();
  assert.ok(await largest() <= 17, String(cold.batches));
}, LINUX);

testWithin("a context's own requests behind large reads of a file come, too", async () => {
  await onCold(() => "all", async (file, _, context) => {
    using other = new TempFile(CONTENT.subarray(0, 4096));
    const large = Array.from({ length: 8 }, () => file.readAt(0, MIB));
    const aio = context as AioContext<number>;
    for (let i = 0; i < 4; i++) aio.read(other.fd, new Uint8Array(100), { data: i });
    assert.equal(waitFor(aio, 4).length, 4);
    const looped = Array.from({ length: 8 }, () => file.readAt(1, MIB));
    for (let i = 0; i < 4; i++) aio.read(other.fd, new Uint8Array(100), { data: i });
    let count = 0;
    for await (const { res } of aio) count += res;
    assert.equal(count, 400);
    for (const read of large) sameBytes(await read, CONTENT.subarray(0, MIB));
    for (const read of looped) sameBytes(await read, CONTENT.subarray(1, MIB + 1));
  });
}, LINUX);

for (const blocking of ["copy", "nothing"] as const) {
  testWithin(`where io_submit blocks for ${blocking}, requests are plain`, async () => {
    using cold = new ColdKernel(() => "nothing", { blocksFor: () => blocking });
    await using scene = new Scene(BUFFERED);
    await using context = new AioContext({ kernel: cold.kernel, entries: 16 });
    const file = await scene.holding(CONTENT, "r+", { context });
    sameBytes(await file.readAt(7, 5000), CONTENT.subarray(7, 5007));
    await file.write(Buffer.from("plain"), 0, 5, 3);
    sameBytes(await file.readAt(3, 5), Buffer.from("plain"));
    assert.deepEqual(cold.seen.map(({ rwFlags }) => rwFlags), [0, 0, 0]);
  }, LINUX);
}

testWithin("a process stays for what is under way elsewhere, and then ends", async () => {
  using file = new TempFile(CONTENT);
  const { code, stdout, stderr } = await runFileScript(
    `
      const file = await open(argument, "r+");
      file.write("under way", 0).then(({ bytesWritten }) => console.log(bytesWritten));
    `,
    { argument: file.path },
  );
  assert.deepEqual([code, stdout], [0, "9"], stderr);
}, LINUX);
