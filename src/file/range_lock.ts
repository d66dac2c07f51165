/**
 * Locks on ranges of a file, held by writes against each other.
 *
 * A write that does not fill its blocks reads them, merges and writes them back: what another
 * write put there in between would be lost. Such a write locks its blocks exclusively; a write that
 * fills its blocks shares them with others of its kind.
 *
 * The length of the file is locked, too: shared by writes, exclusively by what cuts the file,
 * reserves space in it, or has to know where it ends.
 *
 * Nothing here waits for ever, because whatever waits does so for what is older, with one exception.
 * An operation is as old as its first call of {@link RangeLock.take}, and it has to ask for a turn of
 * the cursor in the same moment, so that both are granted in the same order. A write that has the
 * length and asks for ranges later, one after the other, does so with the age that it has, and goes
 * before all that is younger and still waits. The exception is a younger range that is locked by then:
 * it is waited for, and so its owner must wait for nothing more. That is why a range counts as locked
 * only when its owner has its turn of the cursor as well ({@link LockedRange.block}).
 *
 * @module
 */

/** How the length of the file is locked. */
export type LengthLock = typeof FREE | typeof SHARED | typeof EXCLUSIVE;
/** Not at all. */
export const FREE = 0;
/** Together with others of its kind. */
export const SHARED = 1;
/** Alone. */
export const EXCLUSIVE = 2;

/** Whoever has a range locked, or waits for it. */
export interface RangeOwner {
  /** Called when the range is locked that it had to wait for. */
  granted(): void;
}

/** A range that is locked, or waited for. */
export class LockedRange {
  readonly start: number;
  readonly end: number;
  readonly exclusive: boolean;
  readonly length: LengthLock;
  /** How many ranges it waits for, and one more for the turn of the cursor. */
  blockers = 0;
  /** Told when nothing is left to wait for; `undefined` if nobody has to be. */
  owner: RangeOwner | undefined = undefined;
  older: LockedRange | undefined = undefined;
  younger: LockedRange | undefined = undefined;
  readonly #lock: RangeLock;

  constructor(lock: RangeLock, start: number, end: number, exclusive: boolean, length: LengthLock) {
    this.#lock = lock;
    this.start = start;
    this.end = end;
    this.exclusive = exclusive;
    this.length = length;
  }

  /** Resolves when it is locked. */
  granted(): Promise<void> {
    if (this.blockers === 0) return Promise.resolve();
    return new Promise((resolve) => this.owner = { granted: resolve });
  }

  /** Its owner waits for a turn of the cursor: {@link LockedRange.unblock} is to follow. */
  block(): void {
    this.blockers++;
  }

  /** There is one thing less to wait for. */
  unblock(): void {
    if (--this.blockers === 0) this.owner?.granted();
  }

  /** Gives the range back. */
  release(): void {
    this.#lock.remove(this);
  }
}

/** Ranges of bytes locked or waited for; first come, first served, so none waits for ever. */
export class RangeLock {
  #oldest: LockedRange | undefined = undefined;
  #youngest: LockedRange | undefined = undefined;
  /** How many have something exclusively, or are to. */
  #exclusive = 0;

  /**
   * Asks for a range. It is locked at once unless there are {@link LockedRange.blockers}.
   *
   * @param start First byte
   * @param end One past the last byte; Infinity where the write changes the length of the file
   * @param exclusive Whether no other write may have any of it locked
   * @param length How the length of the file goes with it
   * @param held What the same write has locked: the range is as old as that
   */
  take(
    start: number,
    end: number,
    exclusive: boolean,
    length: LengthLock = FREE,
    held: LockedRange | undefined = this.#youngest,
  ): LockedRange {
    const range = new LockedRange(this, start, end, exclusive, length);
    const younger = held?.younger;
    if (isExclusive(range) || this.#exclusive > 0) {
      let isOlder = true;
      for (let other = this.#oldest; other !== undefined; other = other.younger) {
        if (other === younger) isOlder = false;
        if (!conflict(other, range)) continue;
        // A younger one that is locked already is waited for; its owner waits for nothing.
        if (isOlder || other.blockers === 0) range.blockers++;
        else other.blockers++;
      }
    }
    range.older = held;
    range.younger = younger;
    if (held === undefined) this.#oldest = range;
    else held.younger = range;
    if (younger === undefined) this.#youngest = range;
    else younger.older = range;
    if (isExclusive(range)) this.#exclusive++;
    return range;
  }

  /** Waits for a range; see {@link RangeLock.take}. */
  async lock(start: number, end: number, exclusive: boolean): Promise<LockedRange> {
    const range = this.take(start, end, exclusive);
    if (range.blockers > 0) await range.granted();
    return range;
  }

  /** See {@link LockedRange.release}. */
  remove(range: LockedRange): void {
    const { older, younger } = range;
    if (older === undefined) this.#oldest = younger;
    else older.younger = younger;
    if (younger === undefined) this.#youngest = older;
    else younger.older = older;
    // Once the collector has moved it to the old generation, it would move all that it leads to.
    range.older = range.younger = undefined;
    // Nothing waits for one of many that share.
    if (this.#exclusive === 0) return;
    if (isExclusive(range)) this.#exclusive--;
    // It is locked, so whatever stands against it waits for it.
    for (let other = this.#oldest; other !== undefined;) {
      // Granting may release another range, and so take this one out of the list.
      const next = other.younger;
      if (conflict(range, other)) other.unblock();
      other = next;
    }
  }
}

function isExclusive({ exclusive, length }: LockedRange): boolean {
  return exclusive || length === EXCLUSIVE;
}

function conflict(a: LockedRange, b: LockedRange): boolean {
  if (a.length !== FREE && b.length !== FREE && a.length + b.length > 2 * SHARED) return true;
  // A range without a byte overlaps nothing, wherever it lies.
  const overlap = Math.max(a.start, b.start) < Math.min(a.end, b.end);
  return (a.exclusive || b.exclusive) && overlap;
}

type Locks = Map<string, WeakRef<RangeLock>>;

/** By process; in each by device and inode: every `open` of a file in this thread shares a lock. */
const locksOf = new WeakMap<object, Locks>();
const THIS_PROCESS = {};
const registry = new FinalizationRegistry(({ locks, key }: { locks: Locks; key: string }) => {
  if (locks.get(key)?.deref() === undefined) locks.delete(key);
});

/**
 * The lock of a file, whoever has it open in this thread.
 *
 * @param process See `FileHost.process`
 */
export function rangeLockOf(
  process: object = THIS_PROCESS,
  device: bigint | number,
  inode: bigint | number,
): RangeLock {
  const key = `${device}:${inode}`;
  let locks = locksOf.get(process);
  if (locks === undefined) locksOf.set(process, locks = new Map());
  const known = locks.get(key)?.deref();
  if (known !== undefined) return known;
  const lock = new RangeLock();
  locks.set(key, new WeakRef(lock));
  registry.register(lock, { locks, key });
  return lock;
}
