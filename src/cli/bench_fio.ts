import { execFile } from "node:child_process";
import { isPermitted } from "../../ffi/permission.ts";
import type { Figures, Workload } from "./bench_pass.ts";
import { fioOptions, libaioInBatches, readFio } from "./fio_job.ts";

/** How long fio is tried, in milliseconds. In one it may end before it opens the file. */
const TRIAL = 100;

/** Whether fio works here, and why not, unless it is not installed or may not be run. */
export interface FioTrial {
  readonly works: boolean;
  readonly note?: string;
}

/**
 * Tries fio.
 *
 * @param workload What is to be done.
 * @returns What came of it.
 */
export async function tryFio(workload: Workload): Promise<FioTrial> {
  // Deno would put a question to the person at the terminal.
  if (!isPermitted({ name: "run", command: "fio" })) return { works: false };
  try {
    await measureFio(workload, 1, TRIAL);
    return { works: true };
  } catch (error) {
    workload.signal.throwIfAborted();
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ERR_ACCESS_DENIED") return { works: false };
    return { works: false, note: `fio was left out: ${message}` };
  }
}

/**
 * Reads or writes by fio, in batches over Linux AIO, which is the fastest that it can do with it.
 *
 * @param workload What is to be done.
 * @param depth How many requests are in flight.
 * @param milliseconds How long that takes.
 * @throws {Error} If it fails; `signal.reason` if the signal is aborted.
 */
export async function measureFio(
  workload: Workload,
  depth: number,
  milliseconds: number,
): Promise<Figures> {
  const { write, signal } = workload;
  const options = fioOptions(workload, libaioInBatches(depth), depth, milliseconds);
  // By default each run reads the same blocks, which the disk may then have in its cache.
  return readFio(await runFio([...options, "--randrepeat=0"], signal), write);
}

/** Ends fio if the signal is aborted. */
function runFio(options: readonly string[], signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const fio = execFile("fio", options, (error, stdout, stderr) => {
      signal.removeEventListener("abort", kill);
      if (error === null) return resolve(stdout);
      if (signal.aborted) return reject(signal.reason);
      // The message has all options of fio in its first line.
      reject(stderr ? new Error(stderr.trim().split("\n").at(-1)) : error);
    });
    // With another signal it may wait for ever, for a lock in its own handler.
    const kill = (): void => void fio.kill("SIGKILL");
    signal.addEventListener("abort", kill);
    if (signal.aborted) kill();
  });
}
