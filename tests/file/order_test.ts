import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import { pattern, sameBytes } from "../support/bytes.ts";
import { onGrounds, Scene } from "../support/file_grounds.ts";
import { Random } from "../support/random.ts";

const BLOCK = 4096;

onGrounds("a read that is begun after a write has resolved sees it", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.holding(new Uint8Array(64 * BLOCK));
  await Promise.all(Array.from({ length: 16 }, async (_, worker) => {
    for (let round = 1; round <= 20; round++) {
      const position = worker * 3 * BLOCK + round * 7;
      const bytes = Buffer.alloc(2000, worker * 20 + round);
      await file.write(bytes, 0, bytes.length, position);
      sameBytes(await file.readAt(position, bytes.length), bytes);
    }
  }));
});

onGrounds("another AioFile for the same file sees it, too", async (ground) => {
  await using scene = new Scene(ground);
  const writer = await scene.holding(new Uint8Array(64 * BLOCK));
  const reader = await scene.open(writer.path, "r");
  for (let round = 0; round < 50; round++) {
    const bytes = pattern(5000, round);
    await writer.write(bytes, 0, bytes.length, round * 1000);
    sameBytes(await reader.readAt(round * 1000, 5000), bytes);
  }
});

onGrounds("of writes that follow one another the last one stays", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.holding(new Uint8Array(BLOCK));
  for (let round = 0; round < 100; round++) {
    await file.write(Buffer.alloc(BLOCK, round), 0, BLOCK, 0);
  }
  sameBytes(readFileSync(file.path), new Uint8Array(BLOCK).fill(99));
});

onGrounds(
  "writes without a position follow one another, however many are begun",
  async (ground) => {
    await using scene = new Scene(ground);
    const file = await scene.holding("");
    const parts = Array.from({ length: 60 }, (_, i) => pattern(i * 131 % 5000 + 1, i));
    await Promise.all(parts.map((part) => file.write(part)));
    sameBytes(readFileSync(file.path), Buffer.concat(parts));
  },
);

onGrounds("a truncate comes between the writes begun before it and after it", async (ground) => {
  await using scene = new Scene(ground);
  for (let round = 0; round < 10; round++) {
    const file = await scene.holding(new Uint8Array(50_000));
    const other = await scene.open(file.path, "r+");
    const write = (fill: number, i: number) =>
      (i % 2 === 0 ? file : other).write(Buffer.alloc(BLOCK, fill), 0, BLOCK, i * BLOCK);
    const begun = [
      ...Array.from({ length: 20 }, (_, i) => write(1, i)),
      file.truncate(0),
      ...Array.from({ length: 4 }, (_, i) => write(2, i)),
      other.truncate(3 * BLOCK),
    ];
    await Promise.all(begun);
    sameBytes(readFileSync(file.path), new Uint8Array(3 * BLOCK).fill(2));
  }
});

onGrounds("writes of every kind that are begun around truncates all end", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.holding(new Uint8Array(4 * BLOCK));
  const cached = await scene.open(file.path, "r+", { direct: false });
  const random = new Random(1);
  for (let round = 0; round < 30; round++) {
    const begin = (): Promise<unknown> => {
      const writer = random.pick([file, cached]);
      const position = random.below(20) * 1000;
      switch (random.below(4)) {
        case 0:
          return writer.truncate(position);
        case 1:
          return writer.write(new Uint8Array(BLOCK), 0, BLOCK, random.below(6) * BLOCK);
        case 2:
          return writer.writev([new Uint8Array(700), new Uint8Array(BLOCK)], position);
        default:
          return writer.write(new Uint8Array(9000), 0, random.between(1, 9000), position);
      }
    };
    await Promise.all(Array.from({ length: 12 }, begin));
  }
});

onGrounds("a truncate comes after the writes that wait for their turn", async (ground) => {
  await using scene = new Scene(ground);
  for (const flags of ["w+", "a+"]) {
    const file = await scene.open(scene.file(), flags);
    const bytes = Buffer.alloc(100, 1);
    await Promise.all([file.write(bytes), file.write(bytes), file.truncate(0)]);
    sameBytes(readFileSync(file.path), new Uint8Array(0));
    // And a read without a position comes after the write before it
    const written = file.write(Buffer.alloc(5, 2));
    assert.equal((await file.read(new Uint8Array(10))).bytesRead, 0);
    await written;
  }
});

onGrounds(
  "a sync that is begun after writes have resolved succeeds behind them",
  async (ground) => {
    await using scene = new Scene(ground);
    const file = await scene.holding("");
    for (let round = 0; round < 10; round++) {
      const write = (i: number) => file.write(Buffer.alloc(BLOCK, round), 0, BLOCK, i * BLOCK);
      await Promise.all(Array.from({ length: 8 }, (_, i) => write(i)));
      await Promise.all([file.sync(), file.datasync()]);
    }
    sameBytes(readFileSync(file.path), new Uint8Array(8 * BLOCK).fill(9));
  },
);
