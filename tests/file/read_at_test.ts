import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import type { AioFile } from "../../mod.ts";
import { pattern, sameBytes } from "../support/bytes.ts";
import { onGrounds, Scene } from "../support/file_grounds.ts";
import { Random } from "../support/random.ts";

const MIB = 1 << 20;
/** Around the borders of sectors and pages. */
const SIZES = [0, 1, 511, 512, 513, 4095, 4096, 4097, 8192, 100_003];

function expectedAt(bytes: Uint8Array, position: number, length: number): Uint8Array {
  return bytes.slice(position, position + length);
}

onGrounds("readAt gives exactly the range, whatever it is", async (ground) => {
  await using scene = new Scene(ground);
  const contents = SIZES.map((size) => pattern(size, size % 251));
  const files = await Promise.all(contents.map((content) => scene.holding(content, "r")));
  const range = fc.nat(SIZES.length - 1).chain((which) => {
    const most = SIZES[which]! + 9000;
    return fc.tuple(fc.constant(which), fc.nat(most), fc.nat(most));
  });
  await fc.assert(
    fc.asyncProperty(range, async ([which, position, length]) => {
      const bytes = await files[which]!.readAt(position, length);
      sameBytes(bytes, expectedAt(contents[which]!, position, length), `${position}+${length}`);
    }),
    { numRuns: 400 },
  );
});

onGrounds("readAt gives the same to many who ask at once", async (ground) => {
  await using scene = new Scene(ground);
  const content = pattern(300_007);
  const file = await scene.holding(content, "r");
  const ranges = fc.array(fc.tuple(fc.nat(300_500), fc.nat(20_000)), { maxLength: 400 });
  await fc.assert(
    fc.asyncProperty(ranges, async (wanted) => {
      const reads = await Promise.all(wanted.map(([at, length]) => file.readAt(at, length)));
      for (const [index, [at, length]] of wanted.entries()) {
        sameBytes(reads[index]!, expectedAt(content, at, length), `${at}+${length}`);
      }
    }),
    { numRuns: 20 },
  );
});

onGrounds("readAt is short only where the file ends", async (ground) => {
  await using scene = new Scene(ground);
  for (const size of SIZES) {
    const content = pattern(size);
    const file = await scene.holding(content, "r");
    for (const [position, length] of [[0, size], [0, size + 1], [size, 1], [size + 5000, 4096]]) {
      const bytes = await file.readAt(position!, length!);
      sameBytes(bytes, expectedAt(content, position!, length!), `${position}+${length} of ${size}`);
    }
    assert.equal((await file.readAt(2 ** 45, 10)).length, 0);
    assert.equal((await file.readAt(Number.MAX_SAFE_INTEGER, 0)).length, 0);
  }
});

onGrounds("readAt of nothing is empty", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.holding("content");
  assert.equal((await file.readAt(0, 0)).length, 0);
  assert.equal((await file.readAt(3, 0)).length, 0);
  assert.equal((await file.readAt(1e12, 0)).length, 0);
});

onGrounds("readAt of more than the kernel is asked for at once", async (ground) => {
  await using scene = new Scene(ground);
  const content = pattern(19 * MIB + 321);
  const file = await scene.holding(content, "r");
  const ranges: [number, number][] = [
    [0, MIB - 1],
    [0, MIB],
    [1, MIB],
    [0, MIB + 1],
    [511, 3 * MIB + 7],
    [8 * MIB - 3, 8 * MIB + 6],
    [0, content.length],
    [0, content.length + MIB],
    [content.length - 5, 2 * MIB],
    [content.length + 5, 2 * MIB],
  ];
  for (const [position, length] of ranges) {
    const bytes = await file.readAt(position, length);
    sameBytes(bytes, expectedAt(content, position, length), `${position}+${length}`);
  }
});

onGrounds(
  "large ranges side by side are read whole, into memory of exactly their length",
  async (ground) => {
    await using scene = new Scene(ground);
    const content = pattern(4 * MIB + 321);
    const file = await scene.holding(content, "r");
    const random = new Random(7);
    for (let round = 0; round < 5; round++) {
      // From those that are copied to those that have several parts; some of them end behind the file.
      const ranges = Array.from({ length: 12 }, (): [number, number] => [
        random.below(content.length + MIB / 2),
        1 + random.below(1.5 * MIB),
      ]);
      const reads = ranges.map(([position, length]) => file.readAt(position, length));
      for (const [index, bytes] of (await Promise.all(reads)).entries()) {
        const [position, length] = ranges[index]!;
        sameBytes(bytes, expectedAt(content, position, length), `${position}+${length}`);
        assert.deepEqual([bytes.byteOffset, bytes.buffer.byteLength], [0, bytes.length]);
        assert.equal(Object.getPrototypeOf(bytes), Uint8Array.prototype);
      }
    }
  },
);

