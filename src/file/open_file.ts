/**
 * What all operations on an open file share.
 *
 * @module
 */
import { EBADF, EINVAL, EISDIR } from "../abi/errno.ts";
import type { Core } from "../context/core.ts";
import type { EventLoop } from "../context/event_loop.ts";
import { AioError } from "../errors/aio_error.ts";
import { requestError, TRANSFERS } from "../errors/request_error.ts";
import type { DirectAlignment } from "../file_host.ts";
import type { RoutedFile } from "../route/route.ts";
import { Router } from "../route/router.ts";
import { CURRENT_POSITION } from "../route/transfer.ts";
import { Cursor } from "./cursor.ts";
import { type FileKind, kindOf } from "./file_kind.ts";
import { type RangeLock, rangeLockOf } from "./range_lock.ts";

/** What `open` found out. */
export type OpenFileState =
  & Omit<RoutedFile, "isStream" | "isRegular" | "hasCache">
  & Pick<OpenFile, "path" | "readable" | "writable" | "buffered">;

/** A file descriptor with what belongs to it; counts what is under way, so that closing can wait. */
export class OpenFile implements RoutedFile {
  readonly fd: number;
  readonly path: string;
  readonly core: Core;
  readonly loop: EventLoop;
  readonly direct: boolean;
  readonly wantsAlignedMemory: boolean;
  /** What requests must be aligned to: 1 each where it was not opened with `direct`. */
  readonly alignment: DirectAlignment;
  /** Whether it was opened for reading. */
  readonly readable: boolean;
  /** Whether it was opened for writing. */
  readonly writable: boolean;
  readonly append: boolean;
  /**
   * The same file without O_DIRECT, to write the bytes behind its last whole block. Present for
   * every regular file that is opened with O_DIRECT to be written; a descriptor of its own.
   */
  readonly buffered: OpenFile | undefined;
  /** Who does its transfers. */
  readonly router: Router;
  /** Its current position. */
  readonly cursor: Cursor;
  /** Set when closing begins: nothing new is started. */
  closed = false;
  #kind: FileKind | undefined = undefined;
  // What each read asks of it, without a look at another object.
  #isDirectory = false;
  #isStream = false;
  #lock: RangeLock | undefined = undefined;
  #underWay = 0;
  #drained: (() => void) | undefined = undefined;

  constructor(state: OpenFileState) {
    this.fd = state.fd;
    this.path = state.path;
    this.core = state.core;
    this.loop = state.loop;
    this.direct = state.direct;
    this.wantsAlignedMemory = state.wantsAlignedMemory;
    this.alignment = state.alignment;
    this.readable = state.readable;
    this.writable = state.writable;
    this.append = state.append;
    this.buffered = state.buffered;
    this.router = new Router(this);
    this.cursor = new Cursor(this);
  }

  /** Whether {@link OpenFile.kind} was asked for by the operation that began last. */
  isKindNew = false;

  /**
   * What kind of file it is: asked for at the first use, as whoever opens many files to read little
   * of each has no time to lose. What may change, such as the size, is what it was then.
   *
   * @throws {AioError} If fstat(2) fails
   */
  get kind(): FileKind {
    return this.#kind ?? this.#look();
  }

  #look(): FileKind {
    const kind = this.#kind = kindOf(this.fd, this.path);
    this.#isDirectory = kind.isDirectory;
    this.#isStream = kind.isStream;
    return kind;
  }

  /** Whether it has neither positions nor an end: a pipe, a socket, a terminal. */
  get isStream(): boolean {
    if (this.#kind === undefined) this.#look();
    return this.#isStream;
  }

  /** Whether it has a length that can be cut. */
  get isRegular(): boolean {
    return this.kind.isRegular;
  }

  /** Whether the page cache has its bytes: those of regular files and block devices. */
  get hasCache(): boolean {
    return this.kind.hasCache;
  }

  /** Held by writes to the file against each other, whoever opened it in this thread. */
  get lock(): RangeLock {
    return this.#lock ??= rangeLockOf(this.core.files.process, this.kind.device, this.kind.inode);
  }

  /** Throws what keeps an operation from being started at all. */
  check(syscall: "read" | "write" | "fsync" | "ftruncate" | "fallocate" | "fstat"): void {
    if (this.closed) this.#refuse(EBADF, syscall, "the file is closed");
    if (this.core.submission.closing) this.checkContext(syscall);
    this.isKindNew = this.#kind === undefined;
    if (this.isKindNew) this.#look();
    if (syscall === "read" && this.#isDirectory) this.#refuse(EISDIR, syscall);
    if (syscall === "read" && !this.readable) {
      this.#refuse(EBADF, syscall, "the file is not open for reading");
    }
    if ((syscall === "write" || syscall === "fallocate") && !this.writable) {
      this.#refuse(EBADF, syscall, "the file is not open for writing");
    }
  }

  /** Throws if the context is closed, or about to be. */
  checkContext(syscall: string): void {
    if (!this.core.submission.closing) return;
    throw new Error(`Cannot ${syscall} '${this.path}': its context is closed`);
  }

  #refuse(errno: number, syscall: string, hint?: string): never {
    throw new AioError(-errno, syscall, { path: this.path, fd: this.fd, hint });
  }

  /** The error of a request of this file. */
  error(errno: number, opcode: number, position: number, length: number): AioError {
    const { fd, path } = this;
    const isTransfer = TRANSFERS.has(opcode);
    const hint = errno === -EINVAL && !this.direct && isTransfer
      ? "the file does not support it"
      : undefined;
    const where = position === CURRENT_POSITION
      ? { length }
      : isTransfer
      ? { position, length }
      : {};
    return requestError(this.core.files, errno, opcode, { fd, path, hint, ...where });
  }

  /** An operation begins; {@link OpenFile.leave} is to follow. */
  enter(): void {
    this.#underWay++;
    this.core.operations++;
  }

  /** An operation is over. */
  leave(): void {
    const { core } = this;
    core.operations--;
    core.operationOver?.();
    if (--this.#underWay === 0) this.#drained?.();
  }

  /** Keeps the file and its context open until an operation of several steps is over. */
  async during<R>(operation: () => Promise<R>): Promise<R> {
    this.enter();
    try {
      return await operation();
    } finally {
      this.leave();
    }
  }

  /**
   * Something begins that waits for the user's code between its operations. Closing the file waits
   * for it. Closing the context does not, as it could wait for ever. To be matched by `letClose`.
   */
  keepOpen(): void {
    this.#underWay++;
  }

  /** See {@link OpenFile.keepOpen}. */
  letClose(): void {
    if (--this.#underWay === 0) this.#drained?.();
  }

  /** Whether an operation is under way. */
  get isBusy(): boolean {
    return this.#underWay > 0;
  }

  /** Resolves when no operation is under way. Requests that are queued must not outlive the fd. */
  drained(): Promise<void> {
    if (this.#underWay === 0 || this.core.files.isOver) return Promise.resolve();
    return new Promise((resolve) => this.#drained = resolve);
  }
}
