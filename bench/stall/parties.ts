import { close, fsync, open as openFd, read, write } from "node:fs";
import { open as openHandle } from "node:fs/promises";
import { promisify } from "node:util";
import { open } from "../../mod.ts";
import type { Handle } from "../handle.ts";

/** A file, as the loads use it. */
export interface StallFile {
  /** Reads to fill the buffer. */
  read(buffer: Uint8Array, position: number): Promise<unknown>;
  /** Writes the buffer. */
  write(buffer: Uint8Array, position: number): Promise<unknown>;
  /** Flushes what was written to the disk. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** One who takes part. */
export interface Party {
  /** What the table and `--who` call it. */
  readonly name: string;
  /** Whether it bypasses the page cache. */
  readonly direct: boolean;
  /** Opens a file, to read it or to make it. */
  open(path: string, flags: "r" | "w+"): Promise<StallFile>;
}

/** All who take part, in the order of the table. */
export const PARTIES: readonly Party[] = [
  party("kaio", false, async (path, flags) => overHandle(await open(path, flags))),
  party(
    "kaio-direct",
    true,
    async (path, flags) => overHandle(await open(path, flags, { direct: true })),
  ),
  party("fs-callback", false, openCallbacks),
  party("fs-handle", false, async (path, flags) => overHandle(await openHandle(path, flags))),
];

function party(name: string, direct: boolean, open: Party["open"]): Party {
  return { name, direct, open };
}

function overHandle(handle: Handle): StallFile {
  return {
    read: (buffer, position) => handle.read(buffer, 0, buffer.length, position),
    write: (buffer, position) => handle.write(buffer, 0, buffer.length, position),
    sync: () => handle.sync(),
    close: () => handle.close(),
  };
}

async function openCallbacks(path: string, flags: string): Promise<StallFile> {
  const fd = await promisify(openFd)(path, flags);
  type Settle = (error: Error | null) => void;
  const promise = (begin: (settle: Settle) => void): Promise<void> =>
    new Promise((resolve, reject) => begin((error) => error === null ? resolve() : reject(error)));
  return {
    read: (buffer, at) => promise((settle) => read(fd, buffer, 0, buffer.length, at, settle)),
    write: (buffer, at) => promise((settle) => write(fd, buffer, 0, buffer.length, at, settle)),
    sync: () => promisify(fsync)(fd),
    close: () => promisify(close)(fd),
  };
}