onGrounds(
  "one of the large reads side by side is aborted, and the others are not",
  async (ground) => {
    await using scene = new Scene(ground);
    const content = pattern(4 * MIB);
    const file = await scene.holding(content, "r");
    for (let round = 0; round < 5; round++) {
      const controllers = Array.from({ length: 8 }, () => new AbortController());
      const reads = controllers.map(({ signal }, index) =>
        file.readAt(index * MIB / 4, MIB / 2, { signal })
      );
      const reason = new Error("the reason");
      controllers[round]!.abort(reason);
      for (const [index, read] of reads.entries()) {
        const start = index * MIB / 4;
        if (index === round) await assert.rejects(read, (error) => error === reason);
        else sameBytes(await read, expectedAt(content, start, MIB / 2), `${index}`);
      }
    }
  },
);

onGrounds("closing waits for large reads side by side", async (ground) => {
  await using scene = new Scene(ground);
  const content = pattern(4 * MIB);
  const file = await scene.holding(content, "r");
  let ended = 0;
  const reads = Array.from({ length: 8 }, async (_, index) => {
    const bytes = await file.readAt(index * MIB / 4, MIB / 2);
    ended++;
    return bytes;
  });
  await file.close();
  // The promises were settled before; what follows them may have its turn after.
  await Promise.all(reads);
  assert.equal(ended, 8);
  for (const [index, read] of reads.entries()) {
    sameBytes(await read, expectedAt(content, index * MIB / 4, MIB / 2), `${index}`);
  }
});

onGrounds("a huge length costs what the file has", async (ground) => {
  await using scene = new Scene(ground);
  const content = pattern(100_003);
  const file = await scene.holding(content, "r");
  const before = resident();
  for (const length of [2 ** 31, 2 ** 32, 2 ** 40, Number.MAX_SAFE_INTEGER]) {
    sameBytes(await file.readAt(0, length), content);
  }
  assert.equal((await file.readAt(2 ** 45, 2 ** 45)).length, 0);
  assert.ok(resident() - before < 64 * MIB, `${(resident() - before) / MIB} MiB more`);
});

/** Bytes of memory that the process has. */
function resident(): number {
  return Number(readFileSync("/proc/self/statm", "utf8").split(" ")[1]) * 4096;
}

onGrounds("the bytes belong to the caller", async (ground) => {
  await using scene = new Scene(ground);
  const content = pattern(10_000);
  const file = await scene.holding(content, "r");
  const kept = await Promise.all(Array.from({ length: 50 }, (_, i) => file.readAt(i * 100, 100)));
  const [first, second] = kept as [Uint8Array, Uint8Array];
  assert.notEqual(first.buffer, second.buffer);
  first.fill(0xaa);
  for (let round = 0; round < 200; round++) await file.readAt(round, 4096);
  for (const [index, bytes] of kept.entries()) {
    if (index > 0) sameBytes(bytes, expectedAt(content, index * 100, 100));
    else assert.ok(bytes.every((byte) => byte === 0xaa));
  }
});

onGrounds("readAt refuses what is no range", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.holding("content");
  const outOfRange: [number, number][] = [
    [-1, 1],
    [0, -1],
    [0.5, 1],
    [0, 1.5],
    [NaN, 1],
    [0, NaN],
    [2 ** 53, 1],
    [0, 2 ** 53],
    [Infinity, 1],
    [0, Infinity],
    [-Infinity, 1],
    [Number.MAX_SAFE_INTEGER, 1],
  ];
  for (const [position, length] of outOfRange) {
    await assert.rejects(
      file.readAt(position, length),
      (error) =>
        error instanceof RangeError && "code" in error && error.code === "ERR_OUT_OF_RANGE",
      `${position}, ${length}`,
    );
  }
  const read = file.readAt.bind(file) as unknown as (...args: unknown[]) => ReturnType<
    AioFile["readAt"]
  >;
  for (const args of [[], [0], ["0", 1], [0, "1"], [0n, 1], [null, 1], [0, {}]]) {
    await assert.rejects(
      read(...args),
      (error) =>
        error instanceof TypeError && "code" in error && error.code === "ERR_INVALID_ARG_TYPE",
      String(args),
    );
  }
  assert.equal((await file.readAt(0, 7)).length, 7);
});

onGrounds("a refused argument is a rejection, not a throw", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.holding("content");
  const rejection = file.readAt(-1, -1);
  assert.ok(rejection instanceof Promise);
  await assert.rejects(rejection);
});
