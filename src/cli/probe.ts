import { release, type } from "node:os";
import process from "node:process";
import { isPermitted } from "../../ffi/permission.ts";
import { runtimeName } from "../../ffi/runtime_name.ts";
import { architectureOf } from "../abi/syscall_numbers.ts";
import { type Choice, choose, type KernelName } from "../choose_kernel.ts";
import type { AioContext } from "../context/aio_context.ts";
import type { DirectAlignment } from "../file_host.ts";
import type { Kernel, Limits } from "../kernel.ts";
import { open } from "../file/open.ts";
import { loadMachine } from "../linux/load.ts";
import { advise, type Lack } from "./advice.ts";
import { checkHasSize } from "./check_has_size.ts";
import { type CallFindings, find, type Finding } from "./probe_calls.ts";
import { openTriedFile, probeCalls, probeNowait, withContext } from "./probe_calls.ts";

/** What `kaio probe --json` prints. */
export interface ProbeResult {
  /** The runtime and its version. */
  readonly runtime: string;
  /** The operating system, its version where that may be seen, and the kind of machine. */
  readonly system: string;
  /** The kernel that `open` and `AioContext` use here; absent if the requested kernel cannot be used. */
  readonly kernel?: KernelName;
  /** Why it is not that of the machine, or why there is none. */
  readonly reason?: string;
  /** How much of the kernel's account of requests is used, where that can be read. */
  readonly limits?: Limits;
  /** What that kernel can do. */
  readonly calls?: CallFindings;
  /** What that was tried on: the folder of a temporary file, or else a file that is there. */
  readonly triedOn?: string;
  /** What it can do with the file, if one was named. */
  readonly file?: FileResult;
  /** What to do about what is missing: a sentence for each. */
  readonly advice: readonly string[];
}

/** What is found out about a file. */
export interface FileResult {
  /** The file, as it was given. */
  readonly path: string;
  /** Its size in bytes. */
  readonly size: number;
  /** Whether a read can bypass the page cache. */
  readonly direct: Finding;
  /** The alignments in bytes that this asks for, where the system says so. */
  readonly alignment?: DirectAlignment;
  /** Whether a read through the page cache can be submitted so that it does not wait. */
  readonly nowait: Finding;
}

/**
 * Finds out what works here.
 *
 * @param path The file to try, if any.
 * @throws {TypeError} If the environment names an unknown kernel.
 * @throws {Error} If the file cannot be opened, or is neither a regular file nor a block device.
 */
export async function probe(path?: string): Promise<ProbeResult> {
  const version = isPermitted({ name: "sys", kind: "osRelease" }) ? [release()] : [];
  const system = [type(), ...version, process.arch].join(" ");
  const machine = { runtime: runtimeName(), system };
  let choice: Choice;
  try {
    choice = choose();
  } catch (error) {
    if (error instanceof TypeError) throw error;
    const found = { ...machine, reason: (error as Error).message };
    return { ...found, advice: advise(found, lackOf()) };
  }
  const { name, kernel, reason, asked } = choice;
  const limits = kernel.limits?.();
  const tried = openTriedFile();
  try {
    const found = {
      ...machine,
      kernel: name,
      ...reason !== undefined && { reason },
      ...limits && { limits },
      calls: await probeCalls(kernel, tried),
      ...tried && { triedOn: tried.path },
      ...path !== undefined && { file: await probeFile(kernel, path) },
    };
    return { ...found, advice: advise(found, name === "linux" || asked ? undefined : lackOf()) };
  } finally {
    tried?.remove();
  }
}

/** What is missing where the kernel of the machine cannot be used. */
function lackOf(): Lack {
  const isKnown = architectureOf(process.arch) !== undefined;
  if (process.platform !== "linux" || !isKnown) return "Linux";
  return loadMachine() instanceof Error ? "FFI" : "calls";
}

async function probeFile(kernel: Kernel, path: string): Promise<FileResult> {
  await checkHasSize(path);
  let alignment: DirectAlignment | undefined;
  const tryDirect = async (context: AioContext): Promise<void> => {
    const file = await open(path, "r", { direct: true, context });
    try {
      await file.readAt(0, 1);
      alignment = kernel.files?.directAlignment?.(file.fd);
    } finally {
      await file.close();
    }
  };
  const cached = await open(path);
  try {
    const nowait = await probeNowait(kernel, cached.fd, path);
    const direct = await find(() => withContext(kernel, tryDirect));
    return { path, size: await cached.size(), nowait, direct, ...alignment && { alignment } };
  } finally {
    await cached.close();
  }
}
