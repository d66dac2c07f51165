import assert from "node:assert/strict";
import { setImmediate, setTimeout } from "node:timers/promises";
import fc from "fast-check";
import { AioContext, AioError, type AioFile, type RangeRequest } from "../../mod.ts";
import { pattern, sameBytes } from "../support/bytes.ts";
import { onGrounds, Scene } from "../support/file_grounds.ts";
import { allocating, SlowKernel } from "../support/file_kernels.ts";
import { within } from "../support/within.ts";

const CONTENT = pattern(500_009);
const ORDERS = ["completion", "request"] as const;

function part(position: number, length: number): Uint8Array {
  return CONTENT.subarray(position, position + length);
}

/** Ranges all over the file. */
function* scattered(count: number, length = 1000): Generator<RangeRequest<number>> {
  for (let i = 0; i < count; i++) {
    yield { position: (i * 7919) % (CONTENT.length - length), length, data: i };
  }
}

async function consume<T>(ranges: AsyncIterable<T>): Promise<number> {
  let count = 0;
  for await (const _ of ranges) count++;
  return count;
}

for (const order of ORDERS) {
  onGrounds(`readMany brings every range with its data, in ${order} order`, async (ground) => {
    await using scene = new Scene(ground);
    const file = await scene.holding(CONTENT, "r");
    const range = fc.record({ position: fc.nat(CONTENT.length + 500), length: fc.nat(9000) });
    const sets = fc.tuple(fc.array(range, { maxLength: 200 }), fc.integer({ min: 1, max: 100 }));
    await fc.assert(
      fc.asyncProperty(sets, async ([ranges, depth]) => {
        const requests = ranges.map((range, data) => ({ ...range, data }));
        const seen: number[] = [];
        for await (const item of file.readMany(requests, { depth, order })) {
          const { position, length } = ranges[item.data]!;
          assert.equal(item.position, position);
          sameBytes(item.bytes, part(position, length), `${position}+${length}`);
          seen.push(item.data);
        }
        const all = ranges.map((_, index) => index);
        assert.deepEqual(order === "request" ? seen : seen.sort((a, b) => a - b), all);
      }),
      { numRuns: 30 },
    );
  });

  onGrounds(`readMany holds to its depth, in ${order} order`, async (ground) => {
    await using scene = new Scene(ground);
    const file = await scene.holding(CONTENT, "r");
    for (const depth of [1, 2, 7, 64]) {
      let pulled = 0;
      let got = 0;
      let most = 0;
      const requests = function* () {
        for (const request of scattered(300)) {
          pulled++;
          most = Math.max(most, pulled - got);
          yield request;
        }
      };
      // The one that the loop has does not count any more
      for await (const _ of file.readMany(requests(), { depth, order })) got++;
      assert.equal(got, 300);
      assert.equal(most, depth);
    }
  });

  onGrounds(`readMany takes requests from a slow producer, in ${order} order`, async (ground) => {
    await using scene = new Scene(ground);
    const file = await scene.holding(CONTENT, "r");
    const requests = async function* () {
      for (const request of scattered(40)) {
        if (request.data! % 10 === 0) await setTimeout(3);
        else if (request.data! % 3 === 0) await setImmediate();
        yield request;
      }
    };
    const seen = new Set<number>();
    for await (const { position, bytes, data } of file.readMany(requests(), { order })) {
      sameBytes(bytes, part(position, 1000));
      seen.add(data);
    }
    assert.equal(seen.size, 40);
  });

  onGrounds(`readMany of nothing ends at once, in ${order} order`, async (ground) => {
    await using scene = new Scene(ground);
    const file = await scene.holding(CONTENT, "r");
    assert.equal(await consume(file.readMany([], { order })), 0);
    assert.equal(await consume(file.readMany(async function* () {}(), { order })), 0);
  });
}

onGrounds("a result comes while the producer still waits for its next request", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.holding(CONTENT, "r");
  const { promise, resolve } = Promise.withResolvers<void>();
  const requests = async function* () {
    yield { position: 5, length: 10 };
    await promise;
    yield { position: 50, length: 10 };
  };
  const positions: number[] = [];
  for await (const { position } of file.readMany(requests())) {
    positions.push(position);
    // Nothing more would ever come if the first result waited for the second request
    resolve();
  }
  assert.deepEqual(positions, [5, 50]);
});

onGrounds("request order is kept though completions come in another", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.holding(CONTENT, "r");
  // A long range first, so that the short ones are there before it
  const requests = [{ position: 0, length: 400_000, data: 0 }, ...scattered(50, 10)]
    .map((request, data) => ({ ...request, data }));
  const seen: number[] = [];
  for await (const { data } of file.readMany(requests, { order: "request" })) seen.push(data);
  assert.deepEqual(seen, requests.map(({ data }) => data));
});

