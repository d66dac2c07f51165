import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Hold, RangeLock } from "../src/file/range_lock.ts";

interface Wish {
  start: number;
  end: number;
  alone: boolean;
  length: boolean;
}

const WISH = fc.record({
  start: fc.nat(20),
  bytes: fc.nat(8),
  alone: fc.boolean(),
  length: fc.boolean(),
})
  .map(({ start, bytes, ...rest }): Wish => ({ start, end: start + bytes, ...rest }));
/** Asks for a range, or gives one of those back that are there. */
const STEP = fc.oneof({ weight: 3, arbitrary: WISH }, { weight: 2, arbitrary: fc.nat(1000) });

function against(a: Wish, b: Wish): boolean {
  const bytes = Math.min(a.end, b.end) - Math.max(a.start, b.start);
  return (a.alone || b.alone) && (bytes > 0 || (a.length && b.length));
}

test("a range is there when nothing older stands against it, and not before", () => {
  fc.assert(fc.property(fc.array(STEP, { maxLength: 60 }), (steps) => {
    const lock = new RangeLock();
    // Oldest first
    let holds: { wish: Wish; hold: Hold }[] = [];
    for (const step of steps) {
      const free = holds.filter(({ hold }) => hold.blockers === 0);
      if (typeof step !== "number") {
        holds.push({ wish: step, hold: lock.take(step.start, step.end, step.alone, step.length) });
      } else if (free.length > 0) {
        const chosen = free[step % free.length]!;
        holds = holds.filter((entry) => entry !== chosen);
        chosen.hold.release();
      }
      for (const [index, { wish, hold }] of holds.entries()) {
        const blockers = holds.slice(0, index).filter((older) => against(older.wish, wish));
        assert.equal(hold.blockers, blockers.length);
      }
      assert.equal(lock.contested, holds.some(({ wish }) => wish.alone));
    }
  }));
});

test("those who wait for a range get it in the order in which they asked", async () => {
  const lock = new RangeLock();
  const order: number[] = [];
  const release = await lock.hold(0, 10, true);
  const waiting = [lock.hold(0, 5, true), lock.hold(5, 10, false), lock.hold(0, 10, true)].map(
    async (hold, index) => {
      const give = await hold;
      order.push(index);
      give();
    },
  );
  await Promise.resolve();
  assert.deepEqual(order, []);
  release();
  await Promise.all(waiting);
  assert.deepEqual(order, [0, 1, 2]);
  assert.equal(lock.contested, false);
});
