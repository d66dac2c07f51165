/** What is read or written, again and again. */
export interface Workload {
  /** What `--work` calls it. */
  readonly name: string;
  /** The bytes of a request, whole pages. */
  readonly block: number;
  /** The share of the requests that write. */
  readonly writes: number;
  /** Whether a write has reached the disk when it completes (O_DSYNC). */
  readonly synced?: true;
  /** Whether requests follow each other in the file, and are not at random positions. */
  readonly inOrder?: true;
}

/** All workloads. */
export const WORKLOADS: readonly Workload[] = [
  { name: "read-4k", block: 2 ** 12, writes: 0 },
  { name: "read-64k", block: 2 ** 16, writes: 0 },
  { name: "scan-1m", block: 2 ** 20, writes: 0, inOrder: true },
  { name: "write-4k", block: 2 ** 12, writes: 1 },
  { name: "synced-4k", block: 2 ** 12, writes: 1, synced: true },
  { name: "mixed-4k", block: 2 ** 12, writes: 0.3 },
];
