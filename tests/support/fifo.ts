import { execFileSync } from "node:child_process";
import { closeSync, constants, openSync, readSync, renameSync, writeSync } from "node:fs";
import process from "node:process";
import { TempFolder } from "./temp.ts";

/** How many are made at a time: to start a process takes longer than most tests. */
const AT_ONCE = 32;
/** Those that nobody has yet. */
const spare: string[] = [];

/**
 * A named pipe with both ends open and never blocking; gone when it is disposed of. The ends are
 * two files: one file for both has two wait queues, which the kernel's AIO refuses to poll.
 */
export class Fifo implements Disposable {
  /** Its absolute path. */
  readonly path: string;
  /** The end to read from. */
  readonly fd: number;
  /** The end to write to. */
  readonly writeFd: number;
  readonly #folder = new TempFolder();
  #hungUp = false;

  constructor() {
    this.path = this.#folder.join("fifo");
    if (spare.length === 0) makeSpare();
    renameSync(spare.pop()!, this.path);
    this.fd = openSync(this.path, constants.O_RDONLY | constants.O_NONBLOCK);
    this.writeFd = openSync(this.path, constants.O_WRONLY | constants.O_NONBLOCK);
  }

  /** Makes it readable; does nothing after the end to write to was closed. */
  fill(): void {
    if (!this.#hungUp) writeSync(this.writeFd, "x");
  }

  /** Takes back what {@link Fifo.fill} did. */
  empty(): void {
    readSync(this.fd, new Uint8Array(1));
  }

  /** Closes the end to write to. */
  hangUp(): void {
    if (!this.#hungUp) closeSync(this.writeFd);
    this.#hungUp = true;
  }

  [Symbol.dispose](): void {
    this.hangUp();
    closeSync(this.fd);
    this.#folder[Symbol.dispose]();
  }
}

function makeSpare(): void {
  const folder = new TempFolder();
  for (let i = 0; i < AT_ONCE; i++) spare.push(folder.join(`fifo${i}`));
  execFileSync("mkfifo", spare);
  const remove = () => folder[Symbol.dispose]();
  process.once("exit", remove);
  // A file of tests in Deno does not get the event of the process.
  globalThis.addEventListener?.("unload", remove);
}
