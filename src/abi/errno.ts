/**
 * The errno numbers that kaio names itself, positive; system calls and events give them negated.
 *
 * Values as in `include/uapi/asm-generic/errno-base.h` and `errno.h`, which x86_64, aarch64 and
 * riscv64 share. What each means to AIO is in io_submit(2) and its siblings.
 *
 * @module
 */

/** Operation not permitted: among others what a seccomp filter of a container answers. */
export const EPERM = 1;

/** No such file or directory. */
export const ENOENT = 2;

/** Interrupted by a signal. */
export const EINTR = 4;

/** The device failed. */
export const EIO = 5;

/** Not an open file descriptor, or not open for reading or writing as asked. */
export const EBADF = 9;

/** No room in the context now, no context left on this system, or RWF_NOWAIT would have waited. */
export const EAGAIN = 11;

/** Not enough memory. */
export const ENOMEM = 12;

/** Permission denied. */
export const EACCES = 13;

/** Address of memory that is not there or not accessible. */
export const EFAULT = 14;

/** Is a directory. */
export const EISDIR = 21;

/** An argument is wrong: context, opcode, alignment, or something unknown to the file. */
export const EINVAL = 22;

/** No file descriptor left in the system. */
export const ENFILE = 23;

/** No file descriptor left in the process. */
export const EMFILE = 24;

/** Beyond the largest file that the file system or RLIMIT_FSIZE allows. */
export const EFBIG = 27;

/** No space left on the device. */
export const ENOSPC = 28;

/** A position on something that has none. */
export const ESPIPE = 29;

/** Nobody reads from the pipe or socket. */
export const EPIPE = 32;

/** Waiting would be for ever. */
export const EDEADLK = 35;

/** There is no such system call here. */
export const ENOSYS = 38;

/** There are no data where some should be. */
export const ENODATA = 61;

/** A position or length too large for its type. */
export const EOVERFLOW = 75;

/** The file does not support it: what unknown RWF_ bits get. */
export const EOPNOTSUPP = 95;

/** Under way: for io_cancel a success. */
export const EINPROGRESS = 115;

/** The file is gone from the server. */
export const ESTALE = 116;

/** The user's quota of the disk is used up. */
export const EDQUOT = 122;

/** Cancelled. */
export const ECANCELED = 125;
