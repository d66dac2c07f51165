/**
 * What happened on a simulated disk.
 *
 * @module
 */
import type { OperationKind } from "../../threads/file_operation.ts";

/**
 * What became of an operation.
 *
 * - `completed`: all of it was done
 * - `short`: fewer bytes than were asked for, and than there are
 * - `rotten`: all of it was read, or a part, and one bit is wrong
 * - `EIO`, `ENOSPC`, `EAGAIN`, `EINTR`: it failed on purpose
 * - `failed`: it failed for a reason of its own, which {@link LogEntry.res} has
 * - `crashed`: the power failed; what follows is the fate of the writes that no sync covers
 * - `kept`, `lost`, `torn`: all of such a write was stored, nothing, or some of its sectors
 */
export type EventKind =
  | "completed"
  | "short"
  | "rotten"
  | "EIO"
  | "ENOSPC"
  | "EAGAIN"
  | "EINTR"
  | "failed"
  | "crashed"
  | "kept"
  | "lost"
  | "torn";

/** An event on a simulated disk. */
export interface LogEntry {
  /** When, in milliseconds of the virtual clock. */
  readonly time: number;
  /** Which request, in the order of submission, from 1; 0: it belongs to none. */
  readonly request: number;
  /** What the request was to do, or what else happened. */
  readonly operation: OperationKind | "submit" | "wait" | "crash";
  /** Which file, in the order in which they were first used, from 1; 0: none. */
  readonly file: number;
  /** The file descriptor, which differs from run to run; -1: none. */
  readonly fd: number;
  /** Where in the file, in bytes. */
  readonly position: number;
  /** How many bytes were asked for. */
  readonly length: number;
  /** What became of it. */
  readonly what: EventKind;
  /** The result: bytes or `-errno`; of a write that was torn, the bytes that were stored. */
  readonly res: number;
  /** `rotten`: which bit of the file is wrong, from its beginning. */
  readonly bit?: number;
  /** `torn`: for each sector of the write whether it was stored. */
  readonly sectors?: readonly boolean[];
}

/** `12.345`: the same digits in every runtime, as nothing is rounded. */
function formatTime(time: number): string {
  const microseconds = Math.round(time * 1000);
  const fraction = String(microseconds % 1000).padStart(3, "0");
  return `${Math.floor(microseconds / 1000)}.${fraction}`;
}

function formatEntry(entry: LogEntry): string {
  const { time, request, operation, file, position, length, what, res, bit, sectors } = entry;
  const parts = [formatTime(time).padStart(12), (request > 0 ? `#${request}` : "").padStart(6)];
  parts.push(operation.padEnd(9));
  if (file > 0) parts.push(`file ${file}`);
  if (operation === "read" || operation === "write") parts.push(`${position}+${length}`);
  parts.push(what);
  const partial = what === "short" || what === "rotten" || what === "failed";
  // A read at the end of the file.
  if (partial || (what === "completed" && res !== length)) parts.push(String(res));
  if (bit !== undefined) parts.push(`bit ${bit}`);
  if (sectors !== undefined) parts.push(sectors.map((stored) => stored ? "x" : ".").join(""));
  return parts.join(" ").trimEnd();
}

/**
 * A log as text, one line an entry: milliseconds, request, operation, file, position and length,
 * and what became of it. File descriptors are left out, so that the same run gives the same text
 * everywhere.
 *
 * @example
 * ```ts
 * import { AioContext } from "kaio";
 * import { formatLog, PortableKernel } from "kaio/portable";
 *
 * const kernel = new PortableKernel({ seed: 1 });
 * await using aio = new AioContext({ kernel });
 * // …
 * console.log(formatLog(kernel.log));
 * ```
 *
 * @param log The entries, or some of them
 * @returns The text, without a line feed at its end
 */
export function formatLog(log: readonly LogEntry[]): string {
  return log.map(formatEntry).join("\n");
}