onGrounds("the same and overlapping ranges, as often as asked for", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.holding(CONTENT, "r");
  const requests = Array.from({ length: 100 }, (_, i) => ({ position: i % 7, length: 5000 }));
  let count = 0;
  for await (const { position, bytes } of file.readMany(requests)) {
    sameBytes(bytes, part(position, 5000));
    count++;
  }
  assert.equal(count, 100);
});

onGrounds("bytes are valid until the next step, and slice keeps them", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.holding(CONTENT, "r");
  const kept: [number, Uint8Array][] = [];
  for await (const { position, bytes } of file.readMany(scattered(200), { depth: 16 })) {
    // While others are read into memory beside it
    await setImmediate();
    sameBytes(bytes, part(position, 1000));
    kept.push([position, bytes.slice()]);
  }
  for (const [position, bytes] of kept) sameBytes(bytes, part(position, 1000));
});

onGrounds("the memory is used again: a long iteration takes no more than a short one", async (
  ground,
) => {
  await using scene = new Scene(ground);
  const file = await scene.holding(CONTENT, "r");
  const buffers = new Set<ArrayBufferLike>();
  const places = new Set<string>();
  const identity = new Map<ArrayBufferLike, number>();
  for await (const { bytes } of file.readMany(scattered(2000), { depth: 8 })) {
    buffers.add(bytes.buffer);
    const buffer = identity.get(bytes.buffer) ?? identity.size;
    identity.set(bytes.buffer, buffer);
    // Ranges lie somewhere in a block; the piece of memory is what matters
    places.add(`${buffer}:${Math.floor(bytes.byteOffset / 8192)}`);
  }
  assert.ok(places.size <= 2 * 9, `${places.size} places in ${buffers.size} buffers`);
});

onGrounds(
  "left early, the iteration gives its memory back and the file goes on",
  async (ground) => {
    await using scene = new Scene(ground);
    const file = await scene.holding(CONTENT, "r");
    let ended = 0;
    const requests = function* () {
      try {
        yield* scattered(1000, 100_000);
      } finally {
        ended++;
      }
    };
    const places = new Set<ArrayBufferLike>();
    for (let round = 0; round < 60; round++) {
      for await (const { bytes } of file.readMany(requests(), { depth: 8 })) {
        places.add(bytes.buffer);
        if (round % 2 === 0) break;
        try {
          throw new Error("thrown in the loop");
        } catch {
          break;
        }
      }
    }
    assert.equal(ended, 60);
    sameBytes(await file.readAt(77, 1000), part(77, 1000));
    // Eight pieces of 128 KiB lie in an arena; without their return each round would take one more
    assert.ok(places.size <= 12, `${places.size} arenas`);
  },
);

onGrounds("left early again and again, no memory is lost", async (ground) => {
  await using scene = new Scene(ground);
  const { kernel, allocated } = allocating();
  await using context = new AioContext({ kernel, entries: 64 });
  const file = await scene.holding(CONTENT, "r", { context });
  const round = async () => {
    let left = 5;
    for await (const { position, bytes } of file.readMany(scattered(100, 9000), { depth: 32 })) {
      sameBytes(bytes, part(position, 9000));
      if (--left === 0) break;
    }
    // What the kernel still had when the loop was left is given back when it is done
    do await setImmediate(); while (context.inFlight > 0);
  };
  for (let i = 0; i < 20; i++) await round();
  const before = allocated.length;
  for (let i = 0; i < 500; i++) await round();
  assert.equal(allocated.length, before);
});

onGrounds("an iteration that ended stays ended", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.holding(CONTENT, "r");
  const ranges = file.readMany(scattered(3));
  assert.equal(await consume(ranges), 3);
  assert.deepEqual(await ranges.next(), { value: undefined, done: true });
  assert.deepEqual(await ranges.return!(), { value: undefined, done: true });
  const left = file.readMany(scattered(3));
  assert.deepEqual(await left.return!(), { value: undefined, done: true });
  assert.deepEqual(await left.next(), { value: undefined, done: true });
});

onGrounds("a producer that throws ends the iteration with its error", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.holding(CONTENT, "r");
  const mine = new Error("mine");
  const sync = function* () {
    yield* scattered(20);
    throw mine;
  };
  const async = async function* () {
    yield* scattered(20);
    await setTimeout(1);
    throw mine;
  };
  await assert.rejects(consume(file.readMany(sync())), (error) => error === mine);
  await assert.rejects(consume(file.readMany(async())), (error) => error === mine);
  sameBytes(await file.readAt(5, 5), part(5, 5));
});

