/**
 * The file that is read or written.
 *
 * @module
 */
import { execFileSync } from "node:child_process";
import { closeSync, constants, existsSync, openSync, rmSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import process from "node:process";
import { DISK, TempFolder } from "../../tests/support/temp.ts";
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
}

/**
 * Finds the file, or makes it for as long as this process runs.
 *
 * @param options What is asked for
 * @returns The file
 * @throws {Error} If it would have to be overwritten, or is too small
 */
export function findFile({ file, size, tmpfs, write }: Options): TestFile {
  if (file === undefined || !existsSync(file)) {
    const folder = file ?? new TempFolder(tmpfs ? "/dev/shm" : DISK).path;
    process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
    const path = file ?? join(folder, "blocks");
    makeBlocks(path, size);
    return { path: resolve(path), size, stamped: true, fileSystem: fileSystemOf(path) };
  }
  if (write) throw new Error(`Cannot write to a file that is there already: ${file}`);
  const stat = statSync(file);
  const whole = stat.isFile() ? stat.size : size;
  const usable = whole - whole % BLOCK;
  if (usable === 0) throw new Error(`Cannot read a file of less than ${BLOCK} bytes: ${file}`);
  const fileSystem = stat.isFile() ? fileSystemOf(file) : "device";
  return { path: resolve(file), size: usable, stamped: false, fileSystem };
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
