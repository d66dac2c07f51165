import { close, constants, fsync, open as openFd, read, write } from "node:fs";
import { open as openHandle } from "node:fs/promises";
import { promisify } from "node:util";
import { open } from "../../mod.ts";

/** A file, as the loads use it. */
export interface StallFile {
  /** Reads to fill the buffer. */
  read(buffer: Uint8Array, position: number): Promise<unknown>;
  /** Writes the buffer. */
  write(buffer: Uint8Array, position: number): Promise<unknown>;
  /** Makes what was written last. */
  sync(): Promise<unknown>;
  /** Closes it. */
  close(): Promise<unknown>;
}

/** One who takes part. */
export interface Party {
  /** What the table and `--who` call it. */
  readonly name: string;
  /** Whether it passes the page cache by. */
  readonly direct: boolean;
  /** Opens a file, to read it or to make it. */
  open(path: string, flags: "r" | "w+"): Promise<StallFile>;
}

/** All who take part, in the order of the table. */
export const PARTIES: readonly Party[] = [
  { name: "kaio", direct: false, open: (path, flags) => openKaio(path, flags, false) },
  { name: "kaio-direct", direct: true, open: (path, flags) => openKaio(path, flags, true) },
  { name: "fs-callback", direct: false, open: openCallbacks },
  { name: "fs-handle", direct: false, open: openOwnHandle },
];

async function openKaio(path: string, flags: string, direct: boolean): Promise<StallFile> {
  const file = await open(path, flags, { direct });
  return {
    read: (buffer, position) => file.read(buffer, 0, buffer.length, position),
    write: (buffer, position) => file.write(buffer, 0, buffer.length, position),
    sync: () => file.sync(),
    close: () => file.close(),
  };
}

async function openCallbacks(path: string, flags: "r" | "w+"): Promise<StallFile> {
  const { O_RDONLY, O_RDWR, O_CREAT, O_TRUNC } = constants;
  const fd = await promisify(openFd)(path, flags === "r" ? O_RDONLY : O_RDWR | O_CREAT | O_TRUNC);
  const moved = (
    call: typeof read | typeof write,
    buffer: Uint8Array,
    position: number,
  ): Promise<unknown> =>
    new Promise<void>((resolve, reject) =>
      (call as typeof write)(
        fd,
        buffer,
        0,
        buffer.length,
        position,
        (error) => error === null ? resolve() : reject(error),
      )
    );
  return {
    read: (buffer, position) => moved(read, buffer, position),
    write: (buffer, position) => moved(write, buffer, position),
    sync: () => promisify(fsync)(fd),
    close: () => promisify(close)(fd),
  };
}

async function openOwnHandle(path: string, flags: "r" | "w+"): Promise<StallFile> {
  const handle = await openHandle(path, flags);
  return {
    read: (buffer, position) => handle.read(buffer, 0, buffer.length, position),
    write: (buffer, position) => handle.write(buffer, 0, buffer.length, position),
    sync: () => handle.sync(),
    close: () => handle.close(),
  };
}
