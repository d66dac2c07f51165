/**
 * One request inside the kernel.
 *
 * @module
 */
import {
  IOCB_CMD_FDSYNC,
  IOCB_CMD_FSYNC,
  IOCB_CMD_PWRITE,
  IOCB_CMD_PWRITEV,
} from "../abi/opcodes.ts";
import { RWF_APPEND, RWF_DSYNC, RWF_SYNC } from "../abi/rw_flags.ts";
import type { Address } from "../kernel.ts";
import { lengthOf, type Span } from "./address_space.ts";
import type { Operation, OperationKind } from "./disk.ts";
import type { Eventfd } from "./eventfd.ts";
import type { PortableFile } from "./file.ts";
import type { Kioctx } from "./kioctx.ts";

/** Results of a run that are none for the program; numbers as in include/linux/errno.h. */
export const EIOCBQUEUED = 529;
/** The run got nowhere, and {@link Kiocb.kick} will bring the next. */
export const EIOCBRETRY = 530;

/** No part of memory. */
export const NO_MEMORY: readonly Span[] = [];

/** See struct kiocb. Its life: taken, run once or more, completed. */
export class Kiocb implements Operation {
  /** Whose ring gets the event; none: the synchronous path. */
  context: Kioctx | undefined;
  /** Where the program's iocb lies: what it is known by. */
  iocb: Address;
  /** The lower half of `aio_data`. */
  dataLow = 0;
  /** The upper half of `aio_data`. */
  dataHigh = 0;
  opcode = 0;
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
  /** Bytes moved so far. */
  moved = 0;
  /** Signalled at the end. */
  eventfd: Eventfd | undefined;
  /** Does a part of the work: bytes, `-errno`, -EIOCBQUEUED or -EIOCBRETRY. */
  retry!: (request: Kiocb) => number;
  /** Takes the request from where it waits; `undefined` while it cannot be cancelled. */
  cancel: (() => void) | undefined;
  /** A kick that no run has answered yet. */
  kicked = false;
  /** A run is under way. */
  running = false;
  /** On the run list. */
  listed = false;
  cancelled = false;
  /** What the synchronous path waits for. */
  result: number | undefined;
  /** Told when the disk has done what it was asked. */
  progressed!: (request: Kiocb, res: number) => void;

  constructor(context: Kioctx | undefined, iocb: Address) {
    this.context = context;
    this.iocb = iocb;
  }

  /** It is over: what belongs to the program may be collected. */
  release(): void {
    this.context = this.eventfd = undefined;
    this.vector = NO_MEMORY;
  }

  /** Makes one that was released, and that nobody knows any more, as good as new. */
  renew(context: Kioctx, iocb: Address): this {
    this.context = context;
    this.iocb = iocb;
    this.start =
      this.address =
      this.total =
      this.moved =
        0;
    return this;
  }

  /** See {@link Operation.kind}. */
  get kind(): OperationKind {
    if (this.opcode === IOCB_CMD_FSYNC) return "fsync";
    if (this.opcode === IOCB_CMD_FDSYNC) return "fdatasync";
    return this.writes ? "write" : "read";
  }

  /** Whether bytes go to the file. */
  get writes(): boolean {
    return this.opcode === IOCB_CMD_PWRITE || this.opcode === IOCB_CMD_PWRITEV;
  }

  /** Bytes that are left to move. */
  get length(): number {
    return this.total - this.moved;
  }

  /** See {@link Operation.position}. */
  get position(): number | null {
    if (!this.file.positional) return null;
    // That of the end counts, and this one may be none that a disk could take
    return this.append ? 0 : this.start + this.moved;
  }

  /** See {@link Operation.append}. */
  get append(): boolean {
    return this.writes && (this.rwFlags & RWF_APPEND) !== 0;
  }

  /** See {@link Operation.durable}. */
  get durable(): "fsync" | "fdatasync" | undefined {
    if (!this.writes || !this.file.syncs) return undefined;
    if ((this.rwFlags & RWF_SYNC) !== 0) return "fsync";
    return (this.rwFlags & RWF_DSYNC) !== 0 ? "fdatasync" : undefined;
  }

  /** See {@link Operation.gather}. */
  gather(target: Uint8Array, from: number = 0): boolean {
    return this.#each(target, from, copyFrom);
  }

  /** See {@link Operation.scatter}. */
  scatter(source: Uint8Array, from: number = 0): boolean {
    return this.#each(source, from, copyTo);
  }

  /** Pairs the memory that is left with as much of `other`. */
  #each(other: Uint8Array, from: number, copy: Copy): boolean {
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
      // Memory that was freed meanwhile
      if (lengthOf(span) === 0 && count > 0) return false;
      copy(bytes, offset + skip, count === whole ? other : other.subarray(at, at + count), count);
      at += count;
      skip = 0;
      if (at === whole) return true;
    }
    return at === whole;
  }

  /** See {@link Operation.done}. */
  done(res: number): void {
    this.progressed(this, res);
  }

  /** What it waited for has happened: from a wait queue, at any time. See kick_iocb. */
  kick(): void {
    this.onKick(this);
  }

  /** Who runs it again. */
  onKick!: (request: Kiocb) => void;
}

/** Copies between all of `part` and the memory from an offset on. */
type Copy = (memory: Uint8Array, offset: number, part: Uint8Array, count: number) => void;

function copyFrom(memory: Uint8Array, offset: number, part: Uint8Array, count: number): void {
  part.set(memory.subarray(offset, offset + count));
}

function copyTo(memory: Uint8Array, offset: number, part: Uint8Array): void {
  memory.set(part, offset);
}
