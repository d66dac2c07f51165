/**
 * File descriptors: those of `node:fs`, and the kernel's own.
 *
 * @module
 */
import { constants, fstatSync, readFileSync, readvSync, type Stats, writevSync } from "node:fs";
import { isatty } from "node:tty";
import { POLLIN, POLLOUT } from "../abi/poll.ts";
import type { Disk } from "./disk.ts";
import type { PortableFile } from "./file.ts";
import { EIOCBQUEUED, type Kiocb } from "./kiocb.ts";

const { O_RDONLY } = constants;

/** No descriptor of a system is as high. */
const FIRST_OWN = 0x40000000;
const NOTHING: readonly Uint8Array[] = [new Uint8Array(0)];
const O_ACCMODE = 3;
/** No process has as many. */
const NO_DESCRIPTOR = 0x3fffffff;

type Kind = "file" | "stream" | "directory";

/** A file of `node:fs`. Its work is done by the disk. */
class SystemFile implements PortableFile {
  readonly readable: boolean;
  readonly writable: boolean;
  readonly positional: boolean;
  readonly resumesReads: boolean;
  readonly writesWhole = false;
  readonly syncs: boolean;
  readonly read?: (request: Kiocb) => number;
  readonly write?: (request: Kiocb) => number;
  readonly sync?: (request: Kiocb) => number;
  readonly poll?: () => number;

  constructor(kind: Kind, readable: boolean, writable: boolean, disk: Disk) {
    const queue = (request: Kiocb) => {
      disk.queue(request);
      return -EIOCBQUEUED;
    };
    this.readable = readable;
    this.writable = writable;
    this.positional = this.resumesReads = kind === "file";
    this.syncs = kind !== "stream";
    if (kind !== "directory") this.read = this.write = queue;
    if (this.syncs) {
      this.sync = queue;
      // What never makes one wait is always ready. Of a stream node:fs cannot tell
      this.poll = () => POLLIN | POLLOUT;
    }
  }
}

/** Finds the file of a descriptor. */
export class Files {
  readonly #disk: Disk;
  readonly #own = new Map<number, PortableFile>();
  #nextOwn = FIRST_OWN;
  /** What was found out in the io_submit that is under way. */
  readonly #found = new Map<number, PortableFile | undefined>();
  /** Descriptors that were regular files when they were last looked at. */
  readonly #regular = new Set<number>();

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  /** Gives a file of the kernel's own a descriptor. */
  add(file: PortableFile): number {
    this.#own.set(this.#nextOwn, file);
    return this.#nextOwn++;
  }

  /** Closes a descriptor of the kernel's own. */
  close(fd: number): void {
    this.#own.delete(fd);
  }

  /** An io_submit begins: descriptors may have been closed and opened since the last. */
  begin(): void {
    this.#found.clear();
  }

  /** The file of a descriptor; `undefined` if there is none: EBADF. */
  get(fd: number): PortableFile | undefined {
    const own = this.#own.get(fd);
    if (own !== undefined) return own;
    if (this.#found.has(fd)) return this.#found.get(fd);
    const file = this.#look(fd);
    this.#found.set(fd, file);
    return file;
  }

  #look(fd: number): PortableFile | undefined {
    if (fd > 0x7fffffff) return undefined;
    const read = attempt(() => readvSync(fd, NOTHING));
    // Open for writing only, or not at all
    if (read === "EBADF") this.#regular.delete(fd);
    if (read === "" && this.#regular.has(fd)) {
      return new SystemFile("file", true, isWritable(fd), this.#disk);
    }
    let stats: Stats;
    try {
      stats = fstatSync(fd);
    } catch {
      return undefined;
    }
    const kind = kindOf(fd, stats);
    if (stats.isFile()) this.#regular.add(fd);
    else this.#regular.delete(fd);
    return new SystemFile(kind, read !== "EBADF", isWritable(fd), this.#disk);
  }
}

function kindOf(fd: number, stats: Stats): Kind {
  if (stats.isDirectory()) return "directory";
  if (stats.isFIFO() || stats.isSocket() || isatty(fd)) return "stream";
  return "file";
}

/** Whether the runtime asks the system for a write of nothing; some return before. */
let passesEmptyWrites: boolean | undefined;

function isWritable(fd: number): boolean {
  passesEmptyWrites ??= attempt(() => writevSync(NO_DESCRIPTOR, NOTHING)) === "EBADF";
  if (passesEmptyWrites) return attempt(() => writevSync(fd, NOTHING)) !== "EBADF";
  try {
    const flags = /^flags:\s*0?([0-7]+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"));
    return flags === null || (parseInt(flags[1]!, 8) & O_ACCMODE) !== O_RDONLY;
  } catch {
    // Then the write itself will tell, as the result of its request
    return true;
  }
}

function attempt(action: () => void): string {
  try {
    action();
    return "";
  } catch (error) {
    return (error as { code?: string }).code ?? "EIO";
  }
}
