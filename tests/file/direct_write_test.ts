import assert from "node:assert/strict";
import { readFileSync, statSync } from "node:fs";
import fc from "fast-check";
import { allocate } from "../../mod.ts";
import { pattern, sameBytes } from "../support/bytes.ts";
import { onGrounds, Scene } from "../support/file_grounds.ts";

/** What a file is after writes one after the other. */
class Model {
  bytes: Uint8Array = new Uint8Array(0);

  constructor(bytes: Uint8Array = new Uint8Array(0)) {
    this.bytes = bytes.slice();
  }

  write(bytes: Uint8Array, position: number): void {
    const size = bytes.length === 0 ? 0 : position + bytes.length;
    if (size > this.bytes.length) this.truncate(size);
    this.bytes.set(bytes, bytes.length === 0 ? 0 : position);
  }

  truncate(size: number): void {
    const old = this.bytes;
    this.bytes = new Uint8Array(size);
    this.bytes.set(old.subarray(0, size));
  }
}

onGrounds("writes of any position and length, one after the other", async (ground) => {
  await using scene = new Scene(ground);
  const write = fc.record({
    position: fc.oneof(fc.nat(20_000), fc.constantFrom(0, 511, 512, 4095, 4096, 8192)),
    length: fc.oneof(fc.nat(9000), fc.constantFrom(0, 1, 512, 4096)),
    cut: fc.option(fc.nat(20_000), { freq: 6 }),
  });
  const programs = fc.tuple(fc.nat(10_000), fc.array(write, { maxLength: 25 }));
  await fc.assert(
    fc.asyncProperty(programs, async ([size, writes]) => {
      const model = new Model(pattern(size));
      const path = scene.file(model.bytes);
      const file = await scene.open(path, "r+");
      for (const [index, { position, length, cut }] of writes.entries()) {
        if (cut !== null) {
          await file.truncate(cut);
          model.truncate(cut);
        }
        const bytes = pattern(length, index + 1);
        assert.equal((await file.write(bytes, 0, length, position)).bytesWritten, length);
        model.write(bytes, position);
        assert.equal(statSync(path).size, model.bytes.length);
      }
      sameBytes(await file.readAt(0, 100_000), model.bytes);
      await file.close();
      sameBytes(readFileSync(path), model.bytes);
    }),
    { numRuns: 40 },
  );
});

onGrounds("whole blocks from memory of any kind, with truncates in between", async (ground) => {
  await using scene = new Scene(ground);
  const SIZE = 8192;
  const allocated = allocate(3 * SIZE);
  const shared = new Uint8Array(new SharedArrayBuffer(2 * SIZE), 100, SIZE);
  // Where it lies, from an address that O_DIRECT refuses, and such that no kernel may use
  const kinds = [allocated.subarray(0, SIZE), allocated.subarray(SIZE + 3, 2 * SIZE + 3), shared];
  kinds.push(new Uint8Array(SIZE));
  const model = new Model(pattern(5 * SIZE + 17));
  const file = await scene.holding(model.bytes);
  for (let round = 1; round <= 20; round++) {
    const begun: Promise<unknown>[] = [];
    for (const [index, memory] of kinds.entries()) {
      memory.set(pattern(SIZE, 10 * round + index));
      const position = (2 * index + round % 3) * SIZE;
      begun.push(file.write(memory, 0, SIZE, position));
      model.write(memory, position);
    }
    const cut = 3 * SIZE + 41 * round;
    begun.push(file.truncate(cut));
    model.truncate(cut);
    await Promise.all(begun);
    sameBytes(readFileSync(file.path), model.bytes);
  }
});

onGrounds("64 writes of one byte to one block at once all survive", async (ground) => {
  await using scene = new Scene(ground);
  for (let round = 0; round < 5; round++) {
    const path = scene.file(new Uint8Array(512).fill(0x2e));
    const file = await scene.open(path, "r+");
    const expected = new Uint8Array(512).fill(0x2e);
    await Promise.all(Array.from({ length: 64 }, (_, i) => {
      expected[i * 8 + round] = i;
      return file.write(Uint8Array.of(i), 0, 1, i * 8 + round);
    }));
    sameBytes(readFileSync(path), expected);
  }
});

