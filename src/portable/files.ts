/**
 * File descriptors: those of `node:fs`, and the kernel's own.
 *
 * @module
 */
import { fstatSync, readFileSync, readvSync, type Stats, writevSync } from "node:fs";
import { isatty } from "node:tty";
import { isPermitted } from "../../ffi/permission.ts";
import { EBADF } from "../abi/errno.ts";
import { POLLIN, POLLOUT, POLLRDNORM, POLLWRNORM } from "../abi/poll.ts";
import { resultOf } from "../errors/errno_of.ts";
import { type FileIdentity, isSameFile } from "../threads/file_identity.ts";
import type { Disk } from "./disk.ts";
import { EIOCBQUEUED, type PortableFile, WaitQueue } from "./file.ts";
import type { Kiocb } from "./kiocb.ts";

/** No descriptor of an operating system is as high. */
const FIRST_OWN = 0x40000000;
const NOTHING: readonly Uint8Array[] = [new Uint8Array(0)];
const O_RDWR = 2;
const O_PATH = 0o10000000;
/** How a file was opened: the bits of f_mode that `open_flag + 1` gives. */
const FMODE_READ = 1;
const FMODE_WRITE = 2;
/** What a file without a wait queue is ready for; see DEFAULT_POLLMASK. */
const READY = POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;

type Kind = "file" | "device" | "fifo" | "stream" | "directory";

/** A file of `node:fs`, whose work the disk does. */
class SystemFile implements PortableFile {
  readonly identity: FileIdentity;
  readonly readable: boolean;
  readonly positional: boolean;
  readonly resumesReads: boolean;
  readonly writesPages: boolean;
  readonly writesWhole: boolean;
  readonly syncs: boolean;
  readonly read?: (request: Kiocb) => number;
  readonly write?: (request: Kiocb) => number;
  readonly sync?: (request: Kiocb) => number;
  readonly poll?: () => number;
  users = 0;
  readonly #isWritable: () => boolean;
  #writable: boolean | undefined;

  /** @param queue Hands a request to the disk */
  constructor(
    { dev, ino, mode }: FileIdentity,
    kind: Kind,
    readable: boolean,
    writable: () => boolean,
    queue: SystemFile["read"],
  ) {
    this.identity = { dev, ino, mode };
    this.readable = readable;
    this.#isWritable = writable;
    this.positional = this.resumesReads = kind === "file" || kind === "device";
    // A runtime may go on until all is written, and then not say how much was if an error ends that.
    // Of no more than a page a FIFO takes all or nothing.
    this.writesPages = this.writesWhole = kind === "fifo";
    this.syncs = kind === "file" || kind === "directory";
    if (kind !== "directory") this.read = this.write = queue!;
    if (this.syncs) this.sync = queue!;
    // A file that never blocks is always ready. Of a stream node:fs cannot tell.
    if (kind !== "stream" && kind !== "fifo") this.poll = () => READY;
  }

  /** Found out for the first write only: it takes long, and most files are only read. */
  get writable(): boolean {
    return this.#writable ??= this.#isWritable();
  }
}

/** The table of open files. */
export class Files {
  readonly #disk: Disk;
  /** Whether /proc may be read without a question to the person at the terminal. */
  #mayAsk: boolean | undefined;
  readonly #own = new Map<number, PortableFile>();
  #nextOwn = FIRST_OWN;
  /** What this io_submit has found out. */
  readonly #found = new Map<number, PortableFile | number>();
  /** By descriptor, the file that requests in flight were submitted for last. */
  readonly #inUse = new Map<number, PortableFile>();
  /** The write that finds and moves the end of its file; of all files, as RWF_APPEND is rare. */
  #appending: Kiocb | undefined;
  #appendQueue = new WaitQueue();

  /** @param disk Where requests go */
  constructor(disk: Disk) {
    this.#disk = disk;
  }

