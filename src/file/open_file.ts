/**
 * What all operations on an open file share.
 *
 * @module
 */
import { EBADF, EINVAL, EISDIR } from "../abi/errno.ts";
import { IOCB_CMD_PREAD, IOCB_CMD_PWRITE } from "../abi/opcodes.ts";
import { requestError, TRANSFERS } from "../errors/request_error.ts";
import type { Core } from "../context/core.ts";
import type { Pump } from "../context/pump.ts";
import { blankRequest, type Request, type Sink } from "../context/request.ts";
import { AioError } from "../errors/aio_error.ts";
import type { Address, DirectAlignment } from "../kernel.ts";
import type { Piece } from "../memory/slab.ts";
import { Detour } from "./detour.ts";
import { Misses } from "./misses.ts";
import type { RangeLock } from "./range_lock.ts";
import { type Way, waysOf } from "./way.ts";
import { WriteRuns } from "./write_runs.ts";

/** What `open` found out. */
export interface OpenFileState {
  fd: number;
  path: string;
  core: Core;
  pump: Pump;
  /** Whether it was opened with O_DIRECT. */
  direct: boolean;
  /** What requests must be aligned to: 1 each where it was not. */
  alignment: DirectAlignment;
  /** Whether it was opened for reading. */
  readable: boolean;
  /** Whether it was opened for writing. */
  writable: boolean;
  /** Whether writes go to the end, whatever their position. */
  append: boolean;
  isDirectory: boolean;
  /** Whether it has a length that can be cut. */
  isRegular: boolean;
  /** Whether it has neither positions nor an end: a pipe, a socket, a terminal. */
  isStream: boolean;
  /** Held by writes against each other. */
  lock: RangeLock;
  /** See {@link OpenFile.buffered}. */
  buffered?: OpenFile | undefined;
}

/** A file descriptor with what belongs to it; counts what is under way, so that closing can wait. */
export class OpenFile {
  readonly fd: number;
  readonly path: string;
  readonly core: Core;
  readonly pump: Pump;
  readonly direct: boolean;
  readonly alignment: DirectAlignment;
  readonly readable: boolean;
  readonly writable: boolean;
  readonly append: boolean;
  readonly isDirectory: boolean;
  readonly isRegular: boolean;
  readonly isStream: boolean;
  readonly lock: RangeLock;
  /**
   * The same file without O_DIRECT, to write the bytes behind its last whole block. There for every
   * regular file that is opened with O_DIRECT to be written; a descriptor of its own.
   */
  readonly buffered: OpenFile | undefined;
  /** Reads that the page cache did not have. */
  readonly misses: Misses = new Misses();
  /** Writes that other threads make. */
  readonly writes: WriteRuns = new WriteRuns(this);
  /** Set when closing begins: nothing new is started. */
  closed = false;
  #reads: Way;
  #writes: Way;
  /** How O_DIRECT reads what the page cache may have yet to write. */
  #cachedReads: Way = "prompt";
  #cachedStart = 0;
  #cachedEnd = 0;
  #underWay = 0;
  #drained: (() => void) | undefined;
  /** Filled anew for each request; the core copies it. */
  readonly #request: Request;

  constructor(state: OpenFileState) {
    this.fd = state.fd;
    this.path = state.path;
    this.core = state.core;
    this.pump = state.pump;
    this.direct = state.direct;
    this.alignment = state.alignment;
    this.readable = state.readable;
    this.writable = state.writable;
    this.append = state.append;
    this.isDirectory = state.isDirectory;
    this.isRegular = state.isRegular;
    this.isStream = state.isStream;
    this.lock = state.lock;
    this.buffered = state.buffered;
    const { reads, writes } = waysOf(state.core.kernel, state);
    this.#reads = reads;
    this.#writes = writes;
    this.#request = blankRequest(state.fd);
  }

  /** All that are to be closed in the end. */
  get descriptors(): readonly number[] {
    return this.buffered === undefined ? [this.fd] : [this.buffered.fd, this.fd];
  }

  /** Throws what keeps an operation from being started at all. */
  check(syscall: "read" | "write" | "fsync" | "ftruncate" | "fallocate" | "fstat"): void {
    if (this.closed) this.#refuse(EBADF, syscall, "the file is closed");
    if (this.core.closing) {
      throw new Error(`Cannot ${syscall} '${this.path}': its context is closed`);
    }
    if (syscall === "read" && this.isDirectory) this.#refuse(EISDIR, syscall);
    if (syscall === "read" && !this.readable) {
      this.#refuse(EBADF, syscall, "the file is not open for reading");
    }
    if ((syscall === "write" || syscall === "fallocate") && !this.writable) {
      this.#refuse(EBADF, syscall, "the file is not open for writing");
    }
  }

