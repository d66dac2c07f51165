import { release, type } from "node:os";
import process from "node:process";
import { runtimeName } from "../../ffi/runtime_name.ts";
import { choose } from "../choose_kernel.ts";
import { probeCalls } from "./probe_calls.ts";
import { probeFile } from "./probe_file.ts";
import type { ProbeOptions } from "./probe_options.ts";
import type { ProbeResult } from "./probe_result.ts";

/**
 * Finds out what works here.
 *
 * @param options What is asked for.
 * @returns What was found.
 * @throws {Error} If the environment asks for a kernel that cannot be had, or the file cannot be
 * opened.
 */
export async function probe({ path }: ProbeOptions): Promise<ProbeResult> {
  const { name, kernel, reason } = choose();
  const limits = kernel.limits?.();
  return {
    runtime: runtimeName(),
    system: `${type()} ${release()} ${process.arch}`,
    kernel: name,
    ...reason !== undefined && { reason },
    ...limits && { limits },
    calls: await probeCalls(kernel),
    ...path !== undefined && { file: await probeFile(kernel, path) },
  };
}
