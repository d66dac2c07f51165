import { randomFillSync } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import process from "node:process";
import { allocate } from "../memory/allocate.ts";
import { Latencies } from "./latencies.ts";

/** The bytes of a read or write. */
export const BLOCK = 4096;

/** What is to be read or written. */
export interface Workload {
  /** The file, which has these blocks. */
  readonly path: string;
  /** How many blocks there are. */
  readonly blocks: number;
  /** Whether the blocks are written. */
  readonly write: boolean;
  /** Whether the requests bypass the page cache (O_DIRECT). */
  readonly direct: boolean;
  /** Ends the pass. */
  readonly signal: AbortSignal;
}

/** What one pass, or the median of several, has shown. */
export interface Figures {
  /** Reads or writes per second. */
  readonly iops: number;
  /** CPU time of the whole process, user and system, in microseconds per request. */
  readonly cpuMicrosecondsPerRequest: number;
  /** Microseconds in which half of the requests were done. */
  readonly p50: number;
  /** Microseconds in which 99 of 100 requests were done. */
  readonly p99: number;
  /** Microseconds in which 999 of 1000 requests were done. */
  readonly p999: number;
}

/**
 * Reads or writes blocks at random positions. A file of kaio is a FileHandle, so both are measured by the same
 * lines.
 *
 * @param file The open file.
 * @param workload What is to be done.
 * @param depth How many requests are in flight.
 * @param milliseconds How long new requests are begun.
 * @throws {Error} If a request fails or is short; `signal.reason` if the signal is aborted.
 */
export async function measurePass(
  file: FileHandle,
  { blocks, write, signal }: Workload,
  depth: number,
  milliseconds: number,
): Promise<Figures> {
  // Page-aligned, as O_DIRECT wants it of everybody.
  const memory = allocate(depth * BLOCK);
  if (write) randomFillSync(memory);
  const latencies = new Latencies();
  const cpu = process.cpuUsage();
  const began = performance.now();
  const end = began + milliseconds;
  await Promise.all(Array.from({ length: depth }, async (_, slot) => {
    const buffer = memory.subarray(slot * BLOCK, (slot + 1) * BLOCK);
    let sent = began;
    do {
      const position = Math.floor(Math.random() * blocks) * BLOCK;
      const bytes = write
        ? (await file.write(buffer, 0, BLOCK, position)).bytesWritten
        : (await file.read(buffer, 0, BLOCK, position)).bytesRead;
      if (bytes < BLOCK) throw new Error(`Only ${bytes} bytes of a block were transferred`);
      const now = performance.now();
      latencies.add(1000 * (now - sent));
      sent = now;
    } while (sent < end && !signal.aborted);
  }));
  signal.throwIfAborted();
  // At least a microsecond: a clock that stands still must not give Infinity.
  const seconds = Math.max(performance.now() - began, 1e-3) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  return {
    iops: latencies.count / seconds,
    cpuMicrosecondsPerRequest: (user + system) / latencies.count,
    p50: latencies.percentile(0.5),
    p99: latencies.percentile(0.99),
    p999: latencies.percentile(0.999),
  };
}
