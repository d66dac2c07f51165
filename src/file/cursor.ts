/**
 * The current position of a file, for operations that are given none.
 *
 * @module
 */
import { EOPNOTSUPP } from "../abi/errno.ts";
import { AioError } from "../errors/aio_error.ts";
import { Queue } from "../queue.ts";
import type { FileHost, FilePosition } from "../file_host.ts";
import { CURRENT_POSITION } from "../route/transfer.ts";
import type { OpenFile } from "./open_file.ts";

/** The kind of a turn that only one operation has. */
const ALONE = -1;

const SEEK_SET = 0;
const SEEK_CUR = 1;

/** Whether a file that is opened with O_DIRECT has a current position. */
export function hasPosition(files: FileHost): boolean {
  return (files.newPosition ?? files.seek) !== undefined;
}

/** Finds and moves the position of a descriptor. */
class SoughtPosition implements FilePosition {
  readonly #file: OpenFile;
  readonly #seek: NonNullable<FileHost["seek"]>;

  constructor(file: OpenFile, seek: NonNullable<FileHost["seek"]>) {
    this.#file = file;
    this.#seek = seek;
  }

  get(): number {
    return this.#to(0, SEEK_CUR);
  }

  set(position: number): void {
    this.#to(position, SEEK_SET);
  }

  #to(offset: number, whence: number): number {
    const { fd, path } = this.#file;
    const res = this.#seek(fd, offset, whence);
    if (res < 0) throw new AioError(res, "lseek", { fd, path });
    return res;
  }
}

function ignore(): void {}

/** An operation that waits for its turn. */
interface Waiting {
  /** {@link ALONE}, or the RWF_* of a write. */
  readonly kind: number;
  readonly begin: () => void;
}

/**
 * The position is the descriptor's, so others that hold the descriptor see it and move it, too.
 * Operations without a position take turns: each begins where the one before it ended. Writes that
 * the threads keep in order have a turn together.
 */
export class Cursor {
  readonly #file: OpenFile;
  /** How the position is found and moved, where the kernel does not do it on the way. */
  readonly #position: FilePosition | undefined;
  /** How many operations have the turn, and of which kind. */
  #holders = 0;
  #kind = ALONE;
  /** Whether turns are being given to those that wait. */
  #isPassing = false;
  readonly #waiting = new Queue<Waiting>();

  /** @param file Whose position it is */
  constructor(file: OpenFile) {
    this.#file = file;
    const { core: { files }, direct } = file;
    this.#position = files.newPosition?.();
    if (direct && this.#position === undefined && files.seek !== undefined) {
      this.#position = new SoughtPosition(file, files.seek);
    }
  }

  /**
   * Throws where there is no current position.
   *
   * @throws {AioError} ENOTSUP
   */
  check(syscall: "read" | "write"): void {
    const { append, direct, fd, path } = this.#file;
    if (this.#position !== undefined || !direct) return;
    // An append goes to the end, wherever the position is.
    if (append && syscall === "write") return;
    const hint = "a file opened with O_DIRECT needs FFI to find its current position; " +
      'give a position, or open with `direct: "try"` to do without O_DIRECT here';
    throw new AioError(-EOPNOTSUPP, syscall, { fd, path, hint });
  }

  /** Whether the kernel finds and moves it: transfers are made at {@link CURRENT_POSITION}. */
  get isKernels(): boolean {
    return this.#position === undefined;
  }

  /**
   * Calls `begin` when it is its turn: now, if nothing is under way. {@link Cursor.leave} is to
   * follow.
   *
   * @param kind RWF_* of a write that `begin` gives to the threads: {@link CoalescedWrites} makes one
   * call of those with the same that are under way together, in the order of the calls of `begin`.
   * By default no other has a turn with it
   */
  enter(begin: () => void, kind: number = ALONE): void {
    // What waits already must not wait for ever.
    const isShared = kind !== ALONE && kind === this.#kind && this.#waiting.length === 0;
    if (this.#isFree || isShared) this.#take(kind, begin);
    else this.#waiting.push({ kind, begin });
  }

  /** Whether nobody has a turn, and nobody is about to get one. */
  get #isFree(): boolean {
    return this.#holders === 0 && this.#waiting.length === 0;
  }

  #take(kind: number, begin: () => void): void {
    this.#kind = kind;
    this.#holders++;
    begin();
  }

  /** Ends a turn, and begins the next when no other has it. */
  leave(): void {
    this.#holders--;
    // One that is over at once leaves while it begins: the loop that has begun it goes on.
    if (this.#isPassing) return;
    this.#isPassing = true;
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      this.#take(next.kind, next.begin);
    }
    this.#isPassing = false;
  }

  /** The one that waits for a turn that it can have now. */
  #next(): Waiting | undefined {
    const isShared = this.#kind !== ALONE && this.#waiting.oldest?.kind === this.#kind;
    return this.#holders === 0 || isShared ? this.#waiting.shift() : undefined;
  }

  /**
   * Reads at a position, or at the current one, which then moves on.
   *
   * @param action Given the position; resolves with the number of bytes
   * @throws {AioError} As {@link Cursor.check}
   */
  at(position: number, action: (position: number) => Promise<number>): Promise<number> {
    if (position !== CURRENT_POSITION) return action(position);
    // A stream has no position, and a read that waits for it must not keep a write waiting.
    if (this.#file.isStream) return action(0);
    this.check("read");
    return this.move(action);
  }

  /**
   * Waits for its turn, and does something at the position, which moves on.
   *
   * @param action Given the position, or {@link CURRENT_POSITION} where the kernel finds and moves
   * it; resolves with the number of bytes to move on
   * @param next Finds the new position, where it is not that many bytes further
   */
  async move(
    action: (position: number) => Promise<number>,
    next?: () => Promise<number>,
  ): Promise<number> {
    const position = this.#position;
    if (this.#isFree) this.#take(ALONE, ignore);
    else await new Promise<void>((resolve) => this.enter(resolve));
    try {
      if (position === undefined) return await action(CURRENT_POSITION);
      const start = position.get();
      const count = await action(start);
      position.set(next === undefined ? start + count : await next());
      return count;
    } finally {
      this.leave();
    }
  }
}
