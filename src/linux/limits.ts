/**
 * The account of AIO requests that the kernel keeps for the whole machine.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import type { Limits } from "../kernel.ts";

/** Reads fs.aio-nr and fs.aio-max-nr; `undefined` where /proc cannot be read. See proc(5). */
export function readLimits(): Limits | undefined {
  try {
    return { aioNr: read("/proc/sys/fs/aio-nr"), aioMaxNr: read("/proc/sys/fs/aio-max-nr") };
  } catch {
    // A sandbox or a missing permission: the figures only explain, nothing depends on them
    return undefined;
  }
}

function read(path: string): number {
  return Number(readFileSync(path, "utf8"));
}