  /** Throws if the context is closed, or about to be. */
  checkContext(syscall: string): void {
    if (!this.core.closing) return;
    throw new Error(`Cannot ${syscall} '${this.path}': its context is closed`);
  }

  #refuse(errno: number, syscall: string, hint?: string): never {
    throw new AioError(-errno, syscall, { path: this.path, fd: this.fd, hint });
  }

  /**
   * Begins a request on memory that the sink keeps pinned.
   *
   * @param opcode IOCB_CMD_*
   * @param piece The memory
   * @param offset Where in it
   * @param length Bytes; of a poll the mask
   * @param position In the file
   * @param sink Is told the result, never before this returns
   * @param rwFlags RWF_*
   * @returns A ticket; 0 for what does not go to the kernel, and cannot be cancelled
   */
  queue(
    opcode: number,
    piece: Piece,
    offset: number,
    length: number,
    position: number,
    sink: Sink,
    rwFlags = 0,
  ): number {
    const way = this.#wayOf(opcode, position, length);
    if (way === "kernel" || way === "copied") {
      const copied = way === "copied" ? length : 0;
      return this.send(opcode, piece.address + offset, length, position, sink, rwFlags, copied);
    }
    const detour = Detour.of(this, opcode, piece, offset, length, position, rwFlags, sink);
    if (way === "prompt") return detour.attempt();
    detour.goElsewhere();
    return 0;
  }

  #wayOf(opcode: number, position: number, length: number): Way {
    if (opcode === IOCB_CMD_PWRITE) return this.#writes;
    if (opcode !== IOCB_CMD_PREAD) return "kernel";
    const cached = position < this.#cachedEnd && position + length > this.#cachedStart;
    return cached ? this.#cachedReads : this.#reads;
  }

  /**
   * The page cache is about to get these bytes. A read with O_DIRECT makes it write them, and would
   * wait for that in io_submit. One range is remembered: what is written next begins with a read of
   * it, or lies elsewhere.
   */
  writesCached(start: number, end: number): void {
    // Elsewhere io_submit does not wait for a disk
    if (this.buffered === undefined || this.buffered.#writes !== "threads") return;
    this.#cachedStart = start;
    this.#cachedEnd = end;
  }

  /** Queues a request for the kernel; of its bytes io_submit copies `copied`. */
  send(
    opcode: number,
    address: Address,
    length: number,
    position: number,
    sink: Sink,
    rwFlags: number,
    copied: number,
  ): number {
    const request = this.#request;
    request.opcode = opcode;
    request.address = address;
    request.length = length;
    request.position = position;
    request.sink = sink;
    request.rwFlags = rwFlags;
    request.copied = copied;
    return this.core.queue(request);
  }

  /** The kernel cannot do without waiting what this opcode asks of the file. */
  waitsAlways(opcode: number): void {
    if (opcode !== IOCB_CMD_PREAD) this.#writes = "threads";
    else if (this.direct) this.#cachedReads = "threads";
    else this.#reads = "threads";
  }

  /** The error of a request of this file. */
  error(errno: number, opcode: number, position: number, length: number): AioError {
    const { fd, path } = this;
    const hint = errno === -EINVAL && !this.direct && TRANSFERS.has(opcode)
      ? "the file does not support it"
      : undefined;
    const where = TRANSFERS.has(opcode) ? { position, length } : {};
    return requestError(this.core.kernel, errno, opcode, { fd, path, hint, ...where });
  }

  /** An operation begins; to be matched by {@link OpenFile.leave}. */
  enter(): void {
    this.#underWay++;
    this.core.operations++;
  }

  /** An operation is over. */
  leave(): void {
    this.core.operations--;
    this.core.operationOver?.();
    this.letClose();
  }

  /**
   * Something begins that waits for the user's code between its operations. Closing the file waits
   * for it, closing the context does not: it could be for ever. To be matched by `letClose`.
   */
  keepOpen(): void {
    this.#underWay++;
  }

  /** See {@link OpenFile.keepOpen}. */
  letClose(): void {
    if (--this.#underWay === 0) this.#drained?.();
  }

  /** Resolves when no operation is under way. Requests that are queued must not outlive the fd. */
  drained(): Promise<void> {
    if (this.#underWay === 0) return Promise.resolve();
    return new Promise((resolve) => this.#drained = resolve);
  }
}
