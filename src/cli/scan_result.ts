import type { KernelName } from "../choose_kernel.ts";
import type { PageKind } from "./sqlite/page_kind.ts";

/** What `kaio scan --json` prints. */
export interface ScanResult {
  /** The file, as it was given. */
  readonly file: string;
  /** The bytes read. */
  readonly bytes: number;
  /** How long the scan took, in seconds, without opening the file. */
  readonly seconds: number;
  /** The blocks read; one read each. */
  readonly reads: number;
  /** Millions of bytes per second. */
  readonly megabytesPerSecond: number;
  /** Blocks per second. */
  readonly readsPerSecond: number;
  /**
   * CPU time of the whole process during the scan, user and system, in microseconds per block; for
   * a SQLite database the census is in it.
   */
  readonly cpuMicrosecondsPerRead: number;
  /** Whether the file was read past the page cache (O_DIRECT). */
  readonly direct: boolean;
  /** The bytes of a read. */
  readonly block: number;
  /** The reads in flight at most. */
  readonly depth: number;
  /** The kernel whose requests the reads were. */
  readonly kernel: KernelName;
  /** The runtime and its version. */
  readonly runtime: string;
  /** What the reader of the figures should know. */
  readonly notes: readonly string[];
  /** The census, if the file is a SQLite database. */
  readonly sqlite?: SqliteResult;
}

/** The census of a SQLite database. */
export interface SqliteResult {
  /** The size of a page in bytes. */
  readonly pageSize: number;
  /** The whole pages of the file: the sum of {@link SqliteResult.pages}. */
  readonly pageCount: number;
  /** The pages of each kind. */
  readonly pages: Readonly<Record<PageKind, number>>;
  /** How many things are wrong with the database. */
  readonly problemCount: number;
  /** The first hundred of them, in words. */
  readonly problems: readonly string[];
}
