import assert from "node:assert/strict";
import { appendFileSync, truncateSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import fc from "fast-check";
import { AioError, type ScanOptions } from "../../mod.ts";
import { pattern, sameBytes } from "../support/bytes.ts";
import { onGrounds, Scene } from "../support/file_grounds.ts";

const ORDERS = ["completion", "request"] as const;

/** Puts the blocks where they belong, and sees to it that none comes twice. */
async function gather(
  blocks: AsyncIterable<{ position: number; bytes: Uint8Array }>,
  size: number,
): Promise<{ bytes: Uint8Array; covered: Uint8Array }> {
  const bytes = new Uint8Array(size);
  const covered = new Uint8Array(size);
  for await (const block of blocks) {
    bytes.set(block.bytes, block.position);
    const end = block.position + block.bytes.length;
    assert.ok(block.bytes.length > 0, "an empty block");
    for (let at = block.position; at < end; at++) covered[at]!++;
  }
  return { bytes, covered };
}

onGrounds("scan brings every byte exactly once", async (ground) => {
  await using scene = new Scene(ground);
  const options = fc.record({
    size: fc.oneof(fc.nat(70_000), fc.constantFrom(0, 1, 512, 4096, 65536, 65537)),
    blockSize: fc.oneof(fc.integer({ min: 700, max: 70_000 }), fc.constantFrom(512, 4096)),
    depth: fc.integer({ min: 1, max: 20 }),
    order: fc.constantFrom(...ORDERS),
  });
  await fc.assert(
    fc.asyncProperty(options, async ({ size, ...options }) => {
      const content = pattern(size);
      const file = await scene.holding(content, "r");
      const { bytes, covered } = await gather(file.scan(options), size);
      sameBytes(bytes, content);
      assert.ok(covered.every((times) => times === 1));
      await file.close();
    }),
    { numRuns: 60 },
  );
});

onGrounds("scan of a part begins and ends anywhere", async (ground) => {
  await using scene = new Scene(ground);
  const content = pattern(60_011);
  const file = await scene.holding(content, "r");
  const parts = fc.record({
    start: fc.nat(61_000),
    length: fc.nat(61_000),
    blockSize: fc.integer({ min: 300, max: 9000 }),
  });
  await fc.assert(
    fc.asyncProperty(parts, async ({ start, length, blockSize }) => {
      const end = start + length;
      const { bytes, covered } = await gather(file.scan({ start, end, blockSize }), content.length);
      for (let at = 0; at < content.length; at++) {
        const inside = at >= start && at < end;
        if (covered[at] !== (inside ? 1 : 0)) assert.fail(`byte ${at} came ${covered[at]} times`);
      }
      const last = Math.min(end, content.length);
      sameBytes(bytes.subarray(start, last), content.subarray(start, last));
    }),
    { numRuns: 60 },
  );
});

onGrounds("scan without end goes to the end of the file, as with Infinity", async (ground) => {
  await using scene = new Scene(ground);
  const content = pattern(10_000);
  const file = await scene.holding(content, "r");
  for (const end of [undefined, Infinity, 10_000, 20_000]) {
    const { bytes } = await gather(file.scan({ start: 77, end, blockSize: 999 }), content.length);
    sameBytes(bytes.subarray(77), content.subarray(77));
  }
});

onGrounds("scan in request order ascends", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.holding(pattern(1_000_003), "r");
  let next = 0;
  for await (const { position, bytes } of file.scan({ blockSize: 4096, order: "request" })) {
    assert.equal(position, next);
    next += bytes.length;
  }
  assert.equal(next, 1_000_003);
});

onGrounds("scan takes blocks of 64 KiB unless told", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.holding(pattern(200_000), "r");
  const blocks: [number, number][] = [];
  for await (const { position, bytes } of file.scan({ order: "request" })) {
    blocks.push([position, bytes.length]);
  }
  assert.deepEqual(blocks, [[0, 65536], [65536, 65536], [131072, 65536], [196608, 3392]]);
});

