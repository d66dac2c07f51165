import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  EXCLUSIVE,
  FREE,
  type LengthLock,
  type LockedRange,
  RangeLock,
  SHARED,
} from "../../src/file/range_lock.ts";

interface Wish {
  start: number;
  end: number;
  exclusive: boolean;
  length: LengthLock;
}

const WISH = fc.record({
  start: fc.nat(20),
  bytes: fc.nat(8),
  exclusive: fc.boolean(),
  length: fc.constantFrom(FREE, SHARED, EXCLUSIVE),
})
  .map(({ start, bytes, ...rest }): Wish => ({ start, end: start + bytes, ...rest }));
/** Asks for a range, or gives one of those back that are there. */
const STEP = fc.oneof({ weight: 3, arbitrary: WISH }, { weight: 2, arbitrary: fc.nat(1000) });

function against(a: Wish, b: Wish): boolean {
  const bytes = Math.min(a.end, b.end) - Math.max(a.start, b.start);
  if (
    a.length !== FREE && b.length !== FREE && (a.length === EXCLUSIVE || b.length === EXCLUSIVE)
  ) {
    return true;
  }
  return (a.exclusive || b.exclusive) && bytes > 0;
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

/** What one operation locks, before it gives all of it back. */
interface Plan {
  /** Asked for when it begins. */
  first: Wish;
  /** Asked for later, one after the other, each given back before the next. */
  parts: readonly Wish[];
  /** At the current position of which file, if it is. */
  cursor: number | undefined;
}

const LENGTH: Wish = { start: 0, end: 0, exclusive: false, length: SHARED };
const PART = WISH.map((wish): Wish => ({ ...wish, length: FREE }));
const CURSOR = fc.option(fc.nat(1), { nil: undefined });
const PLAN: fc.Arbitrary<Plan> = fc.oneof(
  // A truncate
  fc.constant({ first: { ...LENGTH, length: EXCLUSIVE }, parts: [], cursor: undefined }),
  // A write with one request; at the current position it may go anywhere
  fc.record({
    first: WISH.map((wish): Wish => ({ ...wish, exclusive: false, length: SHARED })),
    parts: fc.constant([]),
    cursor: fc.constant(undefined),
  }),
  fc.record({
    first: fc.constant({
      start: -1,
      end: Infinity,
      exclusive: false,
      length: SHARED as LengthLock,
    }),
    parts: fc.constant([]),
    cursor: fc.nat(1),
  }),
  // A write of several parts, or one that has to know the length before it asks for blocks
  fc.record({
    first: fc.constant(LENGTH),
    parts: fc.array(PART, { minLength: 1, maxLength: 3 }),
    cursor: CURSOR,
  }),
  // A long append, and one that has to know where the file ends
  fc.record({
    first: fc.record({
      start: fc.constant(-1),
      end: fc.constant(0),
      exclusive: fc.boolean(),
      length: fc.constantFrom<LengthLock>(SHARED, EXCLUSIVE),
    }),
    parts: fc.array(PART, { maxLength: 3 }),
    cursor: CURSOR,
  }),
  // A read at the current position
  fc.record({
    first: fc.constant({ ...LENGTH, length: FREE }),
    parts: fc.constant([]),
    cursor: fc.nat(1),
  }),
);

/** An operation under way: what it has, and what it waits for. */
class Operation {
  readonly held: { wish: Wish; range: LockedRange }[] = [];
  readonly #lock: RangeLock;
  readonly #plan: Plan;
  readonly #turns: Operation[] | undefined;
  readonly #left: Wish[];

  constructor(lock: RangeLock, plan: Plan, cursors: readonly Operation[][]) {
    this.#lock = lock;
    this.#plan = plan;
    this.#left = [...plan.parts];
    this.#turns = plan.cursor === undefined ? undefined : cursors[plan.cursor]!;
    this.#take(plan.first);
    if (this.#turns !== undefined && plan.parts.length === 0) this.held[0]!.range.block();
    this.#turns?.push(this);
    this.#turn();
  }

  get isReady(): boolean {
    return this.#hasTurn && this.held.every(({ range }) => range.blockers === 0);
  }

  get #hasTurn(): boolean {
    return this.#turns === undefined || this.#turns[0] === this;
  }

  #turn(): void {
    if (this.#hasTurn && this.#turns !== undefined && this.#plan.parts.length === 0) {
      this.held[0]!.range.unblock();
    }
  }

  #take(wish: Wish): void {
    const { start, end, exclusive, length } = wish;
    const range = this.#lock.take(start, end, exclusive, length, this.held[0]?.range);
    this.held.push({ wish, range });
  }

  /** Goes on; returns whether it is over. */
  step(): boolean {
    if (this.held.length > 1) this.held.pop()!.range.release();
    const next = this.#left.shift();
    if (next !== undefined) {
      this.#take(next);
      return false;
    }
    this.held.pop()!.range.release();
    this.#turns?.shift();
    const following = this.#turns?.[0];
    if (following !== undefined) following.#turn();
    return true;
  }
}

test("operations that lock ranges, the length and positions never wait for each other", () => {
  fc.assert(
    fc.property(
      fc.array(PLAN, { maxLength: 14 }),
      fc.infiniteStream(fc.nat(1000)),
      (plans, choices) => {
        const lock = new RangeLock();
        const cursors: Operation[][] = [[], []];
        const waiting = [...plans];
        let running: Operation[] = [];
        while (waiting.length + running.length > 0) {
          const ready = running.filter(({ isReady }) => isReady);
          const choice = choices.next().value! % (ready.length + (waiting.length > 0 ? 1 : 0) || 1);
          const chosen = ready[choice];
          if (chosen === undefined) {
            assert.ok(waiting.length > 0, "all of them wait");
            running.push(new Operation(lock, waiting.shift()!, cursors));
          } else if (chosen.step()) {
            running = running.filter((operation) => operation !== chosen);
          }
          const locked = running.flatMap(({ held }) =>
            held.filter(({ range }) => range.blockers === 0).map(({ wish }) => wish)
          );
          // Of one operation nothing is against another part of it.
          for (const { held } of running) {
            for (const { wish, range } of held) {
              if (range.blockers > 0) continue;
              const others = locked.filter((other) => !held.some(({ wish }) => wish === other));
              assert.ok(!others.some((other) => against(other, wish)));
            }
          }
        }
      },
    ),
    { numRuns: 500 },
  );
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
