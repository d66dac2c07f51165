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
 * A write that has the length and then asks for a range goes before all that began after it and
 * still waits. Else a truncate would wait for that write, a younger write for the truncate, and that
 * write for the range of the younger one: for ever.
 *
 * @module
 */

/** A range that is locked, or waited for. */
export class LockedRange {
  readonly start: number;
  readonly end: number;
  readonly exclusive: boolean;
  /** Whether the length is locked as well. */
  readonly length: boolean;
  /** How many ranges it waits for. */
  blockers = 0;
  /** Ends the wait. */
  grant: (() => void) | undefined = undefined;
  older: LockedRange | undefined = undefined;
  younger: LockedRange | undefined = undefined;
  readonly #lock: RangeLock;

  constructor(lock: RangeLock, start: number, end: number, exclusive: boolean, length: boolean) {
    this.#lock = lock;
    this.start = start;
    this.end = end;
    this.exclusive = exclusive;
    this.length = length;
  }

  /** Resolves when it is locked: for what found {@link LockedRange.blockers}. */
  granted(): Promise<void> {
    return new Promise((resolve) => this.grant = resolve);
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
  /** How many are exclusive, or are to be. */
  #exclusive = 0;

  /**
   * Asks for a range. It is locked at once unless there are {@link LockedRange.blockers}.
   *
   * @param start First byte
   * @param end One past the last byte; Infinity where the write changes the length of the file
   * @param exclusive Whether no other write may have any of it locked
   * @param length Whether the length of the file goes with it
   * @param held What the same write has locked: the range is as old as that
   */
  take(
    start: number,
    end: number,
    exclusive: boolean,
    length = false,
    held: LockedRange | undefined = this.#youngest,
  ): LockedRange {
    const range = new LockedRange(this, start, end, exclusive, length);
    const younger = held?.younger;
    if (exclusive || this.#exclusive > 0) {
      let isOlder = true;
      for (let other = this.#oldest; other !== undefined; other = other.younger) {
        if (other === younger) isOlder = false;
        if (!conflict(other, range)) continue;
        // A younger one that is locked already is waited for; it waits for nothing itself.
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
    if (exclusive) this.#exclusive++;
    return range;
  }

  /** Waits for a range, and perhaps the length; see {@link RangeLock.take}. */
  async lock(
    start: number,
    end: number,
    exclusive: boolean,
    length = false,
    held?: LockedRange,
  ): Promise<LockedRange> {
    const range = this.take(start, end, exclusive, length, held);
    if (range.blockers > 0) await range.granted();
    return range;
  }

  /** Asks for the length of the file, and no range; see {@link RangeLock.take}. */
  takeLength(exclusive: boolean): LockedRange {
    return this.take(0, 0, exclusive, true);
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
    if (range.exclusive) this.#exclusive--;
    // It is locked, so whatever stands against it waits for it.
    for (let other = this.#oldest; other !== undefined;) {
      // Granting may release another range, and so take this one out of the list.
      const next = other.younger;
      if (conflict(range, other) && --other.blockers === 0) other.grant?.();
      other = next;
    }
  }
}

function conflict(a: LockedRange, b: LockedRange): boolean {
  // A range without a byte overlaps nothing, wherever it lies.
  const overlap = Math.max(a.start, b.start) < Math.min(a.end, b.end);
  return (a.exclusive || b.exclusive) && (overlap || (a.length && b.length));
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
