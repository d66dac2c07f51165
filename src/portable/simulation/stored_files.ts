/**
 * The files of a simulated disk.
 *
 * @module
 */
import { fstatSync } from "node:fs";
import { StoredFile } from "./stored_file.ts";

/** Finds the file of a descriptor; all descriptors of a file share what is known of it. */
export class StoredFiles {
  readonly #files = new Map<string, StoredFile>();

  /** The file with a key; `undefined` if the descriptor had none. */
  of(key: string | undefined): StoredFile | undefined {
    if (key === undefined) return undefined;
    let file = this.#files.get(key);
    if (file === undefined) this.#files.set(key, file = new StoredFile(this.#files.size + 1, key));
    return file;
  }

  /** Whether a descriptor is still one of this file. */
  isOf(fd: number, file: StoredFile): boolean {
    return keyOf(fd) === file.key;
  }

  /** In the order in which they were first used. */
  all(): Iterable<StoredFile> {
    return this.#files.values();
  }
}

/** What identifies the file of a descriptor; `undefined` if it is closed. */
export function keyOf(fd: number): string | undefined {
  try {
    const { dev, ino } = fstatSync(fd, { bigint: true });
    return `${dev}:${ino}`;
  } catch {
    return undefined;
  }
}
