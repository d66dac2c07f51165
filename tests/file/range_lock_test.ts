import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type LockedRange, RangeLock } from "../../src/file/range_lock.ts";

interface Wish {
  start: number;
  end: number;
  exclusive: boolean;
  length: boolean;
}

const WISH = fc.record({
  start: fc.nat(20),
  bytes: fc.nat(8),
  exclusive: fc.boolean(),
  length: fc.boolean(),
})
  .map(({ start, bytes, ...rest }): Wish => ({ start, end: start + bytes, ...rest }));
/** Asks for a range, or gives one of those back that are there. */
const STEP = fc.oneof({ weight: 3, arbitrary: WISH }, { weight: 2, arbitrary: fc.nat(1000) });

function against(a: Wish, b: Wish): boolean {
  const bytes = Math.min(a.end, b.end) - Math.max(a.start, b.start);
  return (a.exclusive || b.exclusive) && (bytes > 0 || (a.length && b.length));
}

test("a range is there when nothing older stands against it, and not before", () => {
  fc.assert(fc.property(fc.array(STEP, { maxLength: 60 }), (steps) => {
    const lock = new RangeLock();
    // Oldest first
    let holds: { wish: Wish; hold: LockedRange }[] = [];
    for (const step of steps) {
      const free = holds.filter(({ hold }) => hold.blockers === 0);
      if (typeof step !== "number") {
        holds.push({
          wish: step,
          hold: lock.take(step.start, step.end, step.exclusive, step.length),
        });
      } else if (free.length > 0) {
        const chosen = free[step % free.length]!;
        holds = holds.filter((entry) => entry !== chosen);
        chosen.hold.release();
      }
      for (const [index, { wish, hold }] of holds.entries()) {
        const blockers = holds.slice(0, index).filter((older) => against(older.wish, wish));
        assert.equal(hold.blockers, blockers.length);
      }
    }
  }));
});

test("those who wait for a range get it in the order in which they asked", async () => {
  const lock = new RangeLock();
  const order: number[] = [];
  const range = await lock.lock(0, 10, true);
  const waiting = [lock.lock(0, 5, true), lock.lock(5, 10, false), lock.lock(0, 10, true)].map(
    async (hold, index) => {
      const given = await hold;
      order.push(index);
      given.release();
    },
  );
  await Promise.resolve();
  assert.deepEqual(order, []);
  range.release();
  await Promise.all(waiting);
  assert.deepEqual(order, [0, 1, 2]);
});
