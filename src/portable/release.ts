/**
 * What differs between the kernels whose behaviour the portable kernel has.
 *
 * @module
 */

/** A kernel to behave as: today's, or the last whose requests were retried. */
export type KernelRelease = "6.18" | "3.4";

/** Where the two differ; the table in the doc of `kaio/portable` explains each. */
export interface Behaviour {
  /** Twice as many places as asked for, taken in batches for each CPU. */
  readonly cpuBatches: boolean;
  /** `ring.id` is an index, and looked up by it; else the context id itself. */
  readonly indexedRings: boolean;
  /** FSYNC and FDSYNC work. */
  readonly sync: boolean;
  /** POLL, `aio_rw_flags`, I/O priorities and io_pgetevents exist. */
  readonly pollAndFlags: boolean;
  /** A transfer that came short is continued until all is done. */
  readonly retriesShort: boolean;
  /** io_cancel gives the event to the caller, and none goes to the ring. */
  readonly cancelReturnsEvent: boolean;
  /** The share of aio_nr is given back when io_destroy begins; else when all I/O has ended. */
  readonly earlyAccount: boolean;
  /** A descriptor is looked up before a place in the ring is taken. */
  readonly fileFirst: boolean;
  /** The timeout is read at once; else only when there is something to wait for. */
  readonly timeoutFirst: boolean;
  /** An event that cannot be copied out stays in the ring; else it is lost. */
  readonly keepsUncopied: boolean;
}

/**
 * How a release behaves.
 *
 * @throws {RangeError} If it is none of {@link KernelRelease}
 */
export function behaviourOf(release: KernelRelease): Behaviour {
  const today = release === "6.18";
  if (!today && release !== "3.4") {
    throw new RangeError(
      `Cannot make kernel: \`release\` must be "6.18" or "3.4": current value is "${release}"`,
    );
  }
  return {
    cpuBatches: today,
    indexedRings: today,
    sync: today,
    pollAndFlags: today,
    retriesShort: !today,
    cancelReturnsEvent: !today,
    earlyAccount: today,
    fileFirst: !today,
    timeoutFirst: today,
    keepsUncopied: today,
  };
}
