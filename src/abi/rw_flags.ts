/**
 * The bits of `aio_rw_flags`: how one read or write differs from what its file says.
 *
 * Values as in `include/uapi/linux/fs.h`, meanings as in preadv2(2). A bit that the kernel or the
 * file system does not know gives EOPNOTSUPP, from io_submit or as the request's result: which of
 * the two differs by file system.
 *
 * @module
 */

/** High priority; AIO accepts it and lets it fall, as it never polls for completion. */
export const RWF_HIPRI = 0x01;

/** Data is on the disk before the write completes: O_DSYNC for one request. */
export const RWF_DSYNC = 0x02;

/** Data and metadata are on the disk before the write completes: O_SYNC for one request. */
export const RWF_SYNC = 0x04;

/** Complete with EAGAIN where the request would have to wait. */
export const RWF_NOWAIT = 0x08;

/** Write at the end of the file, whatever `aio_offset` says: O_APPEND for one request. */
export const RWF_APPEND = 0x10;

/** Write at `aio_offset` although the file was opened with O_APPEND. Since Linux 6.9. */
export const RWF_NOAPPEND = 0x20;

/** The write reaches the disk as a whole or not at all, even if power fails. Since Linux 6.11. */
export const RWF_ATOMIC = 0x40;

/** Leave nothing of the request in the page cache afterwards. Since Linux 6.14. */
export const RWF_DONTCACHE = 0x80;

/** No SIGPIPE from a write to a pipe or socket without a reader. Since Linux 6.18. */
export const RWF_NOSIGNAL = 0x100;
