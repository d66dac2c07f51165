import type { FileHandle } from "node:fs/promises";
import process from "node:process";

/** The bytes of a read. */
export const BLOCK = 4096;

/** What one pass of reads, or the median of several, has shown. */
export interface Figures {
  /** Reads per second. */
  readonly readsPerSecond: number;
  /** CPU time of the whole process, user and system, in microseconds per read. */
  readonly cpuMicrosecondsPerRead: number;
  /** Microseconds in which half of the reads were done. */
  readonly p50: number;
  /** Microseconds in which 99 of 100 reads were done. */
  readonly p99: number;
  /** Microseconds in which 999 of 1000 reads were done. */
  readonly p999: number;
}

/**
 * Reads blocks at random positions, always one for each buffer. A file of kaio is a FileHandle, so
 * both are measured by the same lines.
 *
 * @param file The open file.
 * @param buffers Where the blocks go.
 * @param blocks How many blocks the file has.
 * @param milliseconds How long new reads are begun.
 * @param signal Ends the pass.
 * @throws {Error} If a read fails or is short; `signal.reason` if the signal is aborted.
 */
export async function measurePass(
  file: FileHandle,
  buffers: readonly Uint8Array[],
  blocks: number,
  milliseconds: number,
  signal: AbortSignal,
): Promise<Figures> {
  const latencies: number[] = [];
  const cpu = process.cpuUsage();
  const began = performance.now();
  const end = began + milliseconds;
  await Promise.all(buffers.map(async (buffer) => {
    let sent = began;
    do {
      const position = Math.floor(Math.random() * blocks) * BLOCK;
      const { bytesRead } = await file.read(buffer, 0, BLOCK, position);
      if (bytesRead < BLOCK) throw new Error("The file became shorter during the measurement");
      const now = performance.now();
      latencies.push(now - sent);
      sent = now;
    } while (sent < end && !signal.aborted);
  }));
  signal.throwIfAborted();
  // At least a microsecond: a clock that stands still must not give Infinity.
  const seconds = Math.max(performance.now() - began, 1e-3) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  const sorted = Float64Array.from(latencies).sort();
  const percentile = (share: number): number => 1000 * sorted[Math.floor(share * sorted.length)]!;
  return {
    readsPerSecond: sorted.length / seconds,
    cpuMicrosecondsPerRead: (user + system) / sorted.length,
    p50: percentile(0.5),
    p99: percentile(0.99),
    p999: percentile(0.999),
  };
}
