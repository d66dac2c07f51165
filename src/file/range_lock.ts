/**
 * Locks on ranges of a file, held by writes with O_DIRECT against each other.
 *
 * A write that does not fill its blocks reads them, merges and writes them back: what another
 * write put there in between would be lost. Such a write holds its blocks alone; one that fills
 * its blocks shares them with others of its kind.
 *
 * @module
 */

interface Hold {
  start: number;
  end: number;
  alone: boolean;
  /** Whether it has the range, or waits for it. */
  granted: boolean;
  /** Ends the wait. */
  grant: (() => void) | undefined;
}

/** Ranges of bytes held or waited for, oldest first. */
export class RangeLock {
  #holds: Hold[] = [];
  #waiting = 0;

  /**
   * Waits for a range.
   *
   * @param start First byte
   * @param end One past the last byte; Infinity where the write changes the length of the file
   * @param alone Whether nobody else may hold any of it
   * @returns A function that gives the range back
   */
  async hold(start: number, end: number, alone: boolean): Promise<() => void> {
    const hold: Hold = { start, end, alone, granted: true, grant: undefined };
    const free = !this.#holds.some((older) => conflict(older, hold));
    this.#holds.push(hold);
    if (!free) {
      hold.granted = false;
      this.#waiting++;
      await new Promise<void>((resolve) => hold.grant = resolve);
    }
    return () => {
      this.#holds.splice(this.#holds.indexOf(hold), 1);
      if (this.#waiting > 0) this.#grantAll();
    };
  }

  /** Grants what nothing older stands against: first come, first served, so nobody starves. */
  #grantAll(): void {
    for (const [index, hold] of this.#holds.entries()) {
      if (hold.granted) continue;
      if (this.#holds.slice(0, index).some((older) => conflict(older, hold))) continue;
      hold.granted = true;
      this.#waiting--;
      hold.grant!();
    }
  }
}

function conflict(a: Hold, b: Hold): boolean {
  return (a.alone || b.alone) && a.start < b.end && b.start < a.end;
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
