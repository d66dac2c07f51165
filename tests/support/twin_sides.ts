/**
 * One kernel of two that are held against each other: its memory, its files, and what they hold.
 *
 * @module
 */
import { execFileSync } from "node:child_process";
import { closeSync, constants, ftruncateSync, openSync, readFileSync, writeSync } from "node:fs";
import process from "node:process";
import { loadNative } from "../../ffi/native.ts";
import type { Kernel } from "../../src/kernel.ts";
import { PortableKernel } from "../../src/portable/mod.ts";
import { pattern } from "./bytes.ts";
import { loadLinux } from "../../src/linux/load.ts";
import { TempFolder } from "./temp.ts";

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
  "null",
  "zero",
  "directory",
  "path",
  "closed",
  "minus",
  "high",
  "pipeR",
  "pipeW",
  "event",
] as const;
/** See {@link FILES}. */
export type FileName = (typeof FILES)[number];

/** The length of the file that is open four times, and of the small one. */
export const LENGTHS = { large: 8292, small: 100 } as const;

const CONTENTS = { large: pattern(LENGTHS.large), small: pattern(LENGTHS.small, 7) };
const MEMORY = pattern(SIZE - DATA, 0x33);
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
  readonly #end: () => void;

  constructor(name: "linux" | "portable") {
    this.name = name;
    const { kernel, address, buffer, pipe, event, end } = name === "linux" ? real() : portable();
    this.kernel = kernel;
    this.base = address;
    this.bytes = new Uint8Array(buffer);
    this.view = new DataView(buffer);
    this.#end = end;
    const large = this.#folder.join("large");
    const small = this.#folder.join("small");
    const open = (path: string, flags: number) => openSync(path, flags, 0o600);
    const { O_RDWR, O_RDONLY, O_WRONLY, O_APPEND, O_CREAT } = constants;
    this.fds = {
      rw: open(large, O_RDWR | O_CREAT),
      r: open(large, O_RDONLY),
      w: open(large, O_WRONLY),
      a: open(large, O_RDWR | O_APPEND),
      small: open(small, O_RDWR | O_CREAT),
      null: open("/dev/null", O_RDWR),
      zero: open("/dev/zero", O_RDWR),
      directory: open(this.#folder.path, O_RDONLY),
      path: open(large, O_RDONLY | 0o10000000),
      closed: CLOSED,
      minus: -1,
      high: 0x7fffffff,
      pipeR: pipe(this.#folder.join("fifo"), "read"),
      pipeW: pipe(this.#folder.join("fifo"), "write"),
      event,
    };
  }

  /** Makes memory and files what they are at the beginning of every program. */
  reset(): void {
    this.bytes.fill(0, 0, DATA);
    this.bytes.set(MEMORY, DATA);
    const { rw, small } = this.fds;
    writeSync(rw, CONTENTS.large, 0, LENGTHS.large, 0);
    ftruncateSync(rw, LENGTHS.large);
    writeSync(small, CONTENTS.small, 0, LENGTHS.small, 0);
    ftruncateSync(small, LENGTHS.small);
  }

  /** What the two files hold. */
  contents(): [large: Uint8Array, small: Uint8Array] {
    return [
      readFileSync(this.#folder.join("large")),
      readFileSync(this.#folder.join("small")),
    ];
  }

  [Symbol.dispose](): void {
    const { rw, r, w, a, small, null: nothing, zero, directory, path } = this.fds;
    for (const fd of [rw, r, w, a, small, nothing, zero, directory, path]) closeSync(fd);
    this.#end();
    this.#folder[Symbol.dispose]();
  }
}

interface Parts {
  readonly kernel: Kernel;
  readonly address: number;
  readonly buffer: ArrayBuffer;
  readonly pipe: (path: string, end: "read" | "write") => number;
  readonly event: number;
  readonly end: () => void;
}

const ARM_OR_RISCV = process.arch !== "x64";
const SYS_mprotect = ARM_OR_RISCV ? 226 : 10;
const SYS_eventfd2 = ARM_OR_RISCV ? 19 : 290;
const EFD_NONBLOCK = 0o4000;

function real(): Parts {
  const kernel = loadLinux();
  if (kernel instanceof Error) throw kernel;
  const native = loadNative();
  const address = native.map(SIZE + GUARD);
  const errno = native.syscall(SYS_mprotect, 3)(address + SIZE, GUARD, 0);
  if (address < 0 || errno !== 0) throw new Error(`Cannot map guarded memory: ${errno}`);
  const buffer = native.view(address, SIZE);
  const event = native.syscall(SYS_eventfd2, 2)(0, EFD_NONBLOCK);
  let made = false;
  const ends: number[] = [event];
  const pipe = (path: string, end: "read" | "write") => {
    if (!made) execFileSync("mkfifo", [path]);
    made = true;
    const { O_RDONLY, O_WRONLY, O_NONBLOCK } = constants;
    const fd = openSync(path, (end === "read" ? O_RDONLY : O_WRONLY) | O_NONBLOCK);
    ends.push(fd);
    return fd;
  };
  // Neither the memory nor the eventfd is given back: a process makes few of them
  const end = () => ends.slice(1).forEach((fd) => closeSync(fd));
  return { kernel, address, buffer, pipe, event, end };
}

function portable(): Parts {
  const kernel = new PortableKernel();
  const { address, buffer } = kernel.allocate(SIZE);
  const pipe = kernel.pipe();
  return {
    kernel,
    address,
    buffer,
    pipe: (_, end) => end === "read" ? pipe.readFd : pipe.writeFd,
    event: kernel.eventfd().fd,
    end: () => pipe[Symbol.dispose](),
  };
}
