/**
 * What goes wrong on a simulated disk, and how often.
 *
 * @module
 */
import { checkNumber } from "../../check.ts";

/**
 * The faults of a simulated disk: probabilities from 0, never, to 1, always. What is left out never
 * happens, but for the two that say what a crash leaves behind.
 *
 * A transfer whose position and length are multiples of 512 comes short at such a multiple, as it
 * must with O_DIRECT; any other at any byte. At least one byte or sector is always moved.
 */
export interface Faults {
  /**
   * The mean time that a request takes, in milliseconds of the virtual clock. Each takes between
   * nothing and twice as long, every duration as likely as another, so they overtake each other;
   * with 0 they complete in the order in which they were submitted.
   *
   * @default {1}
   */
  delay?: number | undefined;
  /** A read brings fewer bytes than there are. */
  shortRead?: number | undefined;
  /** A read fails with EIO, and leaves the memory as it was. */
  readError?: number | undefined;
  /**
   * One bit of what a read brings is wrong. The file is unharmed: the next read is right again. But
   * a write with `direct` that does not fill its block writes back what it has read.
   */
  bitRot?: number | undefined;
  /** A write stores, and reports, fewer bytes than it was given. */
  shortWrite?: number | undefined;
  /** A write fails with EIO; any part of it, or none, is stored nevertheless. */
  writeError?: number | undefined;
  /**
   * The space of the device ends within a write, which stores and reports what there was room for;
   * the next write to that file fails with ENOSPC, and after that there is room again. Where
   * there was none at all, the write itself fails.
   */
  fullDisk?: number | undefined;
  /**
   * A sync, or the sync of a write with RWF_DSYNC or RWF_SYNC, fails with EIO. The writes that it
   * was to cover stay at risk, and no later sync covers them either: Linux reports such a failure
   * once and takes the pages for clean. See fsync(2), and file_check_and_advance_wb_err in
   * mm/filemap.c.
   */
  syncError?: number | undefined;
  /**
   * io_submit refuses a request with EAGAIN, and all that this context sends for a while, as if
   * there were no memory for it. After that the request is not refused again.
   */
  refusedSubmit?: number | undefined;
  /** A signal ends a wait in io_getevents with EINTR; never two in a row. */
  interruptedWait?: number | undefined;
  /**
   * A write that no sync covers is lost in a crash.
   *
   * @default {0.4}
   */
  lostWrite?: number | undefined;
  /**
   * A write that no sync covers, and that is not lost, is torn in a crash: some of its sectors of
   * 512 bytes are stored and some are not, in no order.
   *
   * @default {0.5}
   */
  tornWrite?: number | undefined;
}

/** All of them. */
export type AllFaults = Record<keyof Faults, number>;

const DEFAULTS: AllFaults = {
  delay: 1,
  shortRead: 0,
  readError: 0,
  bitRot: 0,
  shortWrite: 0,
  writeError: 0,
  fullDisk: 0,
  syncError: 0,
  refusedSubmit: 0,
  interruptedWait: 0,
  lostWrite: 0.4,
  tornWrite: 0.5,
};

/** A longer delay would not be exact in microseconds. */
const LONGEST_DELAY = 2 ** 31;

/**
 * Adds the faults that were left out.
 *
 * @throws {RangeError} If a probability is out of range
 * @throws {TypeError} If it is no number, or there is no such fault
 */
export function allFaults(faults: Faults): AllFaults {
  const all = { ...DEFAULTS };
  for (const [name, value] of Object.entries(faults)) {
    // A fault with a misspelt name would never happen, and a test that uses it never fail.
    if (!Object.hasOwn(DEFAULTS, name)) {
      throw new TypeError(`Cannot make kernel: there is no fault named "${name}"`);
    }
    if (value === undefined) continue;
    checkNumber("make kernel", `faults.${name}`, value, name === "delay" ? LONGEST_DELAY : 1);
    all[name as keyof Faults] = value;
  }
  return all;
}