  /** Hands a request to the disk. Two writes at a time would find the same end of a file. */
  readonly #queue = (request: Kiocb): number => {
    if (request.append) {
      if (this.#appending !== undefined && this.#appending !== request) {
        const res = this.#appendQueue.retryAfter(request);
        // A write that waits for its turn is no request that can be cancelled.
        request.cancel = undefined;
        return res;
      }
      this.#appending = request;
    }
    this.#disk.queue(request);
    return -EIOCBQUEUED;
  };

  /** Gives a descriptor to a file of the kernel's own. */
  add(file: PortableFile): number {
    file.users++;
    this.#own.set(this.#nextOwn, file);
    return this.#nextOwn++;
  }

  /** Closes a descriptor of the kernel's own. */
  close(fd: number): void {
    const file = this.#own.get(fd);
    if (this.#own.delete(fd)) fput(file!);
  }

  /** An io_submit begins: descriptors may have been closed and opened since the last. */
  begin(): void {
    if (this.#found.size > 0) this.#found.clear();
  }

  /** A request begins: it holds its file, whatever becomes of the descriptor. */
  hold({ fd, file }: Kiocb): void {
    if (file.users++ === 0) this.#inUse.set(fd, file);
  }

  /** The request has completed. */
  release(request: Kiocb): void {
    const { fd, file } = request;
    fput(file);
    // The descriptor may belong to another file by now, which has requests of its own.
    if (file.users === 0 && this.#inUse.get(fd) === file) this.#inUse.delete(fd);
    if (this.#appending !== request) return;
    this.#appending = undefined;
    this.#appendQueue.wake();
  }

  /** The power has failed: an append that was in flight does not complete, and none waits for it. */
  crash(): void {
    this.#appending = undefined;
    this.#appendQueue = new WaitQueue();
  }

  /**
   * The file of a descriptor, or `-errno`: -EBADF, or -EAGAIN while the runtime cannot tell, so that
   * the request is submitted again when others have completed.
   */
  get(fd: number): PortableFile | number {
    const known = this.#own.get(fd) ?? this.#found.get(fd);
    if (known !== undefined) return known;
    const file = this.#look(fd);
    this.#found.set(fd, file);
    return file;
  }

  #look(fd: number): PortableFile | number {
    if (fd > 0x7fffffff) return -EBADF;
    let stats: Stats;
    try {
      stats = fstatSync(fd);
    } catch (error) {
      return resultOf(error);
    }
    const known = this.#inUse.get(fd);
    if (known !== undefined && isSameFile(known.identity!, stats)) return known;
    // To others an empty transfer may be a message.
    const asks = stats.isFile() || stats.isDirectory() || stats.isFIFO() || stats.isBlockDevice();
    const flags = asks ? undefined : this.#flags(fd) ?? O_RDWR;
    const readable = flags === undefined ? isReadable(fd) : allows(flags, FMODE_READ);
    // A directory never is writable, and the runtimes differ in the error of a write to it.
    const writable = () =>
      !stats.isDirectory() &&
      (flags === undefined ? this.#isWritable(fd) : allows(flags, FMODE_WRITE));
    // Opened with O_PATH: a place in the tree, and no file. Others can be synced and polled.
    if (!readable && !writable() && ((this.#flags(fd) ?? O_PATH) & O_PATH) !== 0) return -EBADF;
    return new SystemFile(stats, kindOf(fd, stats), readable, writable, this.#queue);
  }

  #isWritable(fd: number): boolean {
    if (attempt(() => writevSync(fd, NOTHING)) === "EBADF") {
      passesEmptyWrites = true;
      return false;
    }
    // Where it cannot be found out, the write itself fails in the result of its request.
    return passesEmptyWrites || allows(this.#flags(fd) ?? O_RDWR, FMODE_WRITE);
  }

  /**
   * The flags that a descriptor was opened with; `undefined` where they cannot be found out. A write
   * to a file that is open for reading then fails in its event, not in io_submit.
   */
  #flags(fd: number): number | undefined {
    this.#mayAsk ??= isPermitted({ name: "read", path: "/proc/self/fdinfo" });
    if (!this.#mayAsk) return undefined;
    try {
      const flags = /^flags:\s*([0-7]+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"));
      return flags === null ? undefined : parseInt(flags[1]!, 8);
    } catch {
      return undefined;
    }
  }
}

/** Whether a descriptor with these flags may be used so. */
function allows(flags: number, mode: typeof FMODE_READ | typeof FMODE_WRITE): boolean {
  return (flags & O_PATH) === 0 && ((flags + 1) & mode) !== 0;
}

/** Counterpart of `fput`. */
function fput(file: PortableFile): void {
  file.users--;
  if (file.users === 0) file.release?.();
}

function kindOf(fd: number, stats: Stats): Kind {
  if (stats.isFile()) return "file";
  if (stats.isDirectory()) return "directory";
  if (stats.isFIFO()) return "fifo";
  if (stats.isSocket() || isatty(fd)) return "stream";
  return stats.isCharacterDevice() ? "device" : "file";
}

/**
 * Whether the runtime has passed an empty write to the system, which refused it. Some runtimes
 * return before.
 */
let passesEmptyWrites = false;

function isReadable(fd: number): boolean {
  return attempt(() => readvSync(fd, NOTHING)) !== "EBADF";
}

function attempt(action: () => void): string {
  try {
    action();
    return "";
  } catch (error) {
    return (error as { code?: string }).code ?? "EIO";
  }
}
