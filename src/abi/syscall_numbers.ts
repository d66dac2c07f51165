/**
 * The numbers of the system calls, by architecture of the processor.
 *
 * Sources: `arch/x86/entry/syscalls/syscall_64.tbl`, and `include/uapi/asm-generic/unistd.h` for
 * aarch64 and riscv64. The two tables do not even agree on the order: x86_64 counts io_getevents
 * before io_submit and io_cancel, the generic table after them.
 *
 * @module
 */

/** The architectures whose numbers are known here, by their names in uname(2). */
export type Architecture = "x86_64" | "aarch64" | "riscv64";

/** io_setup(2): makes a context. */
export const SYS_io_setup: Readonly<Record<Architecture, number>> = {
  x86_64: 206,
  aarch64: 0,
  riscv64: 0,
};

/** io_destroy(2): ends a context. */
export const SYS_io_destroy: Readonly<Record<Architecture, number>> = {
  x86_64: 207,
  aarch64: 1,
  riscv64: 1,
};

/** io_submit(2): hands requests over. */
export const SYS_io_submit: Readonly<Record<Architecture, number>> = {
  x86_64: 209,
  aarch64: 2,
  riscv64: 2,
};

/** io_cancel(2): tries to cancel a request. */
export const SYS_io_cancel: Readonly<Record<Architecture, number>> = {
  x86_64: 210,
  aarch64: 3,
  riscv64: 3,
};

/** io_getevents(2): waits for events and moves them out of the ring. */
export const SYS_io_getevents: Readonly<Record<Architecture, number>> = {
  x86_64: 208,
  aarch64: 4,
  riscv64: 4,
};

/** io_pgetevents(2): io_getevents under a signal mask. Since Linux 4.18. */
export const SYS_io_pgetevents: Readonly<Record<Architecture, number>> = {
  x86_64: 333,
  aarch64: 292,
  riscv64: 292,
};

/** fcntl(2): tells, among much else, whether a file lies in memory. */
export const SYS_fcntl: Readonly<Record<Architecture, number>> = {
  x86_64: 72,
  aarch64: 25,
  riscv64: 25,
};

/** statx(2): tells, among much else, the alignments that O_DIRECT asks for. */
export const SYS_statx: Readonly<Record<Architecture, number>> = {
  x86_64: 332,
  aarch64: 291,
  riscv64: 291,
};

/** memfd_create(2): memory with a name. Since Linux 3.17. */
export const SYS_memfd_create: Readonly<Record<Architecture, number>> = {
  x86_64: 319,
  aarch64: 279,
  riscv64: 279,
};

/** ftruncate(2): gives a file, or such memory, its length. */
export const SYS_ftruncate: Readonly<Record<Architecture, number>> = {
  x86_64: 77,
  aarch64: 46,
  riscv64: 46,
};

/** mmap(2): maps it. */
export const SYS_mmap: Readonly<Record<Architecture, number>> = {
  x86_64: 9,
  aarch64: 222,
  riscv64: 222,
};

/** close(2): closes a descriptor, and leaves what it was mapped to. */
export const SYS_close: Readonly<Record<Architecture, number>> = {
  x86_64: 3,
  aarch64: 57,
  riscv64: 57,
};

/** eventfd2: the system call behind eventfd(2). */
export const SYS_eventfd2: Readonly<Record<Architecture, number>> = {
  x86_64: 290,
  aarch64: 19,
  riscv64: 19,
};

/**
 * Finds the architecture for a name of `process.arch`.
 *
 * @param arch What `process.arch` says, for instance `"x64"`.
 * @returns The architecture, or `undefined` where the numbers are not known.
 */
export function architectureOf(arch: string): Architecture | undefined {
  switch (arch) {
    case "x64":
      return "x86_64";
    case "arm64":
      return "aarch64";
    case "riscv64":
      return "riscv64";
    default:
      return undefined;
  }
}
