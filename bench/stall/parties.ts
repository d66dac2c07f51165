import { close, fsync, open as openFd, read, write } from "node:fs";
import { open as openHandle } from "node:fs/promises";
import { promisify } from "node:util";
import { open } from "../../mod.ts";

/** What the loads use of kaio's files and of those of `node:fs/promises`. */
export interface StallFile {
  read(buffer: Uint8Array, offset: number, length: number, position: number): Promise<unknown>;
  write(buffer: Uint8Array, offset: number, length: number, position: number): Promise<unknown>;
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
  { name: "kaio", direct: false, open },
  { name: "kaio-direct", direct: true, open: (path, flags) => open(path, flags, { direct: true }) },
  { name: "fs-callback", direct: false, open: openCallbacks },
  { name: "fs-handle", direct: false, open: openHandle },
];

async function openCallbacks(path: string, flags: string): Promise<StallFile> {
  const fd = await promisify(openFd)(path, flags);
  type Settle = (error: Error | null) => void;
  const promise = (begin: (settle: Settle) => void): Promise<void> =>
    new Promise((resolve, reject) => begin((error) => error === null ? resolve() : reject(error)));
  return {
    read: (buffer, offset, length, position) =>
      promise((settle) => read(fd, buffer, offset, length, position, settle)),
    write: (buffer, offset, length, position) =>
      promise((settle) => write(fd, buffer, offset, length, position, settle)),
    sync: () => promisify(fsync)(fd),
    close: () => promisify(close)(fd),
  };
}
