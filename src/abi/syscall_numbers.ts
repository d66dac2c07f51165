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

/** The number of one system call on each architecture. */
export type SyscallNumbers = Readonly<Record<Architecture, number>>;

/** The number in the table of x86_64, and that in the generic table of all other architectures. */
function numbers(x86_64: number, generic: number): SyscallNumbers {
  return { x86_64, aarch64: generic, riscv64: generic };
}

/** io_setup(2): makes a context. */
export const SYS_io_setup: SyscallNumbers = numbers(206, 0);

/** io_destroy(2): ends a context. */
export const SYS_io_destroy: SyscallNumbers = numbers(207, 1);

/** io_submit(2): hands requests over. */
export const SYS_io_submit: SyscallNumbers = numbers(209, 2);

/** io_cancel(2): tries to cancel a request. */
export const SYS_io_cancel: SyscallNumbers = numbers(210, 3);

/** io_getevents(2): waits for events and moves them out of the ring. */
export const SYS_io_getevents: SyscallNumbers = numbers(208, 4);

/** io_pgetevents(2): io_getevents under a signal mask. Since Linux 4.18. */
export const SYS_io_pgetevents: SyscallNumbers = numbers(333, 292);

/** fcntl(2): tells, among much else, whether a file lies in memory. */
export const SYS_fcntl: SyscallNumbers = numbers(72, 25);

/** statx(2): tells, among much else, the alignments that O_DIRECT asks for. */
export const SYS_statx: SyscallNumbers = numbers(332, 291);

/** preadv2(2): reads, if need be only what is cached. Since Linux 4.6. */
export const SYS_preadv2: SyscallNumbers = numbers(327, 286);

/** uname(2): the release of the kernel. */
export const SYS_uname: SyscallNumbers = numbers(63, 160);

/** memfd_create(2): memory with a name. Since Linux 3.17. */
export const SYS_memfd_create: SyscallNumbers = numbers(319, 279);

/** ftruncate(2): gives a file, or such memory, its length. */
export const SYS_ftruncate: SyscallNumbers = numbers(77, 46);

/** mmap(2): maps it. */
export const SYS_mmap: SyscallNumbers = numbers(9, 222);

/** close(2): closes a descriptor, and leaves what it was mapped to. */
export const SYS_close: SyscallNumbers = numbers(3, 57);

/** eventfd2: the system call behind eventfd(2). */
export const SYS_eventfd2: SyscallNumbers = numbers(290, 19);

const ARCHITECTURES: ReadonlyMap<string, Architecture> = new Map([
  ["x64", "x86_64"],
  ["arm64", "aarch64"],
  ["riscv64", "riscv64"],
]);

/**
 * Finds the architecture for a name of `process.arch`.
 *
 * @param arch What `process.arch` says, for instance `"x64"`.
 * @returns The architecture, or `undefined` where the numbers are not known.
 */
export function architectureOf(arch: string): Architecture | undefined {
  return ARCHITECTURES.get(arch);
}
