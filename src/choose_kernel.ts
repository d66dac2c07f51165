/**
 * Which kernel is used: that of the machine where it can be called, else the portable one.
 *
 * @module
 */
import process from "node:process";
import { environment } from "../ffi/permission.ts";
import { shown } from "./abi/shown.ts";
import type { FileHost } from "./file_host.ts";
import type { Kernel } from "./kernel.ts";
import { loadLinux, loadMachine } from "./linux/load.ts";
import { Machine } from "./portable/machine.ts";
import { ProcessKernel } from "./portable/process_kernel.ts";

/**
 * A kernel by name: `"linux"`, the one of this machine by its system calls; `"portable"`, the same
 * in TypeScript over `node:fs`.
 */
export type KernelName = "linux" | "portable";

/** A kernel, and how it came to be chosen. */
export interface Choice {
  readonly name: KernelName;
  readonly kernel: Kernel;
  /** Why it is not that of the machine, in one sentence. */
  readonly reason: string | undefined;
  /** Whether it was asked for by name. */
  readonly asked: boolean;
}

const VARIABLE = "KAIO_KERNEL";

let portable: ProcessKernel | undefined;
let warned = false;

/**
 * Chooses a kernel. That it is the portable one although nobody asked for that is said once, by a
 * warning of the process.
 *
 * @param wanted A kernel, or its name; else the environment is asked
 * @throws {TypeError} If there is no kernel of that name
 * @throws {Error} If the one that was asked for cannot be had, in one sentence that says why
 */
export function chooseKernel(wanted?: Kernel | KernelName): Kernel {
  if (wanted && typeof wanted !== "string") return wanted;
  const { name, kernel, reason, asked } = choose(wanted);
  if (name === "portable" && !asked && !warned) {
    warned = true;
    const message = `kaio uses its portable kernel in place of Linux AIO. ${reason}`;
    process.emitWarning(message, { code: "KAIO_PORTABLE" });
  }
  return kernel;
}

/** As {@link chooseKernel}, without the warning. */
export function choose(wanted?: KernelName): Choice {
  const name = wanted ?? fromEnvironment();
  const by = wanted === undefined ? `${VARIABLE}=${name}` : `\`kernel: "${name}"\``;
  const asked = name !== undefined;
  if (name === "portable") return portableChoice(`${by} asks for the portable kernel`, true);
  if (asked && name !== "linux") {
    const source = wanted === undefined ? VARIABLE : "`kernel`";
    const rule = `${source} must be "linux" or "portable"`;
    throw new TypeError(`Cannot choose kernel: ${rule}: current value is "${shown(name)}"`);
  }
  const kernel = loadLinux();
  if (!(kernel instanceof Error)) return { name: "linux", kernel, reason: undefined, asked };
  if (!asked) return portableChoice(kernel.message, false);
  const message = `Cannot use the kernel that ${by} asks for: ${kernel.message}`;
  throw new Error(message, { cause: kernel });
}

/** What open files ask of the machine, where a kernel of the user's does not say it. */
export function fileHostOf(kernel: Kernel): FileHost {
  const { files } = kernel;
  if (files === undefined) return machineFiles() ?? UNKNOWN_HOST;
  if (files.seek !== undefined || files.newPosition !== undefined) return files;
  // Asked for with the first file that needs it, because until then there may be no need for FFI.
  return Object.create(files, { seek: { get: () => machineFiles()?.seek } }) as FileHost;
}

function machineFiles(): FileHost | undefined {
  const machine = loadMachine();
  return machine instanceof Error ? undefined : machine.files;
}

/** Nothing is known of the files, so io_submit is not trusted with what may wait. */
const UNKNOWN_HOST: FileHost = { blocksFor: () => "disk" };

function portableChoice(reason: string, asked: boolean): Choice {
  portable ??= new ProcessKernel(new Machine({}));
  return { name: "portable", kernel: portable, reason, asked };
}

/** An empty variable counts as none. */
function fromEnvironment(): KernelName | undefined {
  return (environment(VARIABLE) || undefined) as KernelName | undefined;
}
