/**
 * File descriptors: those of `node:fs`, and the kernel's own.
 *
 * @module
 */
import { constants, fstatSync, readFileSync, readvSync, type Stats, writevSync } from "node:fs";
import { isatty } from "node:tty";
import { POLLIN, POLLOUT, POLLRDNORM, POLLWRNORM } from "../abi/poll.ts";
import type { Disk } from "./disk.ts";
import { type PortableFile, retryAfter, WaitQueue } from "./file.ts";
import { EIOCBQUEUED, EIOCBRETRY, type Kiocb } from "./kiocb.ts";

const { O_RDONLY } = constants;

/** No descriptor of a system is as high. */
const FIRST_OWN = 0x40000000;
const NOTHING: readonly Uint8Array[] = [new Uint8Array(0)];
const O_ACCMODE = 3;
/** What is always ready; see DEFAULT_POLLMASK. */
const READY = POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;

type Kind = "file" | "device" | "stream" | "directory";

/**
 * The right to write at the end of a file, which has to be found first: two at a time would find
 * the same. One for all files, as `RWF_APPEND` is rare.
 */
class AppendTurn {
  readonly #waiting = new WaitQueue();
  #holder: Kiocb | undefined;

  /** 0 if `request` may write; else it runs again when it may. */
  take(request: Kiocb): number {
    if (this.#holder !== undefined && this.#holder !== request) {
      return retryAfter(request, (waiter) => this.#waiting.add(waiter), -EIOCBRETRY);
    }
    this.#holder = request;
    return 0;
  }

  /** `request` is over. */
  give(request: Kiocb): void {
    if (this.#holder !== request) return;
    this.#holder = undefined;
    this.#waiting.wake();
  }
}

/** A file of `node:fs`. Its work is done by the disk. */
class SystemFile implements PortableFile {
  readonly readable: boolean;
  readonly positional: boolean;
  readonly resumesReads: boolean;
  readonly writesWhole = false;
  readonly syncs: boolean;
  readonly read?: (request: Kiocb) => number;
  readonly write?: (request: Kiocb) => number;
  readonly sync?: (request: Kiocb) => number;
  readonly poll?: () => number;
  /** Requests in flight. */
  users = 0;
  /** Asked when the first write wants to know: to find out takes long, and most only read. */
  readonly #isWritable: () => boolean;
  #writable: boolean | undefined;

  constructor(
    kind: Kind,
    readable: boolean,
    writable: () => boolean,
    disk: Disk,
    appendTurn: AppendTurn,
  ) {
    const queue = (request: Kiocb) => {
      const errno = request.append ? appendTurn.take(request) : 0;
      if (errno !== 0) return errno;
      disk.queue(request);
      return -EIOCBQUEUED;
    };
    this.readable = readable;
    this.#isWritable = writable;
    this.positional = this.resumesReads = kind === "file" || kind === "device";
    this.syncs = kind === "file" || kind === "directory";
    if (kind !== "directory") this.read = this.write = queue;
    if (this.syncs) this.sync = queue;
    // What never makes one wait is always ready. Of a stream node:fs cannot tell
    if (kind !== "stream") this.poll = () => READY;
  }

  /** See {@link PortableFile.writable}. */
  get writable(): boolean {
    return this.#writable ??= this.#isWritable();
  }
}

/** Finds the file of a descriptor. */
export class Files {
  readonly #disk: Disk;
  readonly #appendTurn = new AppendTurn();
  readonly #fdinfo: boolean;
  readonly #own = new Map<number, PortableFile>();
  #nextOwn = FIRST_OWN;
  /** What was found out in the io_submit that is under way. */
  readonly #found = new Map<number, PortableFile | undefined>();
  /** Descriptors with requests in flight: they stay what they are until these are over. */
  readonly #inUse = new Map<number, SystemFile>();

  /** @param fdinfo Whether /proc may be read to find out how a descriptor was opened */
  constructor(disk: Disk, fdinfo: boolean) {
    this.#disk = disk;
    this.#fdinfo = fdinfo;
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
    if (this.#found.size > 0) this.#found.clear();
  }

  /** A request begins: nobody may close its descriptor before it is over. */
  hold({ fd, file }: Kiocb): void {
    if (file instanceof SystemFile && file.users++ === 0) this.#inUse.set(fd, file);
  }

  /** The request is over. */
  release(request: Kiocb): void {
    const { fd, file } = request;
    if (!(file instanceof SystemFile)) return;
    if (--file.users === 0) this.#inUse.delete(fd);
    if (request.append) this.#appendTurn.give(request);
  }

  /** The file of a descriptor; `undefined` if there is none: EBADF. */
  get(fd: number): PortableFile | undefined {
    const known = this.#inUse.get(fd) ?? this.#own.get(fd);
    if (known !== undefined) return known;
    if (this.#found.has(fd)) return this.#found.get(fd);
    const file = this.#look(fd);
    this.#found.set(fd, file);
    return file;
  }

  #look(fd: number): PortableFile | undefined {
    if (fd > 0x7fffffff) return undefined;
    let stats: Stats;
    try {
      stats = fstatSync(fd);
    } catch {
      return undefined;
    }
    const readable = attempt(() => readvSync(fd, NOTHING)) !== "EBADF";
    // A directory never is, and what the runtimes say of a write to one differs
    const writable = () => !stats.isDirectory() && isWritable(fd, this.#fdinfo);
    // O_PATH: a place in the tree, and no file
    if (!readable && !writable()) return undefined;
    return new SystemFile(kindOf(fd, stats), readable, writable, this.#disk, this.#appendTurn);
  }
}

function kindOf(fd: number, stats: Stats): Kind {
  if (stats.isFile()) return "file";
  if (stats.isDirectory()) return "directory";
  if (stats.isFIFO() || stats.isSocket() || isatty(fd)) return "stream";
  return stats.isCharacterDevice() ? "device" : "file";
}

/**
 * Whether the runtime was seen to ask the system for a write of nothing, which an open file refused.
 * Some return before.
 */
let passesEmptyWrites = false;

function isWritable(fd: number, fdinfo: boolean): boolean {
  if (attempt(() => writevSync(fd, NOTHING)) === "EBADF") {
    passesEmptyWrites = true;
    return false;
  }
  if (passesEmptyWrites || !fdinfo) return true;
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
