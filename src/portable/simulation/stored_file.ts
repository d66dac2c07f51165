/**
 * One file of a simulated disk, and what of it a crash may undo.
 *
 * The real file always holds what was written last, as a page cache does. What each write overwrote
 * is kept until a sync covers the write.
 *
 * @module
 */
import { closeSync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from "node:fs";
import { isPermitted } from "../../../ffi/permission.ts";
import type { FileOperation } from "../../threads/file_operation.ts";
import type { AllFaults } from "./faults.ts";
import type { Random } from "./random.ts";
import { SECTOR_SIZE, sectorEnd, sectorStart } from "./sectors.ts";

/** A write that the file holds, and the disk perhaps does not. */
export interface StoredWrite {
  readonly request: number;
  readonly fd: number;
  readonly position: number;
  length: number;
  /** What the sectors that it touches held before, from the first byte of the first on. */
  before: Uint8Array;
  /** How long the file was before. */
  oldSize: number;
  /** How long the file was after. */
  size: number;
  /** Whether a sync covers it; `forsaken`: that sync failed. */
  state: "unsynced" | "forsaken" | "durable";
}

/** What a crash made of a write. */
export interface CrashFate {
  readonly write: Readonly<Pick<StoredWrite, "request" | "fd" | "position" | "length">>;
  /** For each of its sectors whether it was stored. */
  readonly sectors: readonly boolean[];
  /** How many of its bytes were stored. */
  readonly bytes: number;
}

/** Closes the descriptors of files that cannot be reached any more. */
const forgotten = new FinalizationRegistry<number>((fd) => closeSync(fd));

/** A file; all its descriptors share what is known of it. */
export class StoredFile {
  /** Which file, in the order in which they were first used, from 1. */
  readonly number: number;
  /** The next write has no room. */
  full = false;
  /** A descriptor of our own, as the program may have closed its own when the power fails. */
  #fd: number | undefined;
  /** In the order in which they were done; the first is not durable. */
  #writes: StoredWrite[] = [];
  /** How long the file was after the last write. */
  #size = 0;
  /** Why writes could not be watched, if one could not. */
  #refusal: Error | undefined;

  constructor(number: number) {
    this.number = number;
  }

  /**
   * Writes to the file.
   *
   * @param operation What the program asked for
   * @param bytes What is stored of it
   * @param request The number of the request
   * @returns Where the bytes went, and how many
   */
  write(operation: FileOperation, bytes: Uint8Array, request: number) {
    const { fd, append } = operation;
    const stats = fstatSync(fd);
    const oldSize = stats.size;
    const at = append ? oldSize : operation.position!;
    const own = stats.isFile() ? this.#open(fd) : undefined;
    if (own === undefined) return { position: at, count: write(fd, bytes, at) };
    this.#noticeCut(oldSize);
    const before = read(own, at, bytes.length);
    const count = write(fd, bytes, at);
    const { size } = fstatSync(fd);
    // A descriptor that was opened to append does so, whatever the position.
    const appended = size === oldSize + count && at + count !== size;
    const start = appended ? oldSize : at;
    this.#size = size;
    this.#writes.push({
      request,
      fd,
      position: start,
      length: count,
      before: appended ? read(own, start, 0) : before,
      oldSize,
      size,
      state: "unsynced",
    });
    return { position: start, count };
  }

  /** What a sync that begins now covers, for {@link StoredFile.settle}. */
  atRisk(): readonly StoredWrite[] {
    return this.#writes.slice();
  }

  /** What a sync of the last write alone covers. */
  lastWritten(): readonly StoredWrite[] {
    return this.#writes.slice(-1);
  }

  /** A sync has ended: what it covers is on the disk, or, as it failed, never will be by a sync. */
  settle(covered: readonly StoredWrite[], state: "durable" | "forsaken"): void {
    for (const write of covered) if (write.state === "unsynced") write.state = state;
    // A write after one that is not durable is kept, as it was done upon it.
    const first = this.#writes.findIndex(({ state }) => state !== "durable");
    this.#writes.splice(0, first < 0 ? this.#writes.length : first);
    if (this.#writes.length === 0) this.#close();
  }

  /**
   * Throws if a crash would lose nothing of this file because its writes could not be watched: what a
   * test then finds whole might be lost on a disk.
   */
  checkWatched(): void {
    if (this.#refusal === undefined) return;
    throw new Error(
      `Cannot crash: a file could not be opened again to watch its writes: ${this.#refusal.message}; ` +
        "give the program all permissions of the runtime, and the user the right to read and write " +
        "the file",
      { cause: this.#refusal },
    );
  }

  /**
   * The power fails. Each sector gets what it held after one of the writes that were not lost, or
   * at the last sync, with all that was written to it before.
   *
   * @returns What became of the writes that no sync covered
   */
  crash(faults: AllFaults, random: Random): CrashFate[] {
    const fd = this.#fd;
    if (fd === undefined) return [];
    this.#noticeCut(fstatSync(fd).size);
    const sectors = new Map<number, Uint8Array>();
    const after = this.#undo(fd, sectors);
    const { size, fates } = this.#redo(sectors, after, (count) => decide(count, faults, random));
    const grown = fstatSync(fd).size > this.#size ? fstatSync(fd).size : 0;
    const end = Math.max(size, grown);
    if (this.#writes.length > 0) ftruncateSync(fd, end);
    for (const [start, bytes] of sectors) {
      if (start < end) write(fd, bytes.subarray(0, end - start), start);
    }
    this.#writes = [];
    this.#close();
    return fates;
  }

  /** Nothing has to be watched: a program may have written to more files than it may have open. */
  #close(): void {
    if (this.#fd === undefined) return;
    forgotten.unregister(this);
    closeSync(this.#fd);
    this.#fd = undefined;
  }

  /** Undoes all since the last sync; the result is what each write had made of its sectors. */
  #undo(fd: number, sectors: Map<number, Uint8Array>): Uint8Array[][] {
    const after: Uint8Array[][] = [];
    for (let index = this.#writes.length - 1; index >= 0; index--) {
      const { position, length, before } = this.#writes[index]!;
      const first = sectorStart(position);
      const then: Uint8Array[] = after[index] = [];
      for (let start = first; start < position + length; start += SECTOR_SIZE) {
        then.push(sectors.get(start) ?? padded(read(fd, start, SECTOR_SIZE)));
        sectors.set(start, padded(before.subarray(start - first, start - first + SECTOR_SIZE)));
      }
    }
    return after;
  }

  /** Redoes the sectors that were stored. */
  #redo(
    sectors: Map<number, Uint8Array>,
    after: readonly Uint8Array[][],
    decide: (sectors: number) => boolean[],
  ): { size: number; fates: CrashFate[] } {
    const fates: CrashFate[] = [];
    let size = this.#writes[0]?.oldSize ?? 0;
    let expected = size;
    for (const [index, write] of this.#writes.entries()) {
      const { position, length, state, oldSize } = write;
      // What lengthened the file in between bypassed the simulation, and stays.
      if (oldSize > expected) size = Math.max(size, oldSize);
      expected = write.size;
      const then = after[index]!;
      const stored = state === "durable" ? then.map(() => true) : decide(then.length);
      let bytes = 0;
      for (const [place, sector] of then.entries()) {
        if (!stored[place]) continue;
        const start = sectorStart(position) + place * SECTOR_SIZE;
        const end = Math.min(position + length, start + SECTOR_SIZE);
        sectors.set(start, sector);
        size = Math.max(size, end);
        bytes += end - Math.max(position, start);
      }
      if (state !== "durable") fates.push({ write, sectors: stored, bytes });
    }
    return { size, fates };
  }

  /** A truncate bypasses the simulation, and is on the disk at once. */
  #noticeCut(size: number): void {
    if (size >= this.#size) return;
    this.#size = size;
    this.#writes = this.#writes.filter(({ position }) => position < size);
    for (const write of this.#writes) {
      write.length = Math.min(write.length, size - write.position);
      write.before = write.before.subarray(0, size - sectorStart(write.position));
      write.oldSize = Math.min(write.oldSize, size);
      write.size = Math.min(write.size, size);
    }
  }

  /** Opens the file again, to read also what the program may only write. */
  #open(fd: number): number | undefined {
    if (this.#fd !== undefined) return this.#fd;
    let refusal: unknown;
    for (const folder of ["/proc/self/fd", "/dev/fd"]) {
      const path = `${folder}/${fd}`;
      // What is not permitted may put a question to the person at the terminal.
      const mayOpen = isPermitted({ name: "read", path }) && isPermitted({ name: "write", path });
      try {
        if (!mayOpen) throw new Error(`no permission to read and write ${path}`);
        this.#fd = openSync(path, "r+");
        forgotten.register(this, this.#fd, this);
        return this.#fd;
      } catch (error) {
        refusal ??= error;
      }
    }
    this.#refusal = refusal as Error;
    return undefined;
  }
}

/** The sectors of a range, up to the end of the file. */
function read(fd: number, position: number, length: number): Uint8Array {
  const start = sectorStart(position);
  const bytes = new Uint8Array(Math.max(SECTOR_SIZE, sectorEnd(position + length) - start));
  let count = 0;
  for (let more = 1; more > 0 && count < bytes.length; count += more) {
    more = readSync(fd, bytes, count, bytes.length - count, start + count);
  }
  return bytes.subarray(0, count);
}

/** All of it, or an error. */
function write(fd: number, bytes: Uint8Array, position: number): number {
  return bytes.length === 0 ? 0 : writeSync(fd, bytes, 0, bytes.length, position);
}

/** A whole sector, with zeros beyond the end of the file. */
function padded(bytes: Uint8Array): Uint8Array {
  const sector = new Uint8Array(SECTOR_SIZE);
  sector.set(bytes);
  return sector;
}

/** Draws which sectors of a write of so many survive a crash. */
function decide(sectors: number, { lostWrite, tornWrite }: AllFaults, random: Random) {
  const lost = random.chance(lostWrite);
  const torn = random.chance(tornWrite);
  const one = random.below(Math.max(1, sectors));
  const stored = Array.from({ length: sectors }, () => random.chance(0.5));
  if (lost) return stored.fill(false);
  if (!torn) return stored.fill(true);
  // Neither all of it nor nothing.
  if (sectors > 1 && stored.every((sector) => sector === stored[0])) stored[one] = !stored[one];
  return stored;
}

/** What identifies the file of a descriptor. */
export function keyOf(fd: number): string {
  const { dev, ino } = fstatSync(fd, { bigint: true });
  return `${dev}:${ino}`;
}
