/**
 * One kernel of two that are held against each other: its memory, its files, and what they hold.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { closeSync, constants, existsSync, openSync, readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { loadNative } from "../../ffi/native.ts";
import type { Kernel } from "../../src/kernel.ts";
import { PortableKernel } from "../../src/portable/mod.ts";
import { pattern } from "./bytes.ts";
import { loadLinux } from "../../src/linux/load.ts";
import { Fifo } from "./fifo.ts";
import { O_DIRECT, TempFolder } from "./temp.ts";

/** Bytes of the one allocation that programs work in. */
export const SIZE = 1 << 17;
/** Behind the allocation of the real kernel lies memory that nobody may touch. */
const GUARD = 1 << 20;
/** Where the bytes of requests begin; before that lies what describes them. */
export const DATA = 1 << 16;

/** What requests name. */
export const FILES = [
  "rw",
  "r",
  "w",
  "a",
  "small",
  "direct",
  "neither",
  "null",
  "full",
  "zero",
  "directory",
  "path",
  "closed",
  "minus",
  "high",
  "pipeR",
  "pipeW",
  "fifoR",
  "fifoW",
  "event",
] as const;
/** See {@link FILES}. */
export type FileName = (typeof FILES)[number];

/** The lengths of the files: of the large one, which is open several times, and of the others. */
export const LENGTHS = { large: 8292, small: 100, direct: 8192 } as const;
/** Their names. */
export const FILE_NAMES = ["large", "small", "direct"] as const;

const CONTENTS = {
  large: pattern(LENGTHS.large),
  small: pattern(LENGTHS.small, 7),
  direct: pattern(LENGTHS.direct, 19),
};
const MEMORY = pattern(SIZE - DATA, 0x33);
/** Neither for reading nor for writing. */
const O_ACCMODE = 3;
const O_PATH = 0o10000000;
/** No process has a descriptor so high. */
const CLOSED = 987_654;

/** A kernel, with memory and files of its own that begin every program alike. */
export class Side implements Disposable {
  readonly name: "linux" | "portable";
  readonly kernel: Kernel;
  readonly base: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly view: DataView<ArrayBuffer>;
  readonly fds: Record<FileName, number>;
  readonly #folder = new TempFolder();
  readonly #fifo = new Fifo();
  /** Those that can be opened again and again. */
  #opened: readonly (readonly [FileName, path: string, flags: number])[];
  readonly #makeStreams: () => Streams;
  #streams: Streams;