onGrounds("scan of an empty file, or of none of it", async (ground) => {
  await using scene = new Scene(ground);
  const empty = await scene.holding("", "r");
  const file = await scene.holding(pattern(1000), "r");
  for (
    const blocks of [
      empty.scan(),
      empty.scan({ start: 10, end: 20 }),
      file.scan({ start: 1000 }),
      file.scan({ start: 5000 }),
      file.scan({ start: 500, end: 500 }),
    ]
  ) {
    for await (const _ of blocks) assert.fail("a block");
  }
});

onGrounds("scan of a file that grows stays with the end that it had", async (ground) => {
  await using scene = new Scene(ground);
  const content = pattern(300_000);
  const path = scene.file(content);
  const file = await scene.open(path);
  let total = 0;
  for await (const { bytes } of file.scan({ blockSize: 4096, depth: 2 })) {
    if (total === 0) appendFileSync(path, pattern(100_000));
    total += bytes.length;
  }
  assert.equal(total, content.length);
});

onGrounds("scan of a file that shrinks says so", async (ground) => {
  await using scene = new Scene(ground);
  for (const [cut, first] of [[100_000, 98304], [98_304, 98304], [0, undefined]]) {
    const path = scene.file(pattern(300_000));
    const file = await scene.open(path);
    let seen = 0;
    await assert.rejects(
      async () => {
        for await (
          const { position, bytes } of file.scan({ blockSize: 4096, depth: 2, order: "request" })
        ) {
          if (seen === 0) truncateSync(path, cut);
          seen = position + bytes.length;
        }
      },
      (error) => {
        assert.ok(error instanceof AioError);
        assert.equal(error.code, "ENODATA");
        assert.equal(error.path, path);
        assert.match(error.message, /shrank/);
        if (first === undefined) assert.ok(error.position! > 0);
        else assert.equal(error.position, first);
        return true;
      },
    );
    assert.ok(seen < 300_000);
    await file.close();
  }
});

onGrounds(
  "scan of a file that was empty when it was used first is of what it is now",
  async (ground) => {
    await using scene = new Scene(ground);
    const content = pattern(300_000);
    const file = await scene.holding("");
    await file.writeAt(0, content);
    let total = 0;
    for await (const { bytes } of file.scan({ blockSize: 4096, depth: 2 })) {
      if (total === 0) appendFileSync(file.path, pattern(100_000));
      total += bytes.length;
    }
    assert.equal(total, content.length);
    await assert.rejects(async () => {
      for await (const { position } of file.scan({ blockSize: 4096, depth: 2, order: "request" })) {
        if (position === 0) truncateSync(file.path, 100_000);
      }
    }, { code: "ENODATA" });
    // More than can be read at once
    await file.truncate(3 * 2 ** 30);
    for await (const { position, bytes } of file.scan({ end: 4096 })) {
      assert.equal(position, 0);
      sameBytes(bytes, content.subarray(0, 4096));
    }
  },
);

onGrounds("scan left early leaves the file as it was", async (ground) => {
  await using scene = new Scene(ground);
  const content = pattern(500_000);
  const file = await scene.holding(content, "r");
  for (let round = 0; round < 20; round++) {
    for await (const { position, bytes } of file.scan({ blockSize: 5000 })) {
      sameBytes(bytes, content.subarray(position, position + bytes.length));
      break;
    }
  }
  const { bytes } = await gather(file.scan(), content.length);
  sameBytes(bytes, content);
});

onGrounds("scan refuses wrong options at once", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.holding("content", "r");
  const wrong: ScanOptions[] = [
    { blockSize: 0 },
    { blockSize: 1.5 },
    { blockSize: 2 ** 31 },
    { depth: 0 },
    { start: -1 },
    { start: 5, end: 4 },
    { end: -1 },
    { start: NaN },
    { end: 2 ** 53 },
  ];
  for (const options of wrong) {
    assert.throws(() => file.scan(options), RangeError, JSON.stringify(options));
  }
});

onGrounds("a scan that nobody begins does no harm", async (ground) => {
  await using scene = new Scene(ground);
  for (let round = 0; round < 20; round++) {
    const file = await scene.holding("content", "r");
    file.scan();
    // An unhandled rejection would end the process, or fail the test
    await file.close();
  }
  await setTimeout(5);
});
