/**
 * The bits of a poll mask: `aio_buf` and the result of `IOCB_CMD_POLL`.
 *
 * Values as in `include/uapi/asm-generic/poll.h`, which x86_64, aarch64 and riscv64 share;
 * meanings as in poll(2).
 *
 * @module
 */

/** There is something to read. */
export const POLLIN = 0x0001;

/** There is something exceptional to read, for instance out-of-band data. */
export const POLLPRI = 0x0002;

/** Writing would not block. */
export const POLLOUT = 0x0004;

/** Error; reported whether asked for or not. */
export const POLLERR = 0x0008;

/** The other end hung up; reported whether asked for or not. */
export const POLLHUP = 0x0010;

/** Not an open file; poll(2) reports it, AIO answers EBADF instead. */
export const POLLNVAL = 0x0020;

/** There is normal data to read: with most files the same as {@link POLLIN}. */
export const POLLRDNORM = 0x0040;

/** There is priority-band data to read. */
export const POLLRDBAND = 0x0080;

/** Normal data can be written: with most files the same as {@link POLLOUT}. */
export const POLLWRNORM = 0x0100;

/** Priority-band data can be written. */
export const POLLWRBAND = 0x0200;

/** Known by name only: Linux does not use it. */
export const POLLMSG = 0x0400;

/** The other end of a stream socket closed, or closed its writing half. */
export const POLLRDHUP = 0x2000;
