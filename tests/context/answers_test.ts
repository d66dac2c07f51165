import assert from "node:assert/strict";
import { test } from "node:test";
import { AioContext, allocate, open } from "../../mod.ts";
import type { Completion } from "../../src/context/completion.ts";
import { LateKernel } from "../support/late_kernel.ts";
import { linuxOnly } from "../support/real_kernel.ts";
import { SHM, TempFile } from "../support/temp.ts";

const LINUX = linuxOnly("holds requests back");
const DEPTH = 27;
/** 2, then one more each time and another for 16 that are left, in all as many as were answered. */
const PORTIONS = [2, 4, 6, 7, 8];

/** A context with a burst of reads that completes late, all at once. */
class Burst implements AsyncDisposable {
  readonly late = new LateKernel();
  readonly aio = new AioContext<string>({ entries: 2 * DEPTH, kernel: this.late.kernel });
  readonly #file = new TempFile(new Uint8Array(4096));

  constructor() {
    this.late.delay = 5;
    this.queue(DEPTH, "burst");
    // Finds that they are late.
    assert.equal(this.aio.wait(0).length, 0);
    this.late.delay = 0;
    this.late.submitted.length = 0;
  }

  queue(count: number, data: string): void {
    for (let i = 0; i < count; i++) this.aio.read(this.#file.fd, new Uint8Array(8), { data });
  }

  answer({ data, res }: Completion<string>): void {
    assert.equal(res, 8);
    if (data === "burst") this.queue(1, "answer");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.aio.close();
    this.#file[Symbol.dispose]();
  }
}

test(
  "what answers a late batch is sent in portions that grow, while it is handed out",
  LINUX,
  async () => {
    await using burst = new Burst();
    const { aio, late } = burst;
    for await (const batch of aio.batches()) {
      if (batch[0]!.data !== "burst") continue;
      assert.equal(batch.length, DEPTH);
      for (const completion of batch) burst.answer(completion);
      assert.deepEqual(late.submitted, PORTIONS);
    }
  },
);

test("so is what answers one completion after the other", LINUX, async () => {
  await using burst = new Burst();
  for await (const completion of burst.aio) burst.answer(completion);
  assert.deepEqual(burst.late.submitted.slice(0, PORTIONS.length), PORTIONS);
});

test("so is what answers completions that were waited for", LINUX, async () => {
  await using burst = new Burst();
  const { aio, late } = burst;
  // A held request is submitted by a timer, and `wait` blocks the thread.
  while (late.held > 0) await new Promise((resolve) => setTimeout(resolve, 1));
  const completions = aio.wait(0);
  assert.equal(completions.length, DEPTH);
  for (const completion of completions) burst.answer(completion);
  assert.deepEqual(late.submitted, PORTIONS);
  aio.wait(DEPTH);
});

test(
  "so is what answers the reads of a file, whose promises are resolved in such portions",
  LINUX,
  async () => {
    const late = new LateKernel();
    // In memory, so that the burst completes at once when it is no longer held back.
    using memory = new TempFile(new Uint8Array(4096), { parent: SHM });
    await using aio = new AioContext({ entries: 2 * DEPTH, kernel: late.kernel });
    await using file = await open(memory.path, "r", { context: aio });
    late.delay = 5;
    const answers: Promise<unknown>[] = [];
    const read = async (): Promise<void> => {
      const { bytesRead } = await file.read(allocate(8), 0, 8, 0);
      assert.equal(bytesRead, 8);
    };
    const burst = Array.from({ length: DEPTH }, async () => {
      await read();
      answers.push(read());
    });
    // They are on their way, and what answers them is to stay away until all of it is sent.
    await new Promise((resolve) => setTimeout(resolve));
    assert.deepEqual(late.submitted, [DEPTH]);
    late.submitted.length = 0;
    late.delay = 2000;
    await Promise.all(burst);
    await Promise.all(answers);
    assert.deepEqual(late.submitted, PORTIONS);
  },
);

test("after a loop what is queued answers nothing, and stays queued", LINUX, async () => {
  await using burst = new Burst();
  const { aio, late } = burst;
  for await (const batch of aio.batches()) {
    assert.equal(batch.length, DEPTH);
    break;
  }
  late.submitted.length = 0;
  burst.queue(DEPTH, "later");
  assert.equal(aio.queued, DEPTH);
  assert.deepEqual(late.submitted, []);
  for await (const { res } of aio) assert.equal(res, 8);
});
