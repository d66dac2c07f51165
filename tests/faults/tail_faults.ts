import assert from "node:assert/strict";
import { join } from "node:path";
import { pattern, sameBytes } from "../support/bytes.ts";
import { Random } from "../support/random.ts";
import { onPlaces, openHere } from "./places.ts";
import { readAtTheTail } from "./tail_work.ts";

const READS = 4000;
const BLOCK = 4096;

// XFS sets space aside behind the 100 bytes, and the block behind them takes a part of it.
onPlaces("tail", "a direct read across the end, where space is set aside", async ({ path }) => {
  for (const start of [0, 64 * 1024, 1 << 20, (1 << 20) + 10 * BLOCK]) {
    await using file = await openHere(join(path, `aside-${start}`), "w+", { direct: true });
    const content = pattern(start + 2 * BLOCK);
    content.fill(0, start + 100, start + BLOCK);
    await file.write(content, 0, start, 0);
    await file.write(content, start, 100, start);
    await file.write(content, start + BLOCK, BLOCK, start + BLOCK);
    for (const position of [0, start, start + BLOCK, start + 100]) {
      sameBytes(
        await file.readAt(position, 1 << 20),
        content.subarray(position, position + (1 << 20)),
      );
    }
    const { bytesRead, buffer } = await file.read(new Uint8Array(100_000), 0, 100_000, start);
    sameBytes(buffer.subarray(0, bytesRead), content.subarray(start));
    const parts: number[] = [];
    for await (const { bytes } of file.readMany([{ position: start, length: 100_000 }])) {
      parts.push(bytes.length);
    }
    assert.deepEqual(parts, [2 * BLOCK]);
  }
});

onPlaces("tail", "no read fails beside writes of the tail and truncates", async ({ path }) => {
  const random = new Random(1);
  let reads = 0;
  while (reads < READS) reads += await readAtTheTail(path, random);
});
