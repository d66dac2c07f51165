import { ffiAdvice, missingFlag, PROC_NEEDED } from "../../ffi/advice.ts";
import type { Permission } from "../../ffi/permission.ts";
import type { ProbeResult } from "./probe.ts";
import { type CallFindings, temporaryFolder } from "./probe_calls.ts";

/** Why the kernel of the machine is not used, unless that was asked for. */
export type Lack = "Linux" | "FFI" | "calls";

const LACKS: Readonly<Record<Lack, () => string>> = {
  Linux: () =>
    "Linux AIO needs Linux on x86_64, arm64 or riscv64; elsewhere the portable kernel does the same",
  FFI: ffiAdvice,
  calls: () =>
    "Allow io_setup, io_submit, io_getevents, io_cancel and io_destroy in the seccomp profile " +
    "or sandbox, as Docker's default profile does",
};

/** What there is to do or to know where a call of the Linux kernel does not work. */
const CALLS: Readonly<Partial<Record<keyof CallFindings, string>>> = {
  io_pgetevents: "io_pgetevents needs Linux 4.18, and is needed by raw calls only",
  ring: "Without the ring completions cost a system call more: report this version of Linux",
  eventfd: "Wake-ups need eventfd2: raise the limit of open files, or allow it in the sandbox",
  FSYNC: "FSYNC needs Linux 4.18",
  FDSYNC: "FDSYNC needs Linux 4.18",
  POLL: "POLL needs Linux 4.19",
  RWF_NOWAIT: "RWF_NOWAIT needs a file system that has it, as ext4, XFS or Btrfs",
};

/**
 * What to do about what a probe found to be missing: a sentence for each.
 *
 * @param found What was found.
 * @param lack Why the kernel of the machine is not used.
 */
export function advise(found: Omit<ProbeResult, "advice">, lack: Lack | undefined): string[] {
  const { file, kernel, limits, triedOn } = found;
  // Where a file was named, what counts is its file system.
  const calls = found.calls && { ...found.calls, ...file && { RWF_NOWAIT: file.nowait } };
  const permissions = permissionAdvice();
  const advice = [...permissions.values()];
  if (lack && !permissions.has("ffi")) advice.push(LACKS[lack]());
  if (kernel === "linux" && !limits) advice.push(`The count of requests needs ${PROC_NEEDED}`);
  if (calls?.io_setup.note?.startsWith("EAGAIN")) {
    advice.push("Raise the limit of requests, on the host: sysctl fs.aio-max-nr=1048576");
  }
  if (calls && triedOn !== temporaryFolder() && !permissions.has("write")) {
    advice.push(
      "Set TMPDIR to a folder that can be written, so that syncs are tried on a new file",
    );
  }
  // Without requests the rest fails, too; and what the portable kernel has not, it does not need.
  if (kernel === "linux" && calls?.io_submit.works) {
    for (const [call, finding] of Object.entries(calls)) {
      const line = CALLS[call as keyof CallFindings];
      if (!finding.works && line) advice.push(line);
    }
  }
  if (file && !file.direct.works) {
    advice.push('Open the file without `direct`, or with `direct: "try"`');
  } else if (file && !file.alignment && kernel === "linux") {
    advice.push("Linux 6.1 says the alignment of most file systems; 4,096 bytes suit nearly all");
  }
  return advice;
}

/** What each missing permission of the runtime is for. */
function permissionAdvice(): Map<Permission["name"], string> {
  const advice = new Map<Permission["name"], string>();
  const ask = (purpose: string, ...permissions: Permission[]): void => {
    const flags = permissions.map(missingFlag).filter((flag) => flag !== undefined);
    if (flags.length > 0) advice.set(permissions[0]!.name, `Add ${flags.join(" ")} ${purpose}`);
  };
  const path = temporaryFolder();
  ask("to use Linux AIO", { name: "ffi" });
  ask("to try requests on a temporary file", { name: "write", path }, { name: "read", path });
  ask("to choose the kernel by this variable", { name: "env", variable: "KAIO_KERNEL" });
  ask("to see the version of the system", { name: "sys", kind: "osRelease" });
  return advice;
}
