import assert from "node:assert/strict";
import { constants } from "node:fs";
import { AioContext } from "../../mod.ts";
import { bothWays } from "../support/both_ways.ts";
import { pattern, sameBytes } from "../support/bytes.ts";
import { kernelName } from "../support/real_kernel.ts";
import { BLOCK, DISK, O_DIRECT, SHM, TempFile } from "../support/temp.ts";

const BYTES = pattern(64 * BLOCK);
const ENTRIES = 16;

for (const [name, parent, flags] of [["memory", SHM, 0], ["the disk", DISK, O_DIRECT]] as const) {
  bothWays(
    `batches over ${name} bring each completion once, in objects used again`,
    async (way) => {
      using file = new TempFile(BYTES, { parent, flags: constants.O_RDONLY | flags });
      await using aio = new AioContext<number>({ ...way, entries: ENTRIES });
      const TOTAL = 2000;
      let queued = 0;
      const queue = () => {
        const position = BLOCK * (queued % 64);
        aio.read(file.fd, new Uint8Array(BLOCK), { position, data: queued });
        queued++;
      };
      while (queued < ENTRIES) queue();
      const objects = new Set<unknown>();
      const arrays = new Set<unknown>();
      const seen = new Uint8Array(TOTAL);
      for await (const batch of aio.batches()) {
        assert.ok(batch.length >= 1 && batch.length <= ENTRIES);
        arrays.add(batch);
        for (const completion of batch) {
          assert.equal(completion.res, BLOCK);
          const { position } = completion;
          sameBytes(completion.buffer, BYTES.subarray(position, position + BLOCK));
          seen[completion.data]!++;
          objects.add(completion);
          if (queued < TOTAL) queue();
        }
      }
      assert.ok(seen.every((times) => times === 1));
      assert.ok(objects.size <= 2 * ENTRIES, `${objects.size} objects`);
      assert.ok(arrays.size <= 2, `${arrays.size} arrays`);
    },
  );
}

bothWays("a batch is all that is there", async (way) => {
  using file = new TempFile(BYTES, { parent: SHM });
  await using aio = new AioContext<number>({ ...way, entries: ENTRIES });
  for (let i = 0; i < 10; i++) aio.read(file.fd, new Uint8Array(8), { data: i });
  aio.submit();
  const sizes: number[] = [];
  for await (const batch of aio.batches()) sizes.push(batch.length);
  // A kernel that works on this thread delivers as the work gets done
  if (kernelName === "portable") assert.equal(sizes.reduce((sum, size) => sum + size), 10);
  else assert.deepEqual(sizes, [10]);
});

bothWays("a batch is valid until the next one is asked for, whatever completes", async (way) => {
  using file = new TempFile(BYTES, { parent: SHM });
  await using aio = new AioContext<string>({ ...way, entries: 4 });
  aio.read(file.fd, new Uint8Array(8), { data: "first" });
  let round = 0;
  for await (const batch of aio.batches()) {
    if (round++ > 0) continue;
    const [completion] = batch;
    for (let i = 0; i < 4; i++) aio.read(file.fd, new Uint8Array(9), { data: "later" });
    aio.submit();
    // Time enough for those to complete
    await new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal(batch.length, 1);
    assert.equal(batch[0], completion);
    assert.deepEqual([completion!.data, completion!.res], ["first", 8]);
  }
  assert.ok(round >= 2);
});

bothWays("batches left by break or throw lose nothing that was not handed out", async (way) => {
  using file = new TempFile(BYTES, { parent: SHM });
  await using aio = new AioContext<number>({ ...way, entries: 4 });
  for (let i = 0; i < 60; i++) aio.read(file.fd, new Uint8Array(8), { data: i });
  const seen: number[] = [];
  const take = (batch: readonly { data: number }[]) => seen.push(...batch.map(({ data }) => data));
  for await (const batch of aio.batches()) {
    take(batch);
    break;
  }
  await assert.rejects(async () => {
    for await (const batch of aio.batches()) {
      take(batch);
      throw new Error("thrown by the test");
    }
  });
  for await (const completion of aio) {
    seen.push(completion.data);
    break;
  }
  take(aio.wait(5));
  for await (const batch of aio.batches()) take(batch);
  assert.deepEqual(seen.sort((a, b) => a - b), Array.from({ length: 60 }, (_, i) => i));
});

bothWays("an object used again holds nothing of its last request", async (way) => {
  using file = new TempFile(BYTES, { parent: SHM });
  await using aio = new AioContext<string>({ ...way, entries: 1 });
  aio.readv(file.fd, [new Uint8Array(8)], { data: "vector", position: 8 });
  const first = aio.wait(1)[0]!;
  assert.equal(first.buffers?.length, 1);
  for (let i = 0; i < 4; i++) {
    aio.fsync(file.fd);
    const { data, buffer, buffers, res } = aio.wait(1)[0]!;
    assert.deepEqual([data, buffer, buffers, res], [undefined, undefined, undefined, 0]);
  }
});
