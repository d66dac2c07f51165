/**
 * One request inside the kernel.
 *
 * @module
 */
import { PAGE_SIZE } from "../abi/page.ts";
import { RWF_DSYNC, RWF_SYNC } from "../abi/rw_flags.ts";
import type { Address } from "../kernel.ts";
import type { FileIdentity } from "../threads/file_identity.ts";
import type { OperationKind } from "../threads/file_operation.ts";
import { lengthOf, type Span } from "./address_space.ts";
import type { DiskOperation } from "./disk.ts";
import type { Eventfd } from "./eventfd.ts";
import type { PortableFile } from "./file.ts";
import type { Kioctx } from "./kioctx.ts";

/** No part of memory. */
export const NO_MEMORY: readonly Span[] = [];

/** Keeps a request moving. */
export interface KiocbOwner {
  /** What the request waited for has happened: it is to run again. */
  kick_iocb(request: Kiocb): void;
  /** The disk has done what it was asked for: bytes or `-errno`. */
  progressed(request: Kiocb, res: number): void;
}

/** See struct kiocb. Its life: made ready, run once or more, completed. */
export class Kiocb implements DiskOperation {
  readonly #owner: KiocbOwner;
  /** Its ring gets the event; none: the synchronous path. */
  context: Kioctx | undefined;
  /** Where the program's iocb lies, which identifies the request. */
  iocb: Address;
  /** The lower half of `aio_data`. */
  dataLow = 0;
  /** The upper half of `aio_data`. */
  dataHigh = 0;
  opcode = 0;
  kind: OperationKind = "read";
  /** Whether bytes go to the file. */
  writes = false;
  /** Whether bytes go to the end of the file. */
  append = false;
  /** Whether a transfer that came short is continued. */
  continues = false;
  fd = 0;
  file!: PortableFile;
  /** Where the transfer began. */
  start = 0;
  /** RWF_*. */
  rwFlags = 0;
  /** The memory, one part or more. */
  vector: readonly Span[] = NO_MEMORY;
  address: Address = 0;
  /** Bytes asked for. */
  total = 0;
  /** How many of them the run may have moved when it ends: memory may be missing behind. */
  end = 0;
  /** Bytes moved so far. */
  moved = 0;
  /** Signalled at the end. */
  eventfd: Eventfd | undefined;
  /** Does a part of the work: bytes, `-errno`, -EIOCBQUEUED or -EIOCBRETRY. */
  retry!: (request: Kiocb) => number;
  /**
   * Removes the request from where it waits; `undefined` while it cannot be cancelled. Unless a poll
   * has what it waited for, it stays until the request is over: see `__aio_put_req`.
   */
  cancel: (() => void) | undefined;
  /** It was kicked, and has not run since. */
  kicked = false;
  /** A run is under way. */
  running = false;
  /** On the run list. */
  listed = false;
  cancelled = false;
  /** What the synchronous path waits for. */
  result: number | undefined;

  constructor(owner: KiocbOwner, context: Kioctx | undefined, iocb: Address) {
    this.#owner = owner;
    this.context = context;
    this.iocb = iocb;
  }

  /** It has completed: what belongs to the program may be collected. */
  release(): void {
    this.context = this.eventfd = undefined;
    this.vector = NO_MEMORY;
  }

  /** Makes a released request as good as new. */
  renew(context: Kioctx, iocb: Address): this {
    this.context = context;
    this.iocb = iocb;
    this.start = this.address = 0;
    this.total = this.end = this.moved = 0;
    this.append = this.continues = this.cancelled = false;
    return this;
  }

  /** See {@link DiskOperation.identity}: what a disk works on is a file of `node:fs`. */
  get identity(): FileIdentity {
    return this.file.identity!;
  }

  /** Bytes that the run is to move, or the next part of them. */
  get length(): number {
    const left = this.end - this.moved;
    return this.writes && this.file.writesPages ? Math.min(left, PAGE_SIZE) : left;
  }

  /** See {@link DiskOperation.position}. */
  get position(): number | null {
    if (!this.file.positional) return null;
    // A write that appends goes to the end; a disk might not take the position that it has.
    return this.append ? 0 : this.start + this.moved;
  }

  /** See {@link DiskOperation.durable}. */
  get durable(): "fsync" | "fdatasync" | undefined {
    if (!this.writes || !this.file.syncs) return undefined;
    if ((this.rwFlags & RWF_SYNC) !== 0) return "fsync";
    return (this.rwFlags & RWF_DSYNC) !== 0 ? "fdatasync" : undefined;
  }

  /** See {@link DiskOperation.gather}. */
  gather(target: Uint8Array, from: number = 0): boolean {
    return this.#copy(target, from, false);
  }

  /** See {@link DiskOperation.scatter}. */
  scatter(source: Uint8Array, from: number = 0): boolean {
    return this.#copy(source, from, true);
  }

  /** Copies between `other` and as much of the memory that is left. */
  #copy(other: Uint8Array, from: number, scatters: boolean): boolean {
    const whole = other.length;
    let skip = this.moved + from;
    let at = 0;
    for (const span of this.vector) {
      const { bytes, offset, length } = span;
      if (skip >= length && length > 0) {
        skip -= length;
        continue;
      }
      const count = Math.min(length - skip, whole - at);
      // The program has freed this memory meanwhile.
      if (lengthOf(span) === 0 && count > 0) return false;
      const part = count === whole ? other : other.subarray(at, at + count);
      if (scatters) bytes.set(part, offset + skip);
      else part.set(bytes.subarray(offset + skip, offset + skip + count));
      at += count;
      skip = 0;
      if (at === whole) return true;
    }
    return at === whole;
  }

  /** See {@link DiskOperation.done}. */
  done(res: number): void {
    this.#owner.progressed(this, res);
  }

  /** What it waited for has happened: from a wait queue, at any time. */
  kick(): void {
    this.#owner.kick_iocb(this);
  }
}
