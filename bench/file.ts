/**
 * The file that is read or written.
 *
 * @module
 */
import {
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  mkdtempSync,
  openSync,
  readSync,
  rmSync,
  statfsSync,
  statSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Options } from "./options.ts";
import { BLOCK } from "./positions.ts";

/** A file to work on. */
export interface TestFile {
  /** Where it is. */
  readonly path: string;
  /** Its size in bytes: whole blocks. */
  readonly size: number;
  /** Each block begins with its number: {@link stampOf}. */
  readonly stamped: boolean;
  /** The file system that it lies on. */
  readonly fileSystem: string;
  /** Removes what was made. */
  remove(): void;
}

const CHUNK = 2 ** 20;

/**
 * Finds or makes the file.
 *
 * @param options What is asked for
 * @returns The file
 * @throws {Error} If it would have to be overwritten, or is too small
 */
export function findFile(options: Options): TestFile {
  const { file, size, write } = options;
  if (file === undefined) {
    const folder = mkdtempSync(join(options.tmpfs ? "/dev/shm" : tmpdir(), "kaio-bench-"));
    return make(join(folder, "blocks"), size, folder);
  }
  if (!existsSync(file)) return make(file, size, file);
  if (write) throw new Error(`Cannot write to a file that is there already: ${file}`);
  const stat = statSync(file);
  const whole = stat.isFile() ? stat.size : size;
  const usable = whole - whole % BLOCK;
  if (usable === 0) throw new Error(`Cannot read a file of less than ${BLOCK} bytes: ${file}`);
  const fileSystem = stat.isFile() ? fileSystemOf(file) : "device";
  return { path: file, size: usable, stamped: false, fileSystem, remove: () => {} };
}

/** Writes a file of numbered blocks, and removes `removed` at the end. */
function make(path: string, size: number, removed: string): TestFile {
  const chunk = new Uint32Array(CHUNK / 4);
  // Not zeros: a disk may store those without storing them
  for (let word = 0; word < chunk.length; word++) chunk[word] = Math.imul(word + 1, 0x9e3779b1);
  const chunks = Math.floor(size / CHUNK);
  const fd = openSync(path, "wx");
  const remove = (): void => rmSync(removed, { recursive: true, force: true });
  try {
    for (let index = 0; index < chunks; index++) {
      for (let block = 0; block < CHUNK / BLOCK; block++) {
        chunk[block * BLOCK / 4] = index * CHUNK / BLOCK + block;
      }
      writeSync(fd, chunk, 0, CHUNK, index * CHUNK);
    }
    fsyncSync(fd);
  } catch (error) {
    remove();
    throw error;
  } finally {
    closeSync(fd);
  }
  const fileSystem = fileSystemOf(dirname(path));
  return { path, size: chunks * CHUNK, stamped: true, fileSystem, remove };
}

/** The number that a block of a file made here begins with. */
export function stampOf(block: Uint8Array): number {
  return new DataView(block.buffer, block.byteOffset).getUint32(0, true);
}

/**
 * Makes sure that the file can be read past the page cache.
 *
 * @param path The file
 * @throws {Error} If it cannot
 */
export function checkDirect(path: string): void {
  try {
    closeSync(openSync(path, constants.O_RDONLY | constants.O_DIRECT));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EINVAL") throw error;
    throw new Error(`This file system has no O_DIRECT, use --cached: ${path}`);
  }
}

/** Brings the file to the page cache. */
export function warmCache(path: string, size: number): void {
  const chunk = new Uint8Array(CHUNK);
  const fd = openSync(path, "r");
  for (let at = 0; at < size; at += CHUNK) readSync(fd, chunk, 0, CHUNK, at);
  closeSync(fd);
}

/** The magic numbers of statfs(2). */
const FILE_SYSTEMS: Readonly<Record<number, string>> = {
  0xef53: "ext4",
  0x01021994: "tmpfs",
  0x58465342: "xfs",
  0x9123683e: "btrfs",
  0x794c7630: "overlayfs",
  0xf2f52010: "f2fs",
  0x2fc12fc1: "zfs",
};

function fileSystemOf(path: string): string {
  const { type } = statfsSync(path);
  return FILE_SYSTEMS[type] ?? `file system 0x${type.toString(16)}`;
}
