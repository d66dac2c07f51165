/**
 * What an iocb can ask for, and the flags that say which of its optional fields are meant.
 *
 * Values as in `include/uapi/linux/aio_abi.h`. No opcode beyond these exists: the kernel refuses
 * any other with EINVAL.
 *
 * @module
 */

/** `aio_lio_opcode`: read `aio_nbytes` bytes at `aio_offset` to `aio_buf`, as pread(2). */
export const IOCB_CMD_PREAD = 0;

/** `aio_lio_opcode`: write `aio_nbytes` bytes from `aio_buf` to `aio_offset`, as pwrite(2). */
export const IOCB_CMD_PWRITE = 1;

/** `aio_lio_opcode`: bring data and metadata to the disk, as fsync(2). Since Linux 4.18. */
export const IOCB_CMD_FSYNC = 2;

/** `aio_lio_opcode`: bring data to the disk, as fdatasync(2). Since Linux 4.18. */
export const IOCB_CMD_FDSYNC = 3;

/** `aio_lio_opcode`: reserved and never implemented; the kernel answers EINVAL. */
export const IOCB_CMD_PREADX = 4;

/**
 * `aio_lio_opcode`: complete once with the ready mask, as poll(2); the mask asked for is in
 * `aio_buf`. Since Linux 4.19.
 */
export const IOCB_CMD_POLL = 5;

/** `aio_lio_opcode`: has a number and no implementation; Linux answers EINVAL. */
export const IOCB_CMD_NOOP = 6;

/**
 * `aio_lio_opcode`: read into the `aio_nbytes` iovecs at `aio_buf`, as preadv(2); at most
 * `UIO_MAXIOV` of them.
 */
export const IOCB_CMD_PREADV = 7;

/**
 * `aio_lio_opcode`: write from the `aio_nbytes` iovecs at `aio_buf`, as pwritev(2); at most
 * `UIO_MAXIOV` of them.
 */
export const IOCB_CMD_PWRITEV = 8;

/** `aio_flags`: add one to the eventfd `aio_resfd` when the request completes. */
export const IOCB_FLAG_RESFD = 1;

/** `aio_flags`: `aio_reqprio` holds an I/O priority. Older kernels than 4.18 ignore it. */
export const IOCB_FLAG_IOPRIO = 2;
