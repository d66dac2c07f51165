/**
 * I/O priorities: the value of `aio_reqprio` under `IOCB_FLAG_IOPRIO`.
 *
 * Values as in `include/uapi/linux/ioprio.h`, meanings as in ioprio_set(2). Only some I/O
 * schedulers heed them.
 *
 * @module
 */

import { shown } from "./shown.ts";

/** No priority of its own; its data must be 0. */
export const IOPRIO_CLASS_NONE = 0;

/** Real time, levels 0 (first) to 7; EPERM without CAP_SYS_ADMIN or CAP_SYS_NICE. */
export const IOPRIO_CLASS_RT = 1;

/** Best effort, levels 0 (first) to 7. */
export const IOPRIO_CLASS_BE = 2;

/** Served when nobody else asks for the disk. */
export const IOPRIO_CLASS_IDLE = 3;

/** How far the class is shifted in a priority value; the bits below hold the data. */
export const IOPRIO_CLASS_SHIFT = 13;

/**
 * Puts a priority value together, as the kernel's IOPRIO_PRIO_VALUE does.
 *
 * @param ioClass One of the `IOPRIO_CLASS_` constants.
 * @param data The level within the class in its lowest three bits, hints above.
 * @returns The value for `aio_reqprio`.
 * @throws {RangeError} If `ioClass` is not an integer from 0 to 7, or `data` not one from 0 to
 * 8191.
 */
export function ioprioValue(ioClass: number, data: number): number {
  if (!Number.isInteger(ioClass) || ioClass < 0 || ioClass > 7) {
    throw new RangeError(
      `Cannot make I/O priority: \`ioClass\` must be an integer from 0 to 7: current value is ${
        shown(ioClass)
      }`,
    );
  }
  if (!Number.isInteger(data) || data < 0 || data >= 1 << IOPRIO_CLASS_SHIFT) {
    throw new RangeError(
      `Cannot make I/O priority: \`data\` must be an integer from 0 to 8191: current value is ${
        shown(data)
      }`,
    );
  }
  return (ioClass << IOPRIO_CLASS_SHIFT) | data;
}
