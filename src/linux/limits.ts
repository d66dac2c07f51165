/**
 * The account of AIO requests that the kernel keeps for the whole machine.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { isPermitted } from "../../ffi/permission.ts";
import type { Limits } from "../kernel.ts";

/** Reads fs.aio-nr and fs.aio-max-nr; `undefined` where /proc cannot be read. See proc(5). */
export function readLimits(): Limits | undefined {
  try {
    const paths = ["/proc/sys/fs/aio-nr", "/proc/sys/fs/aio-max-nr"] as const;
    if (!paths.every((path) => isPermitted({ name: "read", path }))) return undefined;
    return { aioNr: read(paths[0]), aioMaxNr: read(paths[1]) };
  } catch {
    // In a sandbox they cannot be read. They only explain, and nothing depends on them.
    return undefined;
  }
}

function read(path: string): number {
  return Number(readFileSync(path, "utf8"));
}
