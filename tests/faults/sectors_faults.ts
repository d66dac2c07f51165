import assert from "node:assert/strict";
import {
  closeSync,
  fsyncSync,
  openSync,
  readSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { type AioFile, allocate } from "../../mod.ts";
import { pattern, sameBytes } from "../support/bytes.ts";
import { Random } from "../support/random.ts";
import { onPlaces, openHere, type Place } from "./places.ts";

const LENGTH = 400_000;
const ROUNDS = 60;
const MOST = 12;

/** Writes to a file by kaio and to its twin by node:fs, and reads both. */
async function twins(file: AioFile, path: string, twin: string, size: number, grows: boolean) {
  const random = new Random(size);
  const fd = openSync(twin, "r+");
  try {
    for (let round = 0; round < ROUNDS; round++) {
      const ranges = disjoint(random, grows ? size + 5000 : size);
      await Promise.all(ranges.map(({ at, length }, index) => {
        const bytes = pattern(length, random.below(256));
        const memory = index % 2 === 0
          ? bytes
          : allocate(length + 1).subarray(index % 3 === 0 ? 1 : 0);
        if (memory !== bytes) memory.set(bytes);
        writeSync(fd, bytes, 0, length, at);
        return file.write(memory, 0, length, at).then(({ bytesWritten }) =>
          assert.equal(bytesWritten, length)
        );
      }));
      const reads = Array.from({ length: MOST }, () => ({
        at: random.below(size + 10_000),
        length: random.pick([random.below(700), random.below(100_000), 4096]),
      }));
      const found = await Promise.all(reads.map(({ at, length }) => file.readAt(at, length)));
      for (const [index, { at, length }] of reads.entries()) {
        sameBytes(found[index]!, readTwin(fd, at, length), `round ${round}, ${length} at ${at}`);
      }
    }
    await file.sync();
    fsyncSync(fd);
    // Both by node:fs: what kaio says of the file is one thing, what is there another
    const own = openSync(path, "r");
    sameBytes(readTwin(own, 0, 2 * LENGTH), readTwin(fd, 0, 2 * LENGTH), "the whole");
    closeSync(own);
  } finally {
    closeSync(fd);
  }
}

function readTwin(fd: number, at: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let got = 0;
  while (got < length) {
    const count = readSync(fd, bytes, got, length - got, at + got);
    if (count === 0) break;
    got += count;
  }
  return bytes.subarray(0, got);
}

function disjoint(random: Random, end: number): { at: number; length: number }[] {
  const ranges = [];
  let at = random.below(end);
  while (ranges.length < MOST) {
    const length = random.pick([random.between(1, 600), 512, 4096, random.between(1, 40_000)]);
    if (at + length > end) break;
    ranges.push({ at, length });
    at += length + (random.once(2) ? 0 : random.below(3000));
  }
  return ranges;
}

onPlaces("sectors", "any position and length is right", async ({ path }) => {
  const [own, twin] = [join(path, "own"), join(path, "twin")];
  const content = pattern(LENGTH);
  writeFileSync(own, content);
  writeFileSync(twin, content);
  {
    await using file = await openHere(own, "r+", { direct: true });
    assert.equal(file.direct, true);
    await twins(file, own, twin, LENGTH, true);
  }
  rmSync(own);
  rmSync(twin);
});

// The devices have the length that is in `name`
onPlaces("device", "a block device", async ({ path, name }: Place) => {
  const size = Number(name.split(" ")[0]);
  for (const direct of [true, false]) {
    await using file = await openHere(path, "r+", { direct });
    assert.ok((await file.stat()).isBlockDevice());
    const bytes = pattern(70_001, direct ? 1 : 2);
    await file.write(bytes, 0, bytes.length, 12_345);
    await file.sync();
    const fd = openSync(path, "r");
    sameBytes(readTwin(fd, 12_345, bytes.length), bytes, "by node:fs");
    closeSync(fd);
    sameBytes(await file.readAt(12_345, bytes.length), bytes, "by kaio");
    const tail = pattern(777, 3);
    assert.equal((await file.write(tail, 0, 777, size - 777)).bytesWritten, 777);
    sameBytes(await file.readAt(size - 777, 10_000), tail, "at the end");
    assert.equal((await file.readAt(size, 100)).length, 0);
    assert.equal((await file.readAt(size + 100, 100)).length, 0);
    await assert.rejects(file.write(tail, 0, 777, size), { code: "ENOSPC" });
    const across = await file.write(tail, 0, 777, size - 100).catch((error) => error);
    // The part that there is room for, or none of it
    assert.ok(across.bytesWritten === 100 || across.code === "ENOSPC", `across the end: ${across}`);
    let scanned = 0;
    for await (const { bytes } of file.scan()) scanned += bytes.length;
    assert.equal(scanned, size);
  }
});
