/**
 * What a machine is asked for, and how it answers.
 *
 * @module
 */
import type { RuntimeName } from "../run.mjs";

/** Before each {@link Outcome} on the console, which the kernel prints on, too. */
export const MARK = "\x01kaio ";

/** After the last of them. */
export const END = "\x01end";

/** Test files, and the environment that they run in. */
export interface Suite {
  readonly env: Record<string, string>;
  readonly files: string[];
}

/** What a machine has to run, beside the probe. */
export interface Job {
  readonly runtimes: readonly RuntimeName[];
  readonly suites: Readonly<Record<string, Suite>>;
}

/** What came of one suite, or of the probe, in one runtime. */
export interface Outcome {
  readonly runtime: RuntimeName;
  readonly suite: string;
  /** The version of the machine's kernel. */
  readonly release: string;
  readonly ok: boolean;
  readonly counts: string;
  readonly seconds: number;
  /** What it printed, without the tests that passed. */
  readonly output: string;
  /** The tests that it skipped, with the reason where they say it. */
  readonly skipped: readonly string[];
}
