import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import fc from "fast-check";
import { AioContext, type Completion, open } from "../../mod.ts";
import { real } from "../support/real_kernel.ts";
import { bothWays } from "../support/both_ways.ts";
import { pattern, sameBytes } from "../support/bytes.ts";
import { onGrounds, Scene } from "../support/file_grounds.ts";
import { TempFile } from "../support/temp.ts";
import { HostileProperty } from "../support/hostile_property.ts";

const CASES = 300;
/** The same cases each time; `npm run fuzz:hostile` draws others. */
const seed = 20_261_129;

test("whatever a caller's objects do, only the memory that was meant is used", async () => {
  using hostile = new HostileProperty();
  const details = await fc.check(hostile.property, { numRuns: CASES, seed });
  const found = JSON.stringify(details.counterexample?.[0]);
  assert.ok(!details.failed, `seed ${seed}, ${found}\n${details.errorInstance}`);
});

/** What a caller may do to a batch. */
const SPOILS: Record<string, (batch: Completion<number>[]) => unknown> = {
  "freezes it": Object.freeze,
  "adds a completion twice": (batch) => batch.push(batch[0]!, batch[0]!),
  "adds what is no completion": (batch) => batch.push({} as Completion<number>),
  "empties it": (batch) => batch.length = 0,
  "gives it methods": (batch) => {
    const never = () => assert.fail("A method of the batch was called");
    Object.assign(batch, { push: never, splice: never, pop: never });
  },
};

for (const [what, spoil] of Object.entries(SPOILS)) {
  bothWays(`a caller that ${what} disturbs no later batch`, async (way) => {
    using file = new TempFile(pattern(4096));
    await using aio = new AioContext<number>({ ...way, entries: 4 });
    const seen: number[] = [];
    const queue = (data: number) => {
      if (data < 40) aio.read(file.fd, new Uint8Array(8), { position: data, data });
    };
    for (let data = 0; data < 4; data++) queue(data);
    for await (const batch of aio.batches()) {
      for (const { data, res, buffer } of batch) {
        assert.equal(res, 8);
        sameBytes(buffer, pattern(4096).subarray(data, data + 8));
        seen.push(data);
        queue(data + 4);
      }
      spoil(batch as Completion<number>[]);
    }
    assert.deepEqual(seen.sort((a, b) => a - b), Array.from({ length: 40 }, (_, data) => data));
    assert.deepEqual([aio.inFlight, aio.queued], [0, 0]);
  });
}

bothWays("words that pass for bytes are rejected, and nothing is in flight", async (way) => {
  using file = new TempFile(pattern(4096));
  await using aio = new AioContext({ ...way, entries: 4 });
  for (const Words of [Uint16Array, Float64Array, BigInt64Array]) {
    const words = new Words(4);
    Object.setPrototypeOf(words, Uint8Array.prototype);
    const bytes = words as unknown as Uint8Array;
    assert.throws(() => aio.read(file.fd, bytes), TypeError);
    assert.throws(() => aio.write(file.fd, bytes), TypeError);
    assert.throws(() => aio.readv(file.fd, [new Uint8Array(1), bytes]), TypeError);
    assert.throws(() => aio.writev(file.fd, [bytes]), TypeError);
  }
  assert.equal(aio.queued, 0);
});

/** Signals that do something when they are asked to forget a listener. */
const SIGNALS: Record<string, (signal: AbortSignal, controller: AbortController) => void> = {
  "throws": (signal) => {
    signal.removeEventListener = () => {
      throw new Error("It cannot be removed");
    };
  },
  "aborts": (signal, controller) => {
    signal.removeEventListener = () => controller.abort("late");
  },
  "never takes one": (signal) => {
    signal.addEventListener = () => {
      throw new Error("It cannot be added");
    };
  },
};

for (const [what, change] of Object.entries(SIGNALS)) {
  onGrounds(`a signal that ${what} harms no other read`, async (ground) => {
    await using scene = new Scene(ground);
    await using context = new AioContext({ entries: 4 });
    const content = pattern(65_536);
    const file = await scene.holding(content, "r", { context });
    for (let round = 0; round < 20; round++) {
      const reads = Array.from({ length: 16 }, (_, i) => {
        const controller = new AbortController();
        if (i % 2 === 0) change(controller.signal, controller);
        return file.readAt(i * 4000, 4000, { signal: controller.signal });
      });
      const results = await Promise.allSettled(reads);
      for (const [i, result] of results.entries()) {
        if (result.status === "fulfilled") {
          sameBytes(result.value, content.subarray(i * 4000, (i + 1) * 4000));
        } else assert.ok(i % 2 === 0 && what === "never takes one", `${i}: ${result.reason}`);
      }
    }
    const { signal } = new AbortController();
    change(signal, new AbortController());
    const scanned = Array.fromAsync(file.scan({ signal }));
    if (what === "never takes one") await assert.rejects(scanned, /cannot be added/);
    else assert.equal((await scanned).length, 1);
    await file.close();
    await context[Symbol.asyncDispose]();
    assert.deepEqual([context.inFlight, context.queued], [0, 0]);
  });
}

onGrounds("a path that is changed while it is opened is the path it was", async (ground) => {
  await using scene = new Scene(ground);
  const [meant, other] = ["meant", "other"].map((content) => Buffer.from(scene.file(content)));
  for (const flags of ["r", "r+"]) {
    const path = Buffer.from(meant!);
    const opening = open(path, flags, { direct: ground.direct });
    path.set(other!);
    await using file = await opening;
    assert.equal(await file.readFile("utf8"), "meant");
    assert.equal(file.path, meant!.toString());
  }
});

test("io_setup leaves its context nowhere but in a BigUint64Array", () => {
  const proxy = new Proxy(new BigUint64Array(1), { set: () => false });
  for (const wrong of [proxy, [0n], { length: 1, 0: 0n }, new BigInt64Array(1), null, 5]) {
    assert.throws(() => real.io_setup(4, wrong as BigUint64Array), TypeError);
  }
  assert.throws(() => real.io_setup(4, new BigUint64Array(0)), RangeError);
});
