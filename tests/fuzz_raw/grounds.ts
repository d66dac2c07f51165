import { closeSync, constants, ftruncateSync, openSync, readSync, writeSync } from "node:fs";
import { writeFileSync } from "node:fs";
import { Fifo } from "../support/fifo.ts";
import { DISK, O_DIRECT, SHM, TempFolder } from "../support/temp.ts";

const LENGTH = 1 << 20;

/** The descriptors that requests are made on: all of them the fuzzer's own, or nobody's. */
export class Grounds implements Disposable {
  /** What a request may name. */
  readonly fds: readonly number[];
  readonly #fifo = new Fifo();
  readonly #folders = [new TempFolder(SHM), new TempFolder(DISK)];
  readonly #files: number[] = [];
  readonly #cut: number[];

  constructor() {
    const [memory, disk] = this.#folders as [TempFolder, TempFolder];
    writeFileSync(memory.join("file"), new Uint8Array(LENGTH));
    writeFileSync(disk.join("file"), new Uint8Array(LENGTH));
    const open = (path: string, flags: number) => {
      const fd = openSync(path, flags);
      this.#files.push(fd);
      return fd;
    };
    const { O_RDONLY, O_WRONLY, O_RDWR, O_DIRECTORY } = constants;
    const cached = open(memory.join("file"), O_RDWR);
    const direct = open(disk.join("file"), O_RDWR | O_DIRECT);
    this.#cut = [cached, direct];
    this.fds = [
      cached,
      cached,
      cached,
      direct,
      open(memory.join("file"), O_RDONLY),
      open(memory.join("file"), O_WRONLY),
      open(memory.path, O_RDONLY | O_DIRECTORY),
      open("/dev/zero", O_RDWR),
      open("/dev/null", O_RDWR),
      open("/dev/full", O_RDWR),
      open("/proc/self/status", O_RDONLY),
      this.#fifo.fd,
      this.#fifo.fd,
      // Nobody's: no process may have so many
      2 ** 31 - 1,
      2 ** 32 - 1,
      2 ** 20 * 1000,
    ];
  }

  /** Brings the files back to their length, and lets the polls go that wait for the pipe. */
  tidy(): void {
    for (const fd of this.#cut) ftruncateSync(fd, LENGTH);
    this.#fifo.fill();
  }

  /** Empties the pipe again. */
  drain(): void {
    try {
      readSync(this.#fifo.fd, new Uint8Array(65536));
    } catch { /* A request has read it. */ }
  }

  /** Writes where nothing reads: that the descriptors still are what they were. */
  check(): void {
    writeSync(this.fds[8]!, "x");
  }

  [Symbol.dispose](): void {
    this.#files.forEach((fd) => closeSync(fd));
    this.#fifo[Symbol.dispose]();
    this.#folders.forEach((folder) => folder[Symbol.dispose]());
  }
}
