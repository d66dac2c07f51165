/**
 * What all operations on an open file share.
 *
 * @module
 */
import { EBADF, EINVAL, EISDIR } from "../abi/errno.ts";
import { requestError, TRANSFERS } from "../context/completion.ts";
import type { Core } from "../context/core.ts";
import type { Pump } from "../context/pump.ts";
import { blankRequest, type Request, type Sink } from "../context/request.ts";
import { AioError } from "../error.ts";
import type { Address, DirectAlignment } from "../kernel.ts";
import type { RangeLock } from "./range_lock.ts";

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
  /** Set when closing begins: nothing new is started. */
  closed = false;
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
    this.#request = blankRequest(state.fd);
  }

  /** Throws what keeps an operation from being started at all. */
  check(syscall: "read" | "write" | "fsync" | "ftruncate" | "fstat"): void {
    if (this.closed) this.#refuse(EBADF, syscall, "the file is closed");
    if (this.core.closing) {
      throw new Error(`Cannot ${syscall} '${this.path}': its context is closed`);
    }
    if (syscall === "read" && this.isDirectory) this.#refuse(EISDIR, syscall);
    if (syscall === "read" && !this.readable) {
      this.#refuse(EBADF, syscall, "the file is not open for reading");
    }
    if (syscall === "write" && !this.writable) {
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
   * Queues a request on memory that the sink keeps pinned.
   *
   * @returns A ticket
   */
  queue(opcode: number, address: Address, length: number, position: number, sink: Sink): number {
    const request = this.#request;
    request.opcode = opcode;
    request.address = address;
    request.length = length;
    request.position = position;
    request.sink = sink;
    return this.core.queue(request);
  }

  /** The error of a request of this file. */
  error(errno: number, opcode: number, position: number, length: number): AioError {
    const { fd, path } = this;
    const hint = errno === -EINVAL && !this.direct && TRANSFERS.has(opcode)
      ? "asynchronous I/O does not work on this file; use node:fs"
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