onGrounds("writes of disjoint bytes by two files on one path all survive", async (ground) => {
  await using scene = new Scene(ground);
  const cuts = fc.array(fc.integer({ min: 1, max: 2500 }), { minLength: 2, maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(cuts, fc.nat(3000), async (lengths, size) => {
      const path = scene.file(pattern(size));
      const files = [await scene.open(path, "r+"), await scene.open(path, "r+")];
      const total = lengths.reduce((sum, length) => sum + length, 0);
      const expected = pattern(total, 77);
      let position = 0;
      const writes = lengths.map((length, index) => {
        const at = position;
        position += length;
        return () => files[index % 2]!.write(expected.subarray(at, at + length), 0, length, at);
      });
      // Not in the order of their positions
      writes.sort((a, b) => writes.indexOf(a) % 3 - writes.indexOf(b) % 3);
      await Promise.all(writes.map((write) => write()));
      const model = new Model(pattern(size));
      model.write(expected, 0);
      sameBytes(readFileSync(path), model.bytes);
      await Promise.all(files.map((file) => file.close()));
    }),
    { numRuns: 25 },
  );
});

onGrounds("a write beyond the end gives exactly the size", async (ground) => {
  await using scene = new Scene(ground);
  for (
    const [size, position, length] of [
      [0, 0, 1],
      [0, 0, 513],
      [0, 5000, 7],
      [100, 100, 1],
      [100, 5000, 100],
      [512, 512, 512],
      [4096, 4000, 97],
      [4097, 4097, 4095],
      [1000, 0, 4096],
      [5000, 10, 20],
    ] as const
  ) {
    const path = scene.file(pattern(size));
    const file = await scene.open(path, "r+");
    const bytes = pattern(length, 3);
    await file.write(bytes, 0, length, position);
    const model = new Model(pattern(size));
    model.write(bytes, position);
    sameBytes(readFileSync(path), model.bytes, `${size}, ${position}+${length}`);
  }
});

onGrounds("writes beyond the end at once are all there, and the size is exact", async (ground) => {
  await using scene = new Scene(ground);
  for (const length of [1, 100, 511, 513, 3000, 4096]) {
    const path = scene.file("");
    const file = await scene.open(path, "r+");
    const expected = pattern(40 * length, 9);
    const starts = Array.from({ length: 40 }, (_, i) => ((i * 17) % 40) * length);
    await Promise.all(
      starts.map((at) => file.write(expected.subarray(at, at + length), 0, length, at)),
    );
    sameBytes(readFileSync(path), expected, `parts of ${length}`);
  }
});

onGrounds("whole and broken blocks at once are all there", async (ground) => {
  await using scene = new Scene(ground);
  for (let round = 0; round < 10; round++) {
    const path = scene.file(pattern(round * 1000));
    const file = await scene.open(path, "r+");
    const expected = pattern(32 * 4096 + 100, 5);
    const writes: Promise<unknown>[] = [];
    for (let block = 0; block < 32; block++) {
      const at = ((block * 11 + round) % 32) * 4096;
      // Of every third block two parts, of the others the whole
      const cuts = block % 3 === 0 ? [at, at + 1000 + round, at + 4096] : [at, at + 4096];
      for (let i = 1; i < cuts.length; i++) {
        writes.push(
          file.write(expected.subarray(cuts[i - 1]!, cuts[i]!), { position: cuts[i - 1]! }),
        );
      }
    }
    writes.push(file.write(expected.subarray(32 * 4096), { position: 32 * 4096 }));
    await Promise.all(writes);
    sameBytes(readFileSync(path), expected, `round ${round}`);
  }
});

onGrounds("writes after a truncate that is under way are not cut", async (ground) => {
  await using scene = new Scene(ground);
  for (let round = 0; round < 15; round++) {
    const path = scene.file(pattern(1 << 20));
    const file = await scene.open(path, "r+");
    const bytes = pattern(100, round);
    const positions = Array.from({ length: 12 }, (_, i) => ((i * 5) % 12) * 8192 + 300);
    const cut = file.truncate(0);
    const writes = positions.map((position) => file.write(bytes, 0, 100, position));
    await Promise.all([cut, ...writes]);
    const content = readFileSync(path);
    if (ground.direct) {
      // The writes come after the truncate that was begun before them
      assert.equal(content.length, 11 * 8192 + 400);
      for (const position of positions) {
        sameBytes(content.subarray(position, position + 100), bytes, `at ${position}`);
      }
    }
    assert.ok(content.length <= 11 * 8192 + 400, `size ${content.length}`);
    await file.close();
  }
});

onGrounds("a truncate after writes that are under way keeps what it should", async (ground) => {
  await using scene = new Scene(ground);
  for (let round = 0; round < 15; round++) {
    const path = scene.file(pattern(10_000));
    const file = await scene.open(path, "r+");
    const writes = Array.from(
      { length: 10 },
      (_, i) => file.write(pattern(777, i + 1), 0, 777, i * 1500 + round),
    );
    const cut = file.truncate(5000 + round);
    await Promise.all([...writes, cut]);
    const { size } = statSync(path);
    if (ground.direct) assert.equal(size, 5000 + round);
    else assert.ok(size === 5000 + round || size <= 9 * 1500 + round + 777);
    sameBytes(
      readFileSync(path).subarray(1500 + round, 1500 + round + 777),
      pattern(777, 2),
    );
    await file.close();
  }
});

onGrounds("appends go to the end, in their order", async (ground) => {
  await using scene = new Scene(ground);
  const path = scene.file(pattern(100, 1));
  const file = await scene.open(path, "a");
  const model = new Model(pattern(100, 1));
  for (const length of [1, 411, 512, 4096, 5000, 3]) {
    const bytes = pattern(length, length);
    assert.equal((await file.write(bytes)).bytesWritten, length);
    model.write(bytes, model.bytes.length);
  }
  // As write(2) does, a position is not heeded
  await file.write(pattern(10, 9), 0, 10, 0);
  model.write(pattern(10, 9), model.bytes.length);
  sameBytes(readFileSync(path), model.bytes);
});

onGrounds("appends of two files at once overwrite nothing", async (ground) => {
  await using scene = new Scene(ground);
  const path = scene.file("");
  const files = [await scene.open(path, "a"), await scene.open(path, "a")];
  const record = (i: number) => new Uint8Array(300 + i).fill(i + 1);
  await Promise.all(Array.from({ length: 50 }, (_, i) => files[i % 2]!.write(record(i))));
  const content = readFileSync(path);
  const seen = new Set<number>();
  for (let at = 0; at < content.length;) {
    const i = content[at]! - 1;
    sameBytes(content.subarray(at, at + 300 + i), record(i), `record ${i} at ${at}`);
    assert.ok(!seen.has(i));
    seen.add(i);
    at += 300 + i;
  }
  assert.equal(seen.size, 50);
});

onGrounds("an append overwrites nothing that another write puts behind the end", async (ground) => {
  await using scene = new Scene(ground);
  for (let round = 0; round < 40; round++) {
    const path = scene.file(pattern(100 + round));
    const size = 100 + round;
    const writer = await scene.open(path, "r+");
    const appender = await scene.open(path, "a");
    const written = new Uint8Array(3000).fill(1);
    const appended = new Uint8Array(700).fill(2);
    const write = () => writer.write(written, 0, 3000, size);
    const append = () => appender.write(appended);
    await Promise.all(round % 2 === 0 ? [write(), append()] : [append(), write()]);
    const content = readFileSync(path);
    // Whichever comes first, the write has the last word on its own range
    sameBytes(content.subarray(size, size + 3000), written, `round ${round}`);
    if (content.length > size + 3000) sameBytes(content.subarray(size + 3000), appended);
    sameBytes(content.subarray(0, size), pattern(size));
    await Promise.all([writer.close(), appender.close()]);
  }
});

onGrounds("a long append stays in one piece", async (ground) => {
  await using scene = new Scene(ground);
  const path = scene.file("");
  const LENGTH = 2_500_000;
  const files = await Promise.all([1, 2, 3].map(() => scene.open(path, "a")));
  await Promise.all(files.map((file, i) => file.write(new Uint8Array(LENGTH).fill(i + 1))));
  const content = readFileSync(path);
  assert.equal(content.length, 3 * LENGTH);
  let changes = 0;
  for (let at = 1; at < content.length; at++) if (content[at] !== content[at - 1]) changes++;
  assert.equal(changes, 2, "the appends are mixed");
});

onGrounds("a file opened for writing alone merges blocks, too", async (ground) => {
  await using scene = new Scene(ground);
  const path = scene.file("gone");
  const file = await scene.open(path, "w");
  await file.write("hello", 3);
  await file.write("X", 4);
  await assert.rejects(file.readAt(0, 1), { code: "EBADF" });
  assert.equal(readFileSync(path, "latin1"), "\0\0\0hXllo");
});

onGrounds("memory of allocate is written from where it lies", async (ground) => {
  await using scene = new Scene(ground);
  const path = scene.file(pattern(16_384));
  const file = await scene.open(path, "r+");
  const memory = allocate(16_384);
  memory.set(pattern(16_384, 1));
  const model = new Model(pattern(16_384));
  for (
    const [offset, length, position] of [
      [0, 16_384, 0],
      [4096, 4096, 8192],
      [512, 512, 512],
      [1, 100, 0],
      [100, 4096, 4096],
      [0, 5000, 300],
      [0, 4096, 16_384],
    ] as const
  ) {
    memory.set(pattern(length, position % 250), offset);
    await file.write(memory, offset, length, position);
    model.write(memory.subarray(offset, offset + length), position);
    sameBytes(readFileSync(path), model.bytes, `${offset}, ${length}, ${position}`);
  }
});

onGrounds("memory of allocate is read into where it lies", async (ground) => {
  await using scene = new Scene(ground);
  const content = pattern(50_001);
  const file = await scene.holding(content, "r");
  for (
    const [offset, length, position] of [
      [0, 65_536, 0],
      [4096, 4096, 8192],
      [1, 100, 0],
      [512, 1024, 49_664],
      [4096, 4096, 49_152],
      [0, 4096, 61_440],
      [7, 4096, 4096],
    ] as const
  ) {
    const memory = allocate(65_536).fill(0xaa);
    const { bytesRead, buffer } = await file.read(memory, offset, length, position);
    const expected = content.subarray(position, position + length);
    assert.equal(bytesRead, expected.length);
    assert.equal(buffer, memory);
    sameBytes(memory.subarray(offset, offset + bytesRead), expected);
    assert.ok(memory.subarray(0, offset).every((byte) => byte === 0xaa));
    // Where the file ends in the middle of a block the kernel may write up to the block's end
    const after = memory.subarray(offset + length);
    assert.ok(after.every((byte) => byte === 0xaa), "bytes behind the range were written");
  }
});

onGrounds("a long write of several parts", async (ground) => {
  await using scene = new Scene(ground);
  const path = scene.file(pattern(777));
  const file = await scene.open(path, "r+");
  const bytes = pattern(5_000_003, 4);
  assert.equal((await file.write(bytes, 0, bytes.length, 1001)).bytesWritten, bytes.length);
  const model = new Model(pattern(777));
  model.write(bytes, 1001);
  sameBytes(readFileSync(path), model.bytes);
});