onGrounds("a bad range ends the iteration, and the producer is told", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.holding(CONTENT, "r");
  for (const bad of [{ position: -1, length: 1 }, { position: 0, length: 2 ** 53 }]) {
    let ended = false;
    const requests = function* () {
      try {
        yield { position: 0, length: 10 };
        yield bad;
        yield { position: 0, length: 10 };
      } finally {
        ended = true;
      }
    };
    await assert.rejects(consume(file.readMany(requests())), RangeError);
    assert.ok(ended, "the generator was left where it stood");
  }
  await assert.rejects(
    consume(file.readMany([{ position: "0", length: 1 } as unknown as RangeRequest])),
    TypeError,
  );
  sameBytes(await file.readAt(5, 5), part(5, 5));
});

onGrounds("closing the file meanwhile ends the iteration with EBADF", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.holding(CONTENT, "r");
  let count = 0;
  await assert.rejects(
    async () => {
      for await (const { position, bytes } of file.readMany(scattered(500), { depth: 8 })) {
        sameBytes(bytes, part(position, 1000));
        if (++count === 20) await file.close();
      }
    },
    (error) => error instanceof AioError && error.code === "EBADF",
  );
  assert.ok(count >= 20 && count < 500, `${count} ranges came`);
});

onGrounds("many iterations over one file at once", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.holding(CONTENT, "r");
  const one = async (depth: number, order: typeof ORDERS[number]) => {
    let count = 0;
    for await (const { position, bytes } of file.readMany(scattered(300), { depth, order })) {
      sameBytes(bytes, part(position, 1000));
      count++;
    }
    return count;
  };
  const counts = await Promise.all([
    ...Array.from({ length: 10 }, (_, i) => one(1 + i * 3, ORDERS[i % 2]!)),
    ...Array.from({ length: 300 }, async (_, i) => (await file.readAt(i, 1)).length * 300),
  ]);
  assert.ok(counts.every((count) => count === 300));
});

onGrounds("two steps asked for at once both come", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.holding(CONTENT, "r");
  const ranges = file.readMany(scattered(2), { depth: 2 });
  const steps = await within(Promise.all([ranges.next(), ranges.next(), ranges.next()]));
  assert.deepEqual(steps.map(({ done }) => done), [false, false, true]);
});

onGrounds("an abort does not wait for a producer that is stuck", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.holding(CONTENT, "r");
  const controller = new AbortController();
  const requests = async function* () {
    yield { position: 0, length: 10 };
    await new Promise(() => {});
  };
  const iteration = consume(file.readMany(requests(), { signal: controller.signal }));
  await setTimeout(10);
  controller.abort("stop");
  await assert.rejects(within(iteration), (error) => error === "stop");
});

onGrounds("more than a context holds wait for their turn", async (ground) => {
  await using scene = new Scene(ground);
  await using context = new AioContext({ entries: 3 });
  const file = await scene.holding(CONTENT, "r", { context });
  let count = 0;
  for await (const { position, bytes } of file.readMany(scattered(200), { depth: 50 })) {
    sameBytes(bytes, part(position, 1000));
    count++;
  }
  assert.equal(count, 200);
});

onGrounds("wrong options are refused at once", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.holding(CONTENT, "r");
  const readMany = (options: object) => () => file.readMany([], options);
  for (const depth of [0, -1, 1.5, NaN, Infinity, 65537]) {
    assert.throws(readMany({ depth }), RangeError, `depth ${depth}`);
  }
  assert.throws(readMany({ depth: "1" }), TypeError);
  assert.throws(readMany({ order: "random" }), { code: "ERR_INVALID_ARG_VALUE" });
  const nothing = undefined as unknown as Parameters<AioFile["readMany"]>[0];
  for (const requests of [nothing, { position: 0, length: 1 } as never]) {
    assert.throws(() => file.readMany(requests), {
      code: "ERR_INVALID_ARG_TYPE",
      message: /`requests` must be an iterable/,
    });
  }
  await file.close();
  assert.throws(readMany({}), (error) => error instanceof AioError && error.code === "EBADF");
});

onGrounds("an iteration waits without holding the thread", async (ground) => {
  await using scene = new Scene(ground);
  const slow = new SlowKernel();
  await using context = new AioContext({ kernel: slow.kernel, entries: 16 });
  const file = await scene.holding(CONTENT, "r", { context });
  slow.holding = true;
  const iteration = consume(file.readMany(scattered(40), { depth: 8 }));
  let ticks = 0;
  while (ticks < 20) {
    await setTimeout(1);
    ticks++;
  }
  slow.release();
  assert.equal(await iteration, 40);
});
