/**
 * The file that is read or written.
 *
 * @module
 */
import { execFileSync } from "node:child_process";
import { closeSync, constants, existsSync, mkdtempSync, openSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { BLOCK, makeBlocks } from "../blocks.ts";
import type { Options } from "./options.ts";

/** A file to work on. */
export interface TestFile {
  readonly path: string;
  /** Its size in bytes: whole blocks. */
  readonly size: number;
  /** Whether each block begins with its number. */
  readonly stamped: boolean;
  /** The file system that it lies on. */
  readonly fileSystem: string;
  /** Removes what was made. */
  remove(): void;
}

/**
 * Finds or makes the file.
 *
 * @param options What is asked for
 * @returns The file
 * @throws {Error} If it would have to be overwritten, or is too small
 */
export function findFile(options: Options): TestFile {
  const { file, size, tmpfs, write } = options;
  if (file === undefined) {
    const folder = mkdtempSync(join(tmpfs ? "/dev/shm" : tmpdir(), "kaio-bench-"));
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

/** Makes a file, and removes `removed` at the end. */
function make(path: string, size: number, removed: string): TestFile {
  makeBlocks(path, size);
  const remove = (): void => rmSync(removed, { recursive: true, force: true });
  return { path, size, stamped: true, fileSystem: fileSystemOf(dirname(path)), remove };
}

/**
 * Makes sure that the file can be read past the page cache.
 *
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

function fileSystemOf(path: string): string {
  return execFileSync("df", ["--output=fstype", path], { encoding: "utf8" }).split("\n")[1]!;
}