  constructor(name: "linux" | "portable") {
    this.name = name;
    const { kernel, address, buffer, streams } = name === "linux" ? real() : portable();
    this.kernel = kernel;
    this.base = address;
    this.bytes = new Uint8Array(buffer);
    this.view = new DataView(buffer);
    this.#makeStreams = streams;
    this.#streams = streams();
    this.#write();
    const large = this.#folder.join("large");
    const { O_RDWR, O_RDONLY, O_WRONLY, O_APPEND } = constants;
    this.#opened = [
      ["rw", large, O_RDWR],
      ["r", large, O_RDONLY],
      ["w", large, O_WRONLY],
      ["a", large, O_RDWR | O_APPEND],
      ["small", this.#folder.join("small"), O_RDWR],
      ["direct", this.#folder.join("direct"), O_RDWR | O_DIRECT],
      ["neither", large, O_ACCMODE],
      ["null", "/dev/null", O_RDWR],
      ["full", "/dev/full", O_RDWR],
      ["zero", "/dev/zero", O_RDWR],
      ["directory", this.#folder.path, O_RDONLY],
      ["path", large, O_RDONLY | O_PATH],
    ];
    this.fds = {
      ...this.#open(),
      closed: CLOSED,
      minus: -1,
      high: 0x7fffffff,
      fifoR: this.#fifo.fd,
      fifoW: this.#fifo.writeFd,
      ...this.#streams.fds,
    };
  }

  #open(): Record<FileName, number> {
    const fds = this.#opened.map(([name, path, flags]) => [name, openSync(path, flags)]);
    return Object.fromEntries(fds) as Record<FileName, number>;
  }

  #close(): void {
    for (const [name] of this.#opened) closeSync(this.fds[name]);
  }

  /** Whether {@link Side.reopen} closes it. */
  reopens(file: FileName): boolean {
    return this.#opened.some(([name]) => name === file);
  }

  /** Closes the pipe and the eventfd, which requests may still hold, and makes others. */
  remakeStreams(): void {
    this.#streams.close();
    this.#streams = this.#makeStreams();
    Object.assign(this.fds, this.#streams.fds);
  }

  /** Closes files and opens them again, so that most numbers are those of other files. */
  reopen(): void {
    this.#close();
    this.#opened = this.#opened.toReversed();
    Object.assign(this.fds, this.#open());
  }

  /** Makes memory and files what they are at the beginning of every program. */
  reset(): void {
    this.bytes.fill(0, 0, DATA);
    this.bytes.set(MEMORY, DATA);
    this.#write();
  }

  /** What is as it was is not written, as that would cost a flush before the next direct read. */
  #write(): void {
    for (const name of FILE_NAMES) {
      const path = this.#folder.join(name);
      const is = existsSync(path) && Buffer.compare(readFileSync(path), CONTENTS[name]) === 0;
      if (!is) writeFileSync(path, CONTENTS[name]);
    }
  }

  /** What the files hold, in the order of {@link FILE_NAMES}. */
  contents(): Uint8Array[] {
    return FILE_NAMES.map((name) => readFileSync(this.#folder.join(name)));
  }

  [Symbol.dispose](): void {
    this.#close();
    this.#fifo[Symbol.dispose]();
    this.#streams.close();
    this.#folder[Symbol.dispose]();
  }
}

/** A pipe and an eventfd that never block. */
interface Streams {
  readonly fds: Record<"pipeR" | "pipeW" | "event", number>;
  readonly close: () => void;
}

interface Parts {
  readonly kernel: Kernel;
  readonly address: number;
  readonly buffer: ArrayBuffer;
  readonly streams: () => Streams;
}

const ARM_OR_RISCV = process.arch !== "x64";
const SYS_mprotect = ARM_OR_RISCV ? 226 : 10;
const SYS_eventfd2 = ARM_OR_RISCV ? 19 : 290;
const SYS_pipe2 = ARM_OR_RISCV ? 59 : 293;
const SYS_close = ARM_OR_RISCV ? 57 : 3;
const { O_NONBLOCK } = constants;
const EFD_NONBLOCK = O_NONBLOCK;

function real(): Parts {
  const kernel = loadLinux();
  if (kernel instanceof Error) throw kernel;
  const native = loadNative();
  // The memory is not given back, as a process makes little of it.
  const address = native.map(SIZE + GUARD);
  const errno = native.syscall(SYS_mprotect, 3)(address + SIZE, GUARD, 0);
  if (address < 0 || errno !== 0) throw new Error(`Cannot map guarded memory: ${errno}`);
  const buffer = native.view(address, SIZE);
  const ends = native.map(8);
  const words = new Int32Array(native.view(ends, 8));
  const close = native.syscall(SYS_close, 1);
  const streams = (): Streams => {
    const errno = native.syscall(SYS_pipe2, 2)(ends, O_NONBLOCK);
    const event = native.syscall(SYS_eventfd2, 2)(0, EFD_NONBLOCK);
    if (errno < 0 || event < 0) throw new Error(`No pipe or no eventfd: ${errno}, ${event}`);
    const fds = { pipeR: words[0]!, pipeW: words[1]!, event };
    return { fds, close: () => Object.values(fds).forEach((fd) => close(fd)) };
  };
  return { kernel, address, buffer, streams };
}

function portable(): Parts {
  const kernel = new PortableKernel();
  const { address, buffer } = kernel.allocate(SIZE);
  const streams = (): Streams => {
    const pipe = kernel.pipe();
    const event = kernel.eventfd();
    const close = () => [pipe, event].forEach((stream) => stream[Symbol.dispose]());
    return { fds: { pipeR: pipe.readFd, pipeW: pipe.writeFd, event: event.fd }, close };
  };
  return { kernel, address, buffer, streams };
}
