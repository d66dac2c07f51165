import type { KernelName } from "../choose_kernel.ts";
import type { DirectAlignment } from "../file_host.ts";
import type { Limits } from "../kernel.ts";

/** Whether something works. */
export interface Finding {
  /** Whether it does. */
  readonly works: boolean;
  /** Why not, or what is to be known of it. */
  readonly note?: string;
}

/** What is tried of a kernel, in the order of the report. */
export const CALLS = [
  "io_setup",
  "io_submit",
  "io_pgetevents",
  "ring",
  "eventfd",
  "FSYNC",
  "FDSYNC",
  "POLL",
  "RWF_NOWAIT",
] as const;

/** One of {@link CALLS}. */
export type CallName = typeof CALLS[number];

/** What `kaio probe --json` prints. */
export interface ProbeResult {
  /** The runtime and its version. */
  readonly runtime: string;
  /** The operating system, its version and the kind of machine. */
  readonly system: string;
  /** The kernel that `open` and `AioContext` use here. */
  readonly kernel: KernelName;
  /** Why it is not that of the machine. */
  readonly reason?: string;
  /** How much of the kernel's account of requests is used, where that can be read. */
  readonly limits?: Limits;
  /** What that kernel can do. */
  readonly calls: Readonly<Record<CallName, Finding>>;
  /** What it can do with the file, if one was named. */
  readonly file?: FileResult;
}

/** What is found out about a file. */
export interface FileResult {
  /** The file, as it was given. */
  readonly path: string;
  /** Its size in bytes. */
  readonly size: number;
  /** Whether it can be read past the page cache. */
  readonly direct: Finding;
  /** The alignments in bytes that this asks for, where the system says so. */
  readonly alignment?: DirectAlignment;
  /** Whether a read through the page cache can be told not to wait. */
  readonly nowait: Finding;
}
