import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { AioContext, type AioFile, open } from "../../mod.ts";
import { pattern, sameBytes } from "../support/bytes.ts";
import { onGrounds, Scene } from "../support/file_grounds.ts";
import { counting } from "../support/file_kernels.ts";

const CONTENT = pattern(300_000);

onGrounds("64 readAt of one turn leave in one io_submit", async (ground) => {
  await using scene = new Scene(ground);
  const { kernel, submitted } = counting();
  await using context = new AioContext({ kernel, entries: 64 });
  const file = await scene.holding(CONTENT, "r", { context });
  for (let round = 0; round < 5; round++) {
    submitted.length = 0;
    const reads = Array.from({ length: 64 }, (_, i) => file.readAt(i * 4000, 1000));
    assert.deepEqual(submitted, [], "nothing leaves before the turn is over");
    await Promise.all(reads);
    // Those that were cut at the end of the file may have been asked for again, but none is
    assert.equal(submitted[0], 64, String(submitted));
    for (const [i, read] of reads.entries()) {
      sameBytes(await read, CONTENT.subarray(i * 4000, i * 4000 + 1000));
    }
    assert.ok(submitted.length === 1, `${submitted}`);
  }
});

onGrounds("reads and writes of one turn by many files leave together", async (ground) => {
  await using scene = new Scene(ground);
  const { kernel, submitted } = counting();
  await using context = new AioContext({ kernel, entries: 64 });
  const files = await Promise.all(
    Array.from({ length: 20 }, () => scene.holding(CONTENT.subarray(0, 8192), "r+", { context })),
  );
  submitted.length = 0;
  await Promise.all(files.flatMap((file) => [
    file.readAt(0, 100),
    file.read(Buffer.alloc(4096), 0, 4096, 4096),
    file.datasync(),
  ]));
  assert.equal(submitted[0], 60, String(submitted));
});

onGrounds("readMany fills its window with one io_submit", async (ground) => {
  await using scene = new Scene(ground);
  const { kernel, submitted } = counting();
  await using context = new AioContext({ kernel, entries: 64 });
  const file = await scene.holding(CONTENT, "r", { context });
  const requests = Array.from({ length: 32 }, (_, i) => ({ position: i * 4096, length: 4096 }));
  let count = 0;
  for await (const _ of file.readMany(requests, { depth: 32 })) count++;
  assert.equal(count, 32);
  assert.deepEqual(submitted, [32]);
});

onGrounds("two hundred files, all read at once", async (ground) => {
  await using scene = new Scene(ground);
  const files: AioFile[] = await Promise.all(
    Array.from({ length: 200 }, (_, i) => scene.holding(pattern(5000 + i, i % 250), "r")),
  );
  await Promise.all(files.map(async (file, i) => {
    const content = pattern(5000 + i, i % 250);
    const [whole, part, rest] = await Promise.all([
      file.readFile(),
      file.readAt(i, 1000),
      file.readAt(4990, 1000),
    ]);
    sameBytes(whole, content, `file ${i}`);
    sameBytes(part, content.subarray(i, i + 1000), `file ${i}`);
    sameBytes(rest, content.subarray(4990), `file ${i}`);
  }));
});

onGrounds("files opened and closed by the hundred leave nothing behind", async (ground) => {
  await using scene = new Scene(ground);
  const path = scene.file(CONTENT);
  const highest: number[] = [];
  for (let round = 0; round < 10; round++) {
    const descriptors = await Promise.all(Array.from({ length: 100 }, async (_, i) => {
      await using file = await open(path, "r", { direct: ground.direct });
      sameBytes(await file.readAt(i, 10), CONTENT.subarray(i, i + 10));
      return file.fd;
    }));
    highest.push(Math.max(...descriptors));
  }
  // Descriptors that stayed open would push the next ones up by a hundred a round.
  assert.ok(highest.at(-1)! < highest[0]! + 200, `${highest}`);
});
