/**
 * What kind of file a descriptor is.
 *
 * @module
 */
import { fstatSync, type Stats } from "node:fs";
import { isatty } from "node:tty";
import { AioError } from "../errors/aio_error.ts";
import { resultOf } from "../errors/errno_of.ts";

/** What fstat(2) says of an open file. */
export interface FileKind {
  readonly isDirectory: boolean;
  /** Whether it has a length that can be cut. */
  readonly isRegular: boolean;
  /** Whether the page cache has its bytes: those of regular files and block devices. */
  readonly hasCache: boolean;
  /** Whether it has neither positions nor an end: a pipe, a socket, a terminal. */
  readonly isStream: boolean;
  /** Its size in bytes at that time; 0 of what has none. */
  readonly size: number;
  /**
   * Whether its size says nothing: files of /proc have 0 bytes, those of /sys 4096, and no blocks. So
   * has a file that is empty at that time.
   */
  readonly isGenerated: boolean;
  /** Its device and its number there, which together tell it from all other files. */
  readonly device: number;
  readonly inode: number;
}

/**
 * The kind of an open file. This asks on the thread of JavaScript: the kernel has the inode of an
 * open file at hand, and a trip to another thread takes ten times as long.
 *
 * @throws {AioError} If fstat(2) fails
 */
export function kindOf(fd: number, path: string): FileKind {
  let stats: Stats;
  try {
    stats = fstatSync(fd);
  } catch (error) {
    throw new AioError(resultOf(error), "fstat", { fd, path });
  }
  return {
    isDirectory: stats.isDirectory(),
    isRegular: stats.isFile(),
    hasCache: stats.isFile() || stats.isBlockDevice(),
    isStream: stats.isFIFO() || stats.isSocket() || (stats.isCharacterDevice() && isatty(fd)),
    size: stats.size,
    isGenerated: stats.isFile() && stats.blocks === 0 && stats.size <= 4096,
    device: stats.dev,
    inode: stats.ino,
  };
}
