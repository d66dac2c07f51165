/**
 * Locks on ranges of a file, held by writes against each other.
 *
 * A write that does not fill its blocks reads them, merges and writes them back: what another
 * write put there in between would be lost. Such a write holds its blocks alone; one that fills
 * its blocks shares them with others of its kind.
 *
 * The length of the file is held, too: shared by writes, alone by what cuts the file, reserves space
 * in it, or has to know where it ends.
 *
 * @module
 */

/** A range that somebody has, or waits for. */
export class Hold {
  readonly start: number;
  readonly end: number;
  readonly alone: boolean;
  /** Whether also the length is held. */
  readonly length: boolean;
  /** How many older ones stand against it. */
  blockers = 0;
  /** Ends the wait. */
  grant: (() => void) | undefined;
  older: Hold | undefined;
  younger: Hold | undefined;
  readonly #lock: RangeLock;

  constructor(lock: RangeLock, start: number, end: number, alone: boolean, length: boolean) {
    this.#lock = lock;
    this.start = start;
    this.end = end;
    this.alone = alone;
    this.length = length;
  }

  /** Gives the range back. */
  release(): void {
    this.#lock.remove(this);
  }
}

/** Ranges of bytes held or waited for; first come, first served, so nobody starves. */
export class RangeLock {
  #oldest: Hold | undefined;
  #youngest: Hold | undefined;
  /** How many want to be alone, or are. */
  #alone = 0;

  /** Whether one that shares might have to wait: nobody does while nobody wants to be alone. */
  get contested(): boolean {
    return this.#alone > 0;
  }

  /**
   * Asks for a range. It is there at once unless there are {@link Hold.blockers}.
   *
   * @param start First byte
   * @param end One past the last byte; Infinity where the write changes the length of the file
   * @param alone Whether nobody else may hold any of it
   * @param length Whether the length of the file goes with it
   */
  take(start: number, end: number, alone: boolean, length = false): Hold {
    const hold = new Hold(this, start, end, alone, length);
    if (alone || this.#alone > 0) {
      for (let other = this.#oldest; other !== undefined; other = other.younger) {
        if (conflict(other, hold)) hold.blockers++;
      }
    }
    hold.older = this.#youngest;
    if (this.#youngest === undefined) this.#oldest = hold;
    else this.#youngest.younger = hold;
    this.#youngest = hold;
    if (alone) this.#alone++;
    return hold;
  }

  /**
   * Waits for a range, and perhaps the length; see {@link RangeLock.take}.
   *
   * @returns A function that gives the range back
   */
  async hold(start: number, end: number, alone: boolean, length = false): Promise<() => void> {
    const hold = this.take(start, end, alone, length);
    if (hold.blockers > 0) await new Promise<void>((resolve) => hold.grant = resolve);
    return () => hold.release();
  }

  /** Waits for the length of the file, and no range; see {@link RangeLock.hold}. */
  holdLength(alone: boolean): Promise<() => void> {
    return this.hold(0, 0, alone, true);
  }

  /** See {@link Hold.release}. */
  remove(hold: Hold): void {
    const { older, younger } = hold;
    if (older === undefined) this.#oldest = younger;
    else older.younger = younger;
    if (younger === undefined) this.#youngest = older;
    else younger.older = older;
    // Once the collector has moved it among what is old, it would move all that it leads to
    hold.older = hold.younger = undefined;
    // Nobody waits for one of many that share
    if (this.#alone === 0) return;
    if (hold.alone) this.#alone--;
    for (let other = younger; other !== undefined; other = other.younger) {
      if (conflict(hold, other) && --other.blockers === 0) other.grant?.();
    }
  }
}

function conflict(a: Hold, b: Hold): boolean {
  // A range without a byte overlaps nothing, wherever it lies
  const overlap = Math.max(a.start, b.start) < Math.min(a.end, b.end);
  return (a.alone || b.alone) && (overlap || (a.length && b.length));
}

/** By device and inode: every `open` of a file in this thread shares one lock. */
const locks = new Map<string, WeakRef<RangeLock>>();
const registry = new FinalizationRegistry((key: string) => {
  if (locks.get(key)?.deref() === undefined) locks.delete(key);
});

/** The lock of a file, whoever has it open in this thread. */
export function rangeLockOf(device: bigint | number, inode: bigint | number): RangeLock {
  const key = `${device}:${inode}`;
  const known = locks.get(key)?.deref();
  if (known !== undefined) return known;
  const lock = new RangeLock();
  locks.set(key, new WeakRef(lock));
  registry.register(lock, key);
  return lock;
}
