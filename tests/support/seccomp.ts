import process from "node:process";
import { loadNative } from "../../ffi/native.ts";
import * as errnos from "../../src/abi/errno.ts";
import { architectureOf } from "../../src/abi/syscall_numbers.ts";
import * as numbers from "../../src/abi/syscall_numbers.ts";

/** A system call that a filter can refuse. */
export type Refused =
  | "io_setup"
  | "io_submit"
  | "io_getevents"
  | "io_cancel"
  | "io_destroy"
  | "eventfd2"
  | "io_uring_setup";

/** What a filter can answer. */
export type Refusal = "EPERM" | "ENOSYS";

// See include/uapi/linux/bpf_common.h, seccomp.h and prctl.h.
const BPF_LOAD_WORD = 0x20;
const BPF_JUMP_IF_EQUAL = 0x15;
const BPF_RETURN = 0x06;
const SECCOMP_RET_ERRNO = 0x00050000;
const SECCOMP_RET_ALLOW = 0x7fff0000;
const SECCOMP_SET_MODE_FILTER = 1;
const SECCOMP_FILTER_FLAG_TSYNC = 1;
const PR_SET_NO_NEW_PRIVS = 38;
/** On every architecture, and nothing that kaio itself calls. */
const SYS_io_uring_setup = { x86_64: 425, aarch64: 425, riscv64: 425 };
/** Where `struct seccomp_data` has the number of the call. */
const NUMBER = 0;

const SYS_prctl = { x86_64: 157, aarch64: 167, riscv64: 167 };
const SYS_seccomp = { x86_64: 317, aarch64: 277, riscv64: 277 };

/**
 * Has the kernel refuse a system call from now on, to all threads of this process and to what they
 * start: a BPF program of a test's own. See seccomp(2).
 *
 * @param call Which
 * @param refusal What it answers
 */
export function refuse(call: Refused, refusal: Refusal): void {
  const architecture = architectureOf(process.arch)!;
  const native = loadNative();
  const { [architecture]: number } = { ...numbers, SYS_io_uring_setup }[`SYS_${call}`];
  const program = [
    [BPF_LOAD_WORD, 0, 0, NUMBER],
    [BPF_JUMP_IF_EQUAL, 0, 1, number],
    [BPF_RETURN, 0, 0, SECCOMP_RET_ERRNO | errnos[refusal]],
    [BPF_RETURN, 0, 0, SECCOMP_RET_ALLOW],
  ] as const;
  const address = native.map(4096);
  const view = new DataView(native.view(address, 4096));
  // `struct sock_fprog`, and behind it the `struct sock_filter`s.
  view.setUint16(0, program.length, true);
  view.setBigUint64(8, BigInt(address + 16), true);
  for (const [index, [code, whenTrue, whenFalse, value]] of program.entries()) {
    const at = 16 + 8 * index;
    view.setUint16(at, code, true);
    view.setUint8(at + 2, whenTrue);
    view.setUint8(at + 3, whenFalse);
    view.setUint32(at + 4, value, true);
  }
  const check = (name: string, result: number) => {
    if (result !== 0) throw new Error(`Cannot install a seccomp filter: ${name}: ${result}`);
  };
  const prctl = native.syscall(SYS_prctl[architecture], 5);
  check("prctl", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
  const seccomp = native.syscall(SYS_seccomp[architecture], 3);
  check("seccomp", seccomp(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, address));
}
