/**
 * The machine that processes share.
 *
 * @module
 */
import { availableParallelism } from "node:os";
import { shown } from "../abi/shown.ts";
import { checkInteger } from "../check.ts";
import type { Disk } from "./disk.ts";
import { Files } from "./files.ts";
import { SystemDisk } from "./system_disk.ts";

/** A kernel to behave as: today's, or the last whose requests were retried. */
export type KernelRelease = "6.18" | "3.4";

/** What a machine of the portable kernel is like. */
export interface MachineOptions {
  /**
   * The sum of what all contexts may be made for, as `fs.aio-max-nr`.
   *
   * @default {65536}
   */
  aioMaxNr?: number | undefined;
  /** The number of processors that a ring is made for; by default that of the real machine. */
  cpus?: number | undefined;
  /**
   * The kernel to behave as, where today's differs from the last with retries.
   *
   * @default {"6.18"}
   */
  release?: KernelRelease | undefined;
}

/** A disk, a table of open files, and the account of requests. */
export class Machine {
  readonly disk: Disk;
  readonly files: Files;
  /**
   * Whether it behaves as today's kernel, not as the last with retries. The table in the doc of
   * `kaio/portable` has each difference.
   */
  readonly today: boolean;
  readonly cpus: number;
  readonly aioMaxNr: number;
  aioNr = 0;
  /** Each ends a process when the power fails. */
  readonly processes: Set<() => void> = new Set();

  /**
   * @throws {RangeError} If an option is out of range
   */
  constructor(options: MachineOptions, disk: Disk = new SystemDisk()) {
    const { aioMaxNr = 65536, cpus = availableParallelism(), release = "6.18" } = options;
    checkInteger("make kernel", "aioMaxNr", aioMaxNr, 0xffffffff);
    checkInteger("make kernel", "cpus", cpus, 8192, 1);
    this.today = release === "6.18";
    if (!this.today && release !== "3.4") {
      throw new RangeError(
        `Cannot make kernel: \`release\` must be "6.18" or "3.4": current value is "${
          shown(release)
        }"`,
      );
    }
    this.disk = disk;
    this.files = new Files(disk);
    this.cpus = cpus;
    this.aioMaxNr = aioMaxNr;
  }
}
