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

/** What one operation locks, one after the other, before it gives all of it back. */
const OPERATION = fc.oneof(
  // A truncate, a write of whole blocks, one that has to know the length before it asks for blocks
  fc.constant([{ start: 0, end: 0, exclusive: true, length: true }]),
  WISH.map((wish) => [{ ...wish, exclusive: false, length: true }]),
  WISH.map((wish) => [{ start: 0, end: 0, exclusive: false, length: true }, {
    ...wish,
    length: false,
  }]),
);

test("operations that lock the length and then a range never wait for each other", () => {
  fc.assert(fc.property(
    fc.array(OPERATION, { maxLength: 12 }),
    fc.infiniteStream(fc.nat(1000)),
    (operations, choices) => {
      const lock = new RangeLock();
      const begin = (wishes: readonly Wish[]) => {
        const [first, ...left] = wishes as readonly [Wish, ...Wish[]];
        const { start, end, exclusive, length } = first;
        const held = [lock.take(start, end, exclusive, length)];
        return { wishes, left, held };
      };
      let waiting = [...operations];
      let running: ReturnType<typeof begin>[] = [];
      while (waiting.length + running.length > 0) {
        const ready = running.filter(({ held }) => held.at(-1)!.blockers === 0);
        const choice = choices.next().value! % (ready.length + (waiting.length > 0 ? 1 : 0) || 1);
        const chosen = ready[choice];
        if (chosen === undefined) {
          assert.ok(waiting.length > 0, "all of them wait");
          running.push(begin(waiting[0]!));
          waiting = waiting.slice(1);
        } else if (chosen.left.length > 0) {
          const { start, end, exclusive, length } = chosen.left.shift()!;
          chosen.held.push(lock.take(start, end, exclusive, length, chosen.held[0]));
        } else {
          chosen.held.forEach((range) => range.release());
          running = running.filter((operation) => operation !== chosen);
        }
        const locked = running.flatMap(({ held, wishes }) =>
          held.flatMap(({ blockers }, index) => blockers === 0 ? [wishes[index]!] : [])
        );
        for (const [index, wish] of locked.entries()) {
          assert.ok(!locked.slice(0, index).some((other) => against(other, wish)));
        }
      }
    },
  ));
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
